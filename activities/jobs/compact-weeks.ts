/**
 * Compaction of `flows`, week by week: the seven and more files that a week's sources leave in each partition become one.
 *
 * The job commits by itself: each commit is whole, gives way to an ingest that was there first, and is nothing new to
 * a later call. A child that is killed leaves files that no version names, which a vacuum deletes.
 */
import { join } from 'node:path';
import { compactTable, type Compacted } from '../../feature-store/compact.js';
import { readSnapshot, type LiveFile } from '../../feature-store/delta/snapshot.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { FLOWS, isoWeekText, tableFolder } from '../../feature-store/tables.js';
import type { JobContext } from './index.js';

/** A partition of the newest week, which is still open, is compacted from this many files on. */
const MANY_FILES = 16;

/** Compacts what is closed: weeks before the newest of the table, and partitions of that with many files. */
export async function compactWeeksJob(
  _input: object,
  { layout, stagingDir, threads, progress, shouldStop }: JobContext,
): Promise<Compacted> {
  const table = tableFolder(layout.tables, FLOWS.name);
  const snapshot = await readSnapshot(table);
  const db = await FeatureDb.open({ threads, tempDirectory: join(stagingDir, 'spill') });
  try {
    return await compactTable({
      ...{ db, table, schema: FLOWS, stagingDir, progress, shouldStop },
      only: isClosed([...(snapshot?.files.values() ?? [])]),
    });
  } finally {
    db.close();
  }
}

function isClosed(files: readonly LiveFile[]): (file: LiveFile) => boolean {
  const newest = files.map(weekOf).sort().at(-1) ?? '';
  const inPartition = new Map<string, number>();
  for (const file of files) inPartition.set(keyOf(file), (inPartition.get(keyOf(file)) ?? 0) + 1);
  return (file) => weekOf(file) < newest || (inPartition.get(keyOf(file)) ?? 0) >= MANY_FILES;
}

function weekOf({ partitionValues }: LiveFile): string {
  return isoWeekText(Number(partitionValues['iso_year']), Number(partitionValues['iso_week']));
}

function keyOf({ partitionValues }: LiveFile): string {
  return JSON.stringify(partitionValues);
}
