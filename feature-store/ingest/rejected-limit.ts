/** How many rejected rows of a file are too many: then its export is wrong, not a row. */
import { describeFault, PipelineError } from '../../contracts/errors.js';
import type { ParsedSource } from './parse-flows.js';

/**
 * Refuses a file with more rejected rows than the limit.
 *
 * @param limit a number of rows, `100`, or a share of the rows read, `1%`
 * @throws PipelineError TOO_MANY_REJECTED
 */
export function requireFewRejected(
  { sourceFile: file, rowsRead, rowsRejected, faults }: ParsedSource,
  limit: string,
): void {
  const number = Number(limit.replace('%', ''));
  if (rowsRejected <= (limit.endsWith('%') ? (number / 100) * rowsRead : number)) return;
  const share = ((rowsRejected / rowsRead) * 100).toFixed(2);
  const [first] = faults;
  throw new PipelineError({
    code: 'TOO_MANY_REJECTED',
    file,
    found: `${rowsRejected} of ${rowsRead} rows rejected (${share} %)${first === undefined ? '' : `, the first: ${describeFault(first)}`}`,
    expected: `at most ${limit}`,
    fix: 'mend the export, or ingest with a higher --max-rejected; none of its rows were stored',
  });
}
