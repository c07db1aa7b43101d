/**
 * A table at one version: the log replayed from its first entry.
 *
 * The reader of the whole store. `delta_scan` and Python's `deltalake` must see the same rows; the
 * conformance test holds them together.
 */
import { PipelineError } from '../../contracts/errors.js';
import type { AddAction, FileStats, LogLine, MetaDataAction, PartitionValues } from './actions.js';
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
  const versions = await logVersions(table);
  if (versions.length === 0) return undefined;
  const wanted = requireVersion(table, versions.length - 1, options.version);
  return replay(
    table,
    undefined,
    versions.filter((version) => version <= wanted),
  );
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
  const file = storage.location(logEntry(version));
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

/**
 * Versions that the log of a table holds behind `after`, ascending; none when there is no such table.
 *
 * @param after @default -1, so all of them
 * @throws PipelineError DELTA_LOG_BROKEN for a gap
 */
export async function logVersions(table: string, after = -1): Promise<number[]> {
  const names = await storageOf(table).listLog(after < 0 ? undefined : entryName(after));
  const versions = names
    .filter((name) => /^\d{20}\.json$/.test(name))
    .map((name) => Number(name.slice(0, 20)));
  const gap = versions.findIndex((version, index) => version !== after + 1 + index);
  if (gap >= 0) throw missingEntry(table, after + 1 + gap);
  return versions;
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
  const storage = storageOf(table);
  const files = new Map(base?.files);
  const txns = new Map(base?.txns);
  const schemas = [...(base?.schemas ?? [])];
  let metaData = base?.metaData;
  let timestampMs = base?.timestampMs ?? 0;
  const entries = await inParallel(versions, (version) => readLogEntry(table, version));
  for (const [index, version] of versions.entries()) {
    for (const line of entries[index] ?? []) {
      if (line.add) files.set(line.add.path, liveFile(storage, line.add, version));
      else if (line.remove) files.delete(line.remove.path);
      else if (line.txn) txns.set(line.txn.appId, line.txn.version);
      else if (line.metaData) {
        if (line.metaData.schemaString !== metaData?.schemaString) {
          schemas.push({ version, columns: fromSchemaString(line.metaData.schemaString, table) });
        }
        metaData = line.metaData;
      } else if (line.commitInfo) timestampMs = line.commitInfo.timestamp;
      else if (line.protocol) refuseNewerProtocol(table, line.protocol.minReaderVersion);
    }
  }
  const columns = schemas.at(-1)?.columns;
  if (metaData === undefined || columns === undefined)
    throw new PipelineError({
      code: 'DELTA_LOG_BROKEN',
      file: table,
      found: 'a log without a metaData action',
      fix: 'restore the table from a backup',
    });
  return {
    table,
    version: versions.at(-1) ?? base?.version ?? 0,
    timestampMs,
    columns,
    schemas,
    partitionColumns: metaData.partitionColumns,
    metaData,
    files,
    txns,
  };
}

function liveFile(storage: TableStorage, add: AddAction, addedIn: number): LiveFile {
  // stats are JSON text by the protocol; a file without them counts as unknown, and we always write them
  const stats = add.stats === undefined ? undefined : (JSON.parse(add.stats) as FileStats);
  return {
    file: storage.location(decodeURIComponent(add.path)),
    logPath: add.path,
    partitionValues: add.partitionValues,
    tags: add.tags ?? {},
    bytes: add.size,
    rows: stats?.numRecords ?? 0,
    addedIn,
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
