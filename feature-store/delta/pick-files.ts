/**
 * A snapshot of only those files that a condition on partition values and statistics lets through. What lies in the
 * checkpoint is filtered there, so a query for one partition of ten thousand does not read them all.
 */
import { quote, type Session } from '../duckdb.js';
import { readCheckpointFiles, readCheckpointHead } from './checkpoint-file.js';
import type { Scannable } from './scan.js';
import { readLog, type Snapshot } from './snapshot.js';
import { storageOf } from './storage-of.js';

/** A table at one version before its files are picked. */
export interface TableHead {
  /** With the files and removals since the checkpoint only. */
  readonly recent: Snapshot;
  /** Version of the checkpoint that holds the other files; undefined when there are none. */
  readonly checkpoint: number | undefined;
}

/**
 * The table as of `version`, or as it is now; undefined when there is no such table yet.
 *
 * @throws PipelineError TABLE_VERSION_UNKNOWN, DELTA_LOG_BROKEN
 */
export async function readHead(
  session: Session,
  table: string,
  version?: number,
): Promise<TableHead | undefined> {
  const log = await readLog(table, version, (at) => readCheckpointHead(session, table, at));
  return log && { recent: log.now, checkpoint: log.base };
}

/** A table at one version with some of its files. */
export interface PickedFiles extends Scannable {
  readonly table: string;
  readonly version: number;
}

/**
 * The table with the files that meet a condition.
 *
 * @param condition SQL over `add`, a struct as `AddAction` has it; `true` for all files
 * @throws PipelineError DELTA_LOG_BROKEN
 */
export async function pickFiles(
  session: Session,
  { recent, checkpoint }: TableHead,
  condition: string,
): Promise<PickedFiles> {
  const { table, version, columns, schemas, partitionColumns, removed } = recent;
  const storage = storageOf(table);
  const files = new Map<string, { file: string; addedIn: number }>();
  if (checkpoint !== undefined)
    for (const { path, addedIn } of await readCheckpointFiles(
      session,
      table,
      checkpoint,
      condition,
    ))
      if (!removed.has(path))
        files.set(path, { file: storage.location(decodeURIComponent(path)), addedIn });
  for (const path of await pickRecent(session, recent, condition)) {
    const file = recent.files.get(path);
    if (file !== undefined) files.set(path, file);
  }
  return { table, version, columns, schemas, partitionColumns, files };
}

/** Log paths, in the order of the log. */
async function pickRecent(
  session: Session,
  { files }: Snapshot,
  condition: string,
): Promise<string[]> {
  if (files.size === 0 || condition === 'true') return [...files.keys()];
  const adds = [...files.values()].map(({ add: { path, partitionValues, stats } }) => ({
    ...{ path, partitionValues, stats },
  }));
  const type =
    '[{"path": "VARCHAR", "partitionValues": "MAP(VARCHAR, VARCHAR)", "stats": "VARCHAR"}]';
  const rows = await session.rows<{ path: string }>(
    `SELECT add.path AS path FROM (SELECT unnest(from_json(${quote(JSON.stringify(adds))}, ${quote(type)})) AS add)
     WHERE ${condition}`,
  );
  return rows.map(({ path }) => path);
}
