/**
 * A table at one version: the log replayed from the newest checkpoint at or before it, else from its first entry.
 *
 * The reader of the whole store. `delta_scan` and Python's `deltalake` must see the same rows; the
 * conformance test holds them together.
 */
import { PipelineError } from '../../contracts/errors.js';
import type {
  AddAction,
  CommitInfoAction,
  FileStats,
  LogLine,
  MetaDataAction,
  PartitionValues,
  RemoveAction,
} from './actions.js';
import { checkpointVersion, readCheckpoint, type Checkpoint } from './checkpoint-file.js';
import { inParallel } from './in-parallel.js';
import { fromSchemaString, type Column } from './schema.js';
import { storageOf } from './storage-of.js';
import type { TableStorage } from './table-storage.js';

/** A data file that is part of a snapshot. */
export interface LiveFile {
  /** Absolute path on disk, or an `s3://` address. */
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
 * @param table absolute folder of the table, or its `s3://` address
 * @throws PipelineError TABLE_VERSION_UNKNOWN, DELTA_LOG_BROKEN
 */
export async function readSnapshot(
  table: string,
  options: { readonly version?: number } = {},
): Promise<Snapshot | undefined> {
  return (await readLog(table, options.version, (version) => readCheckpoint(table, version)))?.now;
}

/**
 * The table as `load` gives its newest checkpoint, and what was committed since.
 *
 * @param load all of a checkpoint, or what the caller needs of it; undefined for one that is of no use
 * @returns `base` is the version of the checkpoint, undefined when the log was replayed from its first entry
 * @throws PipelineError TABLE_VERSION_UNKNOWN, DELTA_LOG_BROKEN
 */
export async function readLog(
  table: string,
  version: number | undefined,
  load: (version: number) => Promise<Checkpoint | undefined>,
): Promise<{ readonly now: Snapshot; readonly base: number | undefined } | undefined> {
  const { versions, checkpoints } = await listLog(table);
  if (versions.length === 0) return undefined;
  const wanted = requireVersion(table, versions.length - 1, version);
  const newest = checkpoints.findLast((candidate) => candidate <= wanted);
  const checkpoint = newest === undefined ? undefined : await load(newest);
  const base = checkpoint && fromCheckpoint(table, checkpoint);
  const newer = versions.filter((entry) => entry > (base?.version ?? -1) && entry <= wanted);
  const now = base !== undefined && newer.length === 0 ? base : await replay(table, base, newer);
  return { now, base: base?.version };
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
  const versions = await logVersions(snapshot.table, snapshot.version);
  const last = versions.at(-1) ?? snapshot.version;
  const wanted = requireVersion(snapshot.table, last, options.version);
  const newer = versions.filter((version) => version <= wanted);
  return newer.length === 0 ? snapshot : replay(snapshot.table, snapshot, newer);
}

/** Rows of a file by its statistics, JSON text by the protocol; 0 for a file without them, and we always write them. */
export function rowsOf({ stats = '{}' }: Pick<AddAction, 'stats'>): number {
  return (JSON.parse(stats) as Partial<FileStats>).numRecords ?? 0;
}

/** Rows of the live files, from the log alone. */
export function countRows(files: Iterable<LiveFile>): number {
  let rows = 0;
  for (const file of files) rows += file.rows;
  return rows;
}

/** The columns that a file was written with. */
export function columnsOf(
  snapshot: Pick<Snapshot, 'schemas' | 'columns'>,
  { addedIn }: Pick<LiveFile, 'addedIn'>,
): readonly Column[] {
  const schema = snapshot.schemas.findLast(({ version }) => version <= addedIn);
  return schema?.columns ?? snapshot.columns;
}

/** Path of a version's entry below the table. */
export function logEntry(version: number): string {
  return `_delta_log/${entryName(version)}`;
}

/** Path in the log for a path below the table: DuckDB has percent-encoded the folders once already, the log encodes that. */
export function toLogPath(relativePath: string): string {
  return encodeURI(relativePath);
}

function entryName(version: number): string {
  return `${String(version).padStart(20, '0')}.json`;
}

/**
 * The actions of one log entry.
 *
 * @throws PipelineError DELTA_LOG_BROKEN
 */
export async function readLogEntry(table: string, version: number): Promise<LogLine[]> {
  const storage = storageOf(table);
  const text = await storage.read(logEntry(version));
  if (text === undefined) throw missingEntry(table, version);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line, index) => parseLine(storage.location(logEntry(version)), line, index + 1));
}

/**
 * What the writer of a version said of it; undefined when it said nothing.
 *
 * @throws PipelineError DELTA_LOG_BROKEN
 */
export async function readCommitInfo(
  table: string,
  version: number,
): Promise<CommitInfoAction | undefined> {
  const storage = storageOf(table);
  const text = await storage.read(logEntry(version));
  if (text === undefined) throw missingEntry(table, version);
  // it is the first line of ours, and the others may be many
  const first = parseLine(storage.location(logEntry(version)), text.split('\n', 1).join(), 1);
  if (first.commitInfo !== undefined) return first.commitInfo;
  return (await readLogEntry(table, version)).find((line) => line.commitInfo)?.commitInfo;
}

function parseLine(file: string, line: string, row: number): LogLine {
  try {
    return JSON.parse(line) as LogLine; // members are checked where they are used
  } catch (cause) {
    throw new PipelineError(
      {
        code: 'DELTA_LOG_BROKEN',
        file,
        row,
        found: 'a line that is not JSON',
        fix: 'restore the table from a backup; log files are never edited',
      },
      { cause },
    );
  }
}

/** What the log of a table holds. */
export interface LogListing {
  /** Versions that have an entry, ascending, without a gap. */
  readonly versions: readonly number[];
  /** Versions that have a checkpoint, ascending. */
  readonly checkpoints: readonly number[];
}

/**
 * What the log of a table holds behind `after`; nothing when there is no such table.
 *
 * @param after @default -1, so all of it
 * @throws PipelineError DELTA_LOG_BROKEN for a gap
 */
export async function listLog(table: string, after = -1): Promise<LogListing> {
  const names = await storageOf(table).listLog(after < 0 ? undefined : entryName(after));
  const versions = names
    .filter((name) => /^\d{20}\.json$/.test(name))
    .map((name) => Number(name.slice(0, 20)));
  const gap = versions.findIndex((version, index) => version !== after + 1 + index);
  if (gap >= 0) throw missingEntry(table, after + 1 + gap);
  return {
    versions,
    checkpoints: names.map(checkpointVersion).filter((version) => version !== undefined),
  };
}

/** The versions of `listLog`. */
export async function logVersions(table: string, after = -1): Promise<readonly number[]> {
  return (await listLog(table, after)).versions;
}

function missingEntry(table: string, version: number): PipelineError {
  return new PipelineError({
    code: 'DELTA_LOG_BROKEN',
    file: storageOf(table).location('_delta_log'),
    found: `no entry for version ${version}`,
    fix: 'restore the table from a backup; every version needs its log file',
  });
}

function requireVersion(table: string, last: number, version: number | undefined): number {
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
  const state = logState(table, base);
  const schemas = [...(base?.schemas ?? [])];
  let timestampMs = base?.timestampMs ?? 0;
  const entries = await inParallel(versions, (version) => readLogEntry(table, version));
  for (const [index, version] of versions.entries()) {
    const schemaBefore = state.metaData?.schemaString;
    for (const line of entries[index] ?? []) {
      apply(state, line, version);
      if (line.commitInfo) timestampMs = line.commitInfo.timestamp;
    }
    const schemaString = state.metaData?.schemaString;
    if (schemaString !== undefined && schemaString !== schemaBefore)
      schemas.push({ version, columns: fromSchemaString(schemaString, table) });
  }
  return snapshotOf(versions.at(-1) ?? base?.version ?? 0, timestampMs, state, schemas);
}

/** The table at the version of a checkpoint. */
function fromCheckpoint(table: string, { version, lines, history }: Checkpoint): Snapshot {
  const state = logState(table, undefined);
  for (const line of lines) apply(state, line, version);
  const { schemaString } = state.metaData ?? {};
  const all = schemaString === undefined ? [] : fromSchemaString(schemaString, table);
  return snapshotOf(
    version,
    history.timestampMs,
    state,
    // columns are only ever added at the end, so how many there were says which
    history.schemas.map(({ version: since, columns }) => ({
      version: since,
      columns: all.slice(0, columns),
    })),
  );
}

/** What the actions of a log add up to. */
interface LogState {
  readonly table: string;
  readonly storage: TableStorage;
  readonly files: Map<string, LiveFile>;
  readonly removed: Map<string, RemoveAction>;
  readonly txns: Map<string, number>;
  metaData: MetaDataAction | undefined;
}

function logState(table: string, base: Snapshot | undefined): LogState {
  return {
    table,
    storage: storageOf(table),
    files: new Map(base?.files),
    removed: new Map(base?.removed),
    txns: new Map(base?.txns),
    metaData: base?.metaData,
  };
}

function apply(state: LogState, line: LogLine, version: number): void {
  if (line.add) {
    state.files.set(line.add.path, liveFile(state.storage, line.add, version));
    state.removed.delete(line.add.path);
  } else if (line.remove) {
    state.files.delete(line.remove.path);
    state.removed.set(line.remove.path, line.remove);
  } else if (line.txn) state.txns.set(line.txn.appId, line.txn.version);
  else if (line.metaData) state.metaData = line.metaData;
  else if (line.protocol) refuseNewerProtocol(state.table, line.protocol.minReaderVersion);
}

function snapshotOf(
  version: number,
  timestampMs: number,
  { table, files, removed, txns, metaData }: LogState,
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

/** @param version of the log entry or checkpoint that names the file */
function liveFile(storage: TableStorage, add: AddAction, version: number): LiveFile {
  return {
    file: storage.location(decodeURIComponent(add.path)),
    logPath: add.path,
    partitionValues: add.partitionValues,
    tags: add.tags ?? {},
    bytes: add.size,
    rows: rowsOf(add),
    addedIn: add.defaultRowCommitVersion ?? version,
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
