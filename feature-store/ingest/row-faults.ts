/** Rejected rows as faults: the same whether they were just parsed or lie in `flows_rejected`. */
import type { Fault } from '../../contracts/errors.js';
import type { Session } from '../duckdb.js';
import { RAW_COLUMNS, type RawColumn } from '../sources/flow-columns.js';

/**
 * The first rejected rows of one file, by row.
 *
 * @param rejected a SELECT or FROM with `source_row`, `source_column`, `reason`, and `value` where the table has it
 * @param file the file that the faults name, absolute
 */
export async function firstRowFaults(
  session: Session,
  rejected: string,
  file: string,
  count = 20,
): Promise<Fault[]> {
  const rows = await session.rows<RejectedRecord>(
    `SELECT * FROM (${rejected}) ORDER BY source_row LIMIT ${count}`,
  );
  return rows.map((row) => faultOf(file, row));
}

interface RejectedRecord {
  readonly source_row: number;
  readonly source_column: string | null;
  readonly reason: string;
  /** Absent in tables of 0.4.0. */
  readonly value?: string | null;
}

function faultOf(file: string, row: RejectedRecord): Fault {
  const column = RAW_COLUMNS.find(({ name }) => name === row.source_column);
  return {
    code: 'FLOW_ROW_INVALID',
    file,
    row: row.source_row,
    ...(row.source_column !== null && { column: row.source_column }),
    found:
      typeof row.value === 'string' ? `${JSON.stringify(row.value)}: ${row.reason}` : row.reason,
    ...(column !== undefined && { expected: expectedOf(column) }),
    fix: 'mend the row or leave it: it is kept in the table flows_rejected with its text',
  };
}

function expectedOf({ name, kind, max }: RawColumn): string {
  if (name === 'APP') return 'a name of 1 to 240 bytes, percent-encoded';
  if (name === 'CATEGORY') return 'a name';
  return max === undefined ? EXPECTED_OF_KIND[kind] : `${EXPECTED_OF_KIND[kind]}, at most ${max}`;
}

const EXPECTED_OF_KIND = {
  text: 'text of printable characters',
  count: 'a whole number that is not negative',
  flag: '0 or 1',
  decimal: 'seconds, such as 0.095',
  time: 'a UTC time like 2022-06-06T10:00:00.123456',
  ppi: 'a JSON list of packet times, directions, sizes (and push flags), each PPI_LEN long',
  histogram: 'a JSON list of 8 counts',
} as const;
