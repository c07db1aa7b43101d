/** A snapshot as SQL: the one way rows are read. */
import { quote, quoteList, quoteName } from '../duckdb.js';
import { duckdbType, type Column } from './schema.js';
import { columnsOf, type LiveFile, type Snapshot } from './snapshot.js';

/** The part of a snapshot that a scan needs. */
export interface Scannable<F extends ScannedFile = ScannedFile> extends Pick<
  Snapshot,
  'columns' | 'schemas' | 'partitionColumns'
> {
  readonly files: ReadonlyMap<string, F>;
}

type ScannedFile = Pick<LiveFile, 'file' | 'addedIn'>;

/**
 * A SELECT over the live files of a snapshot, with the table's columns in order. A column that is younger
 * than a file is NULL in its rows.
 *
 * @param keep which files to read; skipped files are never opened
 */
export function scanSnapshot<F extends ScannedFile>(
  snapshot: Scannable<F>,
  keep: (file: F) => boolean = () => true,
): string {
  const bySchema = new Map<readonly Column[], string[]>();
  for (const file of snapshot.files.values()) {
    if (!keep(file)) continue;
    const columns = columnsOf(snapshot, file);
    const files = bySchema.get(columns) ?? [];
    files.push(file.file);
    bySchema.set(columns, files);
  }
  if (bySchema.size === 0) return `SELECT ${selected(snapshot, []).join(', ')} WHERE false`;
  return [...bySchema]
    .map(
      ([columns, files]) =>
        `SELECT ${selected(snapshot, columns).join(', ')} FROM ${readFiles(files, snapshot)}`,
    )
    .join(' UNION ALL ');
}

/** Each column of the table by name where the files have it, as NULL where they do not. */
function selected(snapshot: Scannable, written: readonly Column[]): string[] {
  const names = new Set(written.map(({ name }) => name));
  return snapshot.columns.map(({ name, type }) =>
    names.has(name) ? quoteName(name) : `NULL::${duckdbType(type)} AS ${quoteName(name)}`,
  );
}

/**
 * A relation of the rows of data files, with the values of the partition columns from the names of their folders.
 *
 * @param files absolute paths or addresses, at least one
 */
export function readFiles(
  files: readonly string[],
  table: Pick<Snapshot, 'columns' | 'partitionColumns'>,
): string {
  return `read_parquet(${quoteList(files)}${hiveOptions(table)})`;
}

// the folder names hold the same values as the log (we alone write both), so DuckDB may take them from there
function hiveOptions({
  columns,
  partitionColumns,
}: Pick<Snapshot, 'columns' | 'partitionColumns'>): string {
  if (partitionColumns.length === 0) return ', hive_partitioning = false';
  const types = partitionColumns.map((name) => {
    const column = columns.find((candidate) => candidate.name === name);
    return `${quote(name)}: ${duckdbType(column?.type ?? 'string')}`;
  });
  return `, hive_partitioning = true, hive_types = {${types.join(', ')}}`;
}
