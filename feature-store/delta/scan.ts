/** A snapshot as SQL: the one way rows are read. */
import { quote, quoteList, quoteName } from '../duckdb.js';
import { duckdbType } from './schema.js';
import type { LiveFile, Snapshot } from './snapshot.js';

/**
 * A SELECT over the live files of a snapshot, with the table's columns in order.
 *
 * @param keep which files to read; skipped files are never opened
 */
export function scanSnapshot(
  snapshot: Snapshot,
  keep: (file: LiveFile) => boolean = () => true,
): string {
  const files = [...snapshot.files.values()].filter(keep).map(({ file }) => file);
  if (files.length === 0) {
    const nothing = snapshot.columns.map(
      ({ name, type }) => `NULL::${duckdbType(type)} AS ${quoteName(name)}`,
    );
    return `SELECT ${nothing.join(', ')} WHERE false`;
  }
  const columns = snapshot.columns.map(({ name }) => quoteName(name)).join(', ');
  return `SELECT ${columns} FROM read_parquet(${quoteList(files)}${hiveOptions(snapshot)})`;
}

// the folder names hold the same values as the log (we alone write both), so DuckDB may take them from there
function hiveOptions(snapshot: Snapshot): string {
  if (snapshot.partitionColumns.length === 0) return ', hive_partitioning = false';
  const types = snapshot.partitionColumns.map((name) => {
    const column = snapshot.columns.find((candidate) => candidate.name === name);
    return `${quote(name)}: ${duckdbType(column?.type ?? 'string')}`;
  });
  return `, hive_partitioning = true, hive_types = {${types.join(', ')}}`;
}
