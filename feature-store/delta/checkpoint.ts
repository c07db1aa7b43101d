/** When a table gets a checkpoint, and what goes into it. */
import type { LogLine } from './actions.js';
import { writeCheckpoint } from './checkpoint-file.js';
import { listLog, readSnapshot, type Snapshot } from './snapshot.js';

/** Commits after which a table gets a checkpoint; 10 is Delta's default. */
const CHECKPOINT_INTERVAL = 10;

/** How long a file that a version no longer has keeps its tombstone, and by default stays on disk. */
export const RETENTION_MS = 30 * 86_400_000;

/**
 * Makes a checkpoint of the table as it is now when the last one lies `interval` or more versions back.
 *
 * @returns the version that it made one of, undefined when none was due
 * @throws PipelineError DELTA_LOG_BROKEN
 */
export async function checkpointIfDue(
  table: string,
  nowMs: number = Date.now(),
  interval: number = CHECKPOINT_INTERVAL,
): Promise<number | undefined> {
  const { versions, checkpoints } = await listLog(table);
  if (versions.length - 1 - (checkpoints.at(-1) ?? 0) < interval) return undefined;
  const snapshot = await readSnapshot(table);
  if (snapshot === undefined) return undefined;
  await writeCheckpoint(table, {
    version: snapshot.version,
    lines: actionsOf(snapshot, nowMs),
    history: {
      timestampMs: snapshot.timestampMs,
      metaData: snapshot.metaData,
      schemas: snapshot.schemas.map(({ version, columns }) => ({
        version,
        columns: columns.length,
      })),
    },
  });
  return snapshot.version;
}

function actionsOf(snapshot: Snapshot, nowMs: number): LogLine[] {
  return [
    { protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
    { metaData: snapshot.metaData },
    ...[...snapshot.txns].map(([appId, version]) => ({ txn: { appId, version } })),
    ...[...snapshot.removed.values()]
      .filter(({ deletionTimestamp }) => deletionTimestamp > nowMs - RETENTION_MS)
      .map((remove) => ({ remove: { ...remove, dataChange: false } })),
    ...[...snapshot.files.values()].map(({ add, addedIn }) => ({
      add: { ...add, dataChange: false, defaultRowCommitVersion: addedIn },
    })),
  ];
}
