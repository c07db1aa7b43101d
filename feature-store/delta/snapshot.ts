/**
 * A table at one version: the log replayed from the newest checkpoint at or before it, else from its first entry.
 *
 * The reader of the whole store. `delta_scan` and Python's `deltalake` must see the same rows; the
 * conformance test holds them together.
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { PipelineError } from '../../contracts/errors.js';
import type {
  AddAction,
  FileStats,
  LogLine,
  MetaDataAction,
  PartitionValues,
  RemoveAction,
} from './actions.js';
import { checkpointVersion, readCheckpoint } from './checkpoint-file.js';
import { fromSchemaString, type Column } from './schema.js';

/** A data file that is part of a snapshot. */
export interface LiveFile {
  /** Absolute path on disk. */
  readonly file: string;
  /** Path as the log writes it, URI-encoded; the file's identity. */
  readonly logPath: string;
  readonly partitionValues: PartitionValues;
  readonly tags: Readonly<Record<string, string>>;
  readonly bytes: number;
  readonly rows: number;
  /** Version of the commit that added it. */
  readonly addedIn: number;
  /** The action that added it. */
  readonly add: AddAction;
}

/** The columns of a table from a version on. */
export interface SchemaChange {
  readonly version: number;
  readonly columns: readonly Column[];
}

/** A table as of one version. */
export interface Snapshot {
  readonly table: string;
  readonly version: number;
  /** Commit time of that version, milliseconds since 1970. */
  readonly timestampMs: number;
  readonly columns: readonly Column[];
  /** The columns from each version on that changed them, ascending; the last are those of now. */
  readonly schemas: readonly SchemaChange[];
  readonly partitionColumns: readonly string[];
  readonly metaData: MetaDataAction;
  /** By log path, in the order of the log. */
  readonly files: ReadonlyMap<string, LiveFile>;
  /** By log path: files of older versions, as far back as the newest checkpoint keeps them. */
  readonly removed: ReadonlyMap<string, RemoveAction>;
  /** Last recorded version of each application. */
  readonly txns: ReadonlyMap<string, number>;
}

/**
 * The table as of `version`, or as it is now; undefined when there is no such table yet.
 *
 * @param table absolute folder of the table
 * @throws PipelineError TABLE_VERSION_UNKNOWN, DELTA_LOG_BROKEN
 */
export async function readSnapshot(
  table: string,
  options: { readonly version?: number } = {},
): Promise<Snapshot | undefined> {
  const { versions, checkpoints } = await listLog(table);
  if (versions.length === 0) return undefined;
  const wanted = requireVersion(table, versions, options.version);
  const checkpoint = checkpoints.findLast((version) => version <= wanted);
  const base = checkpoint === undefined ? undefined : await fromCheckpoint(table, checkpoint);
  const newer = versions.filter((version) => version > (base?.version ?? -1) && version <= wanted);
  return base !== undefined && newer.length === 0 ? base : replay(table, base, newer);
}

/**
 * The same table at a later version: replays only what was committed since `snapshot`.
 *
 * @param options.version at or after the snapshot's. @default the newest
 * @throws PipelineError TABLE_VERSION_UNKNOWN, DELTA_LOG_BROKEN
 */
export async function advanceSnapshot(
  snapshot: Snapshot,
  options: { readonly version?: number } = {},
): Promise<Snapshot> {
  const versions = await logVersions(snapshot.table);
  const wanted = requireVersion(snapshot.table, versions, options.version);
  const newer = versions.filter((version) => version > snapshot.version && version <= wanted);
  return newer.length === 0 ? snapshot : replay(snapshot.table, snapshot, newer);
}

/** Rows of the live files, from the log alone. */
export function countRows(files: Iterable<LiveFile>): number {
  let rows = 0;
  for (const file of files) rows += file.rows;
  return rows;
}

/** The columns that a file was written with. */
export function columnsOf(snapshot: Snapshot, { addedIn }: LiveFile): readonly Column[] {
  const schema = snapshot.schemas.findLast(({ version }) => version <= addedIn);
  return schema?.columns ?? snapshot.columns;
}

/** Folder of a table's log. */
export function logFolder(table: string): string {
  return path.join(table, '_delta_log');
}

/** Log file of one version. */
export function logFile(table: string, version: number): string {
  return path.join(logFolder(table), `${String(version).padStart(20, '0')}.json`);
}

/** Path in the log for a path on disk: DuckDB has percent-encoded the folders once already, the log encodes that. */
export function toLogPath(relativePath: string): string {
  return encodeURI(relativePath.split(path.sep).join('/'));
}

/** Absolute path on disk for a path in the log. */
function toDiskPath(table: string, logPath: string): string {
  return path.join(table, decodeURIComponent(logPath));
}

/** The actions of one log entry. */
export async function readLogEntry(table: string, version: number): Promise<LogLine[]> {
  const file = logFile(table, version);
  const text = await readFile(file, 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line, index) => {
      try {
        return JSON.parse(line) as LogLine; // members are checked where they are used
      } catch (cause) {
        throw new PipelineError(
          {
            code: 'DELTA_LOG_BROKEN',
            file,
            row: index + 1,
            found: 'a line that is not JSON',
            fix: 'restore the table from a backup; log files are never edited',
          },
          { cause },
        );
      }
    });
}

/** Versions that the log of a table holds, ascending from 0; none when there is no such table. */
export async function logVersions(table: string): Promise<number[]> {
  return (await listLog(table)).versions;
}

/** What the log of a table holds: versions from 0 without a gap, and those that have a checkpoint; both ascending. */
export async function listLog(
  table: string,
): Promise<{ versions: number[]; checkpoints: number[] }> {
  const names = await readdir(logFolder(table)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const versions = names
    .filter((name) => /^\d{20}\.json$/.test(name))
    .map((name) => Number(name.slice(0, 20)))
    .sort((a, b) => a - b);
  const gap = versions.findIndex((version, index) => version !== index);
  if (gap >= 0)
    throw new PipelineError({
      code: 'DELTA_LOG_BROKEN',
      file: logFolder(table),
      found: `no entry for version ${gap}`,
      fix: 'restore the table from a backup; every version needs its log file',
    });
  const checkpoints = names
    .map(checkpointVersion)
    .filter((version) => version !== undefined)
    .sort((a, b) => a - b);
  return { versions, checkpoints };
}

function requireVersion(
  table: string,
  versions: readonly number[],
  version: number | undefined,
): number {
  const last = versions.length - 1; // logVersions has checked that there is no gap
  const wanted = version ?? last;
  if (wanted >= 0 && wanted <= last) return wanted;
  throw new PipelineError({
    code: 'TABLE_VERSION_UNKNOWN',
    file: table,
    found: `version ${wanted}`,
    expected: `0..${last}`,
    fix: 'name a version in that range; `sentinel query` without --as-of reads the newest',
  });
}

async function replay(
  table: string,
  base: Snapshot | undefined,
  versions: readonly number[],
): Promise<Snapshot> {
  const state: LogState = {
    files: new Map(base?.files),
    removed: new Map(base?.removed),
    txns: new Map(base?.txns),
    metaData: base?.metaData,
  };
  const schemas = [...(base?.schemas ?? [])];
  let timestampMs = base?.timestampMs ?? 0;
  for (const version of versions) {
    const schemaBefore = state.metaData?.schemaString;
    for (const line of await readLogEntry(table, version)) {
      apply(table, state, line, version);
      if (line.commitInfo) timestampMs = line.commitInfo.timestamp;
    }
    const schemaString = state.metaData?.schemaString;
    if (schemaString !== undefined && schemaString !== schemaBefore)
      schemas.push({ version, columns: fromSchemaString(schemaString, table) });
  }
  return snapshotOf(table, versions.at(-1) ?? base?.version ?? 0, timestampMs, state, schemas);
}

/** The table at the version of a checkpoint; undefined when another program wrote it. */
async function fromCheckpoint(table: string, version: number): Promise<Snapshot | undefined> {
  const checkpoint = await readCheckpoint(logFolder(table), version);
  if (checkpoint === undefined) return undefined;
  const state: LogState = {
    files: new Map(),
    removed: new Map(),
    txns: new Map(),
    metaData: undefined,
  };
  for (const line of checkpoint.lines)
    apply(table, state, line, line.add?.defaultRowCommitVersion ?? version);
  const { schemaString } = state.metaData ?? {};
  const all = schemaString === undefined ? [] : fromSchemaString(schemaString, table);
  const { timestampMs, schemas } = checkpoint.history;
  return snapshotOf(
    table,
    version,
    timestampMs,
    state,
    // columns are only ever added at the end, so how many there were says which
    schemas.map(({ version: since, columns }) => ({
      version: since,
      columns: all.slice(0, columns),
    })),
  );
}

/** What the actions of a log add up to. */
interface LogState {
  readonly files: Map<string, LiveFile>;
  readonly removed: Map<string, RemoveAction>;
  readonly txns: Map<string, number>;
  metaData: MetaDataAction | undefined;
}

function apply(table: string, state: LogState, line: LogLine, version: number): void {
  if (line.add) {
    state.files.set(line.add.path, liveFile(table, line.add, version));
    state.removed.delete(line.add.path);
  } else if (line.remove) {
    state.files.delete(line.remove.path);
    state.removed.set(line.remove.path, line.remove);
  } else if (line.txn) state.txns.set(line.txn.appId, line.txn.version);
  else if (line.metaData) state.metaData = line.metaData;
  else if (line.protocol) refuseNewerProtocol(table, line.protocol.minReaderVersion);
}

function snapshotOf(
  table: string,
  version: number,
  timestampMs: number,
  { files, removed, txns, metaData }: LogState,
  schemas: readonly SchemaChange[],
): Snapshot {
  const columns = schemas.at(-1)?.columns;
  if (metaData === undefined || columns === undefined)
    throw new PipelineError({
      code: 'DELTA_LOG_BROKEN',
      file: table,
      found: 'a log without a metaData action',
      fix: 'restore the table from a backup',
    });
  const { partitionColumns } = metaData;
  return {
    ...{ table, version, timestampMs, columns, schemas, partitionColumns },
    ...{ metaData, files, removed, txns },
  };
}

function liveFile(table: string, add: AddAction, addedIn: number): LiveFile {
  // stats are JSON text by the protocol; a file without them counts as unknown, and we always write them
  const stats = add.stats === undefined ? undefined : (JSON.parse(add.stats) as FileStats);
  return {
    file: toDiskPath(table, add.path),
    logPath: add.path,
    partitionValues: add.partitionValues,
    tags: add.tags ?? {},
    bytes: add.size,
    rows: stats?.numRecords ?? 0,
    addedIn,
    add,
  };
}

function refuseNewerProtocol(table: string, minReaderVersion: number): void {
  if (minReaderVersion > 1)
    throw new PipelineError({
      code: 'DELTA_LOG_BROKEN',
      file: table,
      found: `Delta reader version ${minReaderVersion}`,
      expected: 'reader version 1',
      fix: 'another program upgraded this table; restore it from a backup',
    });
}
