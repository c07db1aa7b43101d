/** The rows that did not parse, as a person asks for them. */
import path from 'node:path';
import { PipelineError } from '../contracts/errors.js';
import { quote } from './duckdb.js';
import { queryIfPresent } from './query-tables.js';
import { detectCompression, firstLines } from './sources/decompress.js';
import { FLOWS_REJECTED } from './tables.js';

/** Which rejected rows. */
export interface RejectedFilter {
  /** Absolute path of the raw file. @default all */
  readonly file?: string;
  /** Part of the reason, letter case does not matter. @default all */
  readonly reason?: string;
}

/** One row that did not parse. */
export interface RejectedRecord {
  readonly file: string;
  /** From 1. */
  readonly row: number;
  /** Null when the row as a whole is at fault. */
  readonly column: string | null;
  /** Null as `column`, and in rows of 0.4.0. */
  readonly value: string | null;
  readonly reason: string;
  /** Its first 65,536 characters. */
  readonly raw: string;
}

/** How often a reason occurs. */
export interface RejectedReason {
  readonly column: string | null;
  readonly reason: string;
  readonly rows: number;
  readonly files: number;
}

/** Rejected rows by file and row. @param limit at most this many; all when undefined */
export async function rejectedRows(
  tablesRoot: string,
  filter: RejectedFilter,
  limit?: number,
): Promise<readonly RejectedRecord[]> {
  const rows = await queryIfPresent(
    tablesRoot,
    FLOWS_REJECTED.name,
    `SELECT * FROM flows_rejected WHERE ${holds(filter)} ORDER BY source_file, source_row
     ${limit === undefined ? '' : `LIMIT ${limit}`}`,
  );
  return rows.map((row) => ({
    file: String(row['source_file']),
    row: Number(row['source_row']),
    column: textOrNull(row['source_column']),
    value: textOrNull(row['value']),
    reason: String(row['reason']),
    raw: String(row['raw']),
  }));
}

/** The reasons, the most frequent first; together they count every row. */
export async function rejectedReasons(
  tablesRoot: string,
  filter: RejectedFilter,
): Promise<readonly RejectedReason[]> {
  const rows = await queryIfPresent(
    tablesRoot,
    FLOWS_REJECTED.name,
    `SELECT source_column, reason, count(*) AS rows, count(DISTINCT source_file) AS files
     FROM flows_rejected WHERE ${holds(filter)} GROUP BY ALL ORDER BY rows DESC, source_column, reason`,
  );
  return rows.map((row) => ({
    column: textOrNull(row['source_column']),
    reason: String(row['reason']),
    rows: Number(row['rows']),
    files: Number(row['files']),
  }));
}

/**
 * The rejected rows of a file as a flow file of their own, to be mended and ingested: its header and their text.
 *
 * @param file absolute path; it must still be there, for its header
 * @throws PipelineError INPUT_NOT_FOUND
 */
export async function rejectedAsFile(tablesRoot: string, file: string): Promise<string> {
  const rows = await rejectedRows(tablesRoot, { file });
  try {
    const [header = ''] = await firstLines(file, await detectCompression(file), 1);
    return [header, ...rows.map(({ raw }) => raw), ''].join('\n');
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')) throw cause;
    throw new PipelineError(
      {
        code: 'INPUT_NOT_FOUND',
        file,
        found: 'no such file',
        expected: `${path.basename(file)} where it was ingested, for its header`,
        fix: 'put it back, or take the rows from `sentinel rejected --csv`',
      },
      { cause },
    );
  }
}

function holds({ file, reason }: RejectedFilter): string {
  return [
    ...(file === undefined ? [] : [`source_file = ${quote(file)}`]),
    ...(reason === undefined ? [] : [`contains(lower(reason), ${quote(reason.toLowerCase())})`]),
    'true',
  ].join(' AND ');
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null; // a VARCHAR
}
