/** How commands speak: results on stdout, everything else on stderr, faults with their mend. */
import { once } from 'node:events';
import Table from 'cli-table3';
import pc from 'picocolors';
import { describeFault, PipelineError, type Fault } from '../contracts/errors.js';

/** The one JSON document of a `--json` call. */
export function printJson(value: unknown): void {
  // JSON has no place for a bigint, and DuckDB gives one for sums beyond 2 ** 53
  const withoutBigints = (_key: string, inner: unknown): unknown =>
    typeof inner === 'bigint' ? String(inner) : inner;
  process.stdout.write(`${JSON.stringify(value, withoutBigints, 2)}\n`);
}

/** A piece of a large result; resolves when the reader has room for more. */
export async function writeOut(piece: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
}

/** A line for the reader at the terminal; never mixed with results. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** A plain table: bold head, no inner rules. */
export function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const grid = new Table({
    head: head.map((title) => pc.bold(title)),
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 2 },
    chars: Object.fromEntries(
      ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left']
        .concat([
          'bottom-right',
          'left',
          'left-mid',
          'mid',
          'mid-mid',
          'right',
          'right-mid',
          'middle',
        ])
        .map((part) => [part, '']),
    ),
  });
  grid.push(...rows.map((row) => row.map(cellText)));
  return grid.toString();
}

function cellText(cell: unknown): string {
  if (cell === null || cell === undefined) return '';
  if (cell instanceof Date) return cell.toISOString();
  return typeof cell === 'string' || typeof cell === 'bigint' ? String(cell) : JSON.stringify(cell);
}

/** Says what went wrong, with `--json` as a document too; the exit code is 2 for bad usage, 1 for the rest. */
export function reportError(error: unknown): 1 | 2 {
  const fault = faultOf(error);
  if (process.argv.includes('--json')) printJson({ errors: [fault ?? unforeseen(error)] });
  if (fault !== undefined) say(pc.red(describeFault(fault)));
  else say(pc.red(error instanceof Error ? (error.stack ?? error.message) : String(error)));
  return fault?.code === 'CLI_USAGE' ? 2 : 1;
}

/** The fault of an error, or of what caused it: Temporal's client wraps what reading an answer threw. */
function faultOf(error: unknown): Fault | undefined {
  if (error instanceof PipelineError) return error.fault;
  return error instanceof Error ? faultOf(error.cause) : undefined;
}

function unforeseen(error: unknown): Fault {
  return {
    code: 'INTERNAL',
    found: error instanceof Error ? error.message : String(error),
    fix: 'report this message with the version of the program',
  };
}
