/** What tables there are, and what was done to each. */
import { PipelineError } from '../contracts/errors.js';
import { commitTimes } from './delta/commit-times.js';
import { inParallel } from './delta/in-parallel.js';
import { countRows, readLogEntry, readSnapshot, rowsOf, type Snapshot } from './delta/snapshot.js';
import { listFolders } from './delta/storage-of.js';
import { tableFolder } from './tables.js';

/** A table in one line, as of its newest version. */
export interface TableSummary {
  readonly name: string;
  readonly version: number;
  readonly rows: number;
  readonly files: number;
  readonly bytes: number;
  /** Different partition values; 1 for a table that is not partitioned and has rows. */
  readonly partitions: number;
}

/** One version of a table. */
export interface HistoryEntry {
  readonly version: number;
  /** When it was committed, ISO, UTC; rises from version to version. */
  readonly time: string;
  /** `WRITE`, or `OPTIMIZE` for a compaction. */
  readonly operation: string;
  readonly filesAdded: number;
  readonly filesRemoved: number;
  readonly rowsAdded: number;
  readonly rowsRemoved: number;
  /** What its writer noted, such as the task of a run. */
  readonly info: Readonly<Record<string, string>>;
}

/** Every table of a folder of tables, by name. */
export async function listTables(tablesRoot: string): Promise<TableSummary[]> {
  const found = await inParallel(await listFolders(tablesRoot), async (name) => {
    const snapshot = await readSnapshot(tableFolder(tablesRoot, name));
    return snapshot === undefined ? [] : [summaryOf(name, snapshot)];
  });
  return found.flat();
}

/**
 * A table as of its newest version.
 *
 * @throws PipelineError TABLE_UNKNOWN
 */
export async function requireTable(tablesRoot: string, name: string): Promise<Snapshot> {
  const names = await listFolders(tablesRoot);
  const snapshot = names.includes(name)
    ? await readSnapshot(tableFolder(tablesRoot, name))
    : undefined;
  if (snapshot !== undefined) return snapshot;
  throw new PipelineError({
    code: 'TABLE_UNKNOWN',
    found: `the table ${JSON.stringify(name)}`,
    expected: names.join(', ') || 'no table exists yet',
    fix: 'see `sentinel tables list`',
  });
}

/** One line for a table. */
export function summaryOf(name: string, { version, files }: Snapshot): TableSummary {
  const live = [...files.values()];
  return {
    name,
    version,
    rows: countRows(live),
    files: live.length,
    bytes: live.reduce((sum, { bytes }) => sum + bytes, 0),
    partitions: new Set(live.map(({ partitionValues }) => JSON.stringify(partitionValues))).size,
  };
}

/**
 * The newest versions of a table, newest first.
 *
 * @param limit how many at most
 * @throws PipelineError DELTA_LOG_BROKEN
 */
export async function tableHistory(table: string, limit: number): Promise<HistoryEntry[]> {
  const times = await commitTimes(table);
  const first = Math.max(0, times.length - limit);
  const before = first === 0 ? undefined : await readSnapshot(table, { version: first - 1 });
  // a remove action does not say how many rows its file had
  const rows = new Map(
    [...(before?.files.values() ?? [])].map((file) => [file.logPath, file.rows]),
  );
  const history: HistoryEntry[] = [];
  for (let version = first; version < times.length; version++) {
    const lines = await readLogEntry(table, version);
    const adds = lines.flatMap(({ add }) => add ?? []);
    const removes = lines.flatMap(({ remove }) => remove ?? []);
    const info = lines.find(({ commitInfo }) => commitInfo)?.commitInfo;
    for (const add of adds) rows.set(add.path, rowsOf(add));
    const sum = (files: readonly { path: string }[]): number =>
      files.reduce((total, { path }) => total + (rows.get(path) ?? 0), 0);
    history.push({
      version,
      time: new Date(times[version] ?? 0).toISOString(),
      operation: info?.operation ?? '',
      ...{ filesAdded: adds.length, filesRemoved: removes.length },
      ...{ rowsAdded: sum(adds), rowsRemoved: sum(removes) },
      info: info?.operationParameters ?? {},
    });
  }
  return history.reverse();
}
