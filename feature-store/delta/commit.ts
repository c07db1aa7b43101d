/**
 * The only writer of our tables: staged Parquet files become one new version, or nothing does.
 *
 * Order: move the data files into the table, durably, then create the log entry. A crash before
 * the entry leaves files that no version names: they take space until someone deletes them, and nothing does
 * by itself. Rows are visible only with the entry.
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { PipelineError } from '../../contracts/errors.js';
import type { FileStats, LogLine, PartitionValues, TxnAction } from './actions.js';
import { inParallel } from './in-parallel.js';
import { toSchemaString, type TableSchema } from './schema.js';
import {
  advanceSnapshot,
  logEntry,
  readSnapshot,
  toLogPath,
  type LiveFile,
  type Snapshot,
} from './snapshot.js';
import { storageOf } from './storage-of.js';

/** A finished Parquet file outside of the table. */
export interface StagedFile {
  /** Absolute path of the staged file. */
  readonly file: string;
  /** Path it gets below the table's folder; unique for all time. */
  readonly relativePath: string;
  readonly partitionValues: PartitionValues;
  readonly bytes: number;
  readonly stats: FileStats;
  readonly tags?: Readonly<Record<string, string>>;
}

/** One change of one table. */
export interface CommitRequest {
  /** Absolute folder of the table, or its `s3://` address; made by its first commit. */
  readonly table: string;
  readonly schema: TableSchema;
  readonly adds: readonly StagedFile[];
  /** Which live files the commit replaces. @default none */
  readonly removes?: (file: LiveFile) => boolean;
  /** Names the change: a version at or below the recorded one was committed before and is left alone. */
  readonly txn?: { readonly appId: string; readonly version: number };
  /** Further records for the same commit, such as a source that it withdraws. */
  readonly otherTxns?: readonly { readonly appId: string; readonly version: number }[];
  /** Delta's word for the change, such as `WRITE`. @default 'WRITE' */
  readonly operation?: string;
  /** What a person wants to know of this version, e.g. the run. */
  readonly info?: Readonly<Record<string, string>>;
  /** Version the rows were computed from: another's change since then to what is replaced is a conflict; -1 when there was no table. @default the version now */
  readonly readVersion?: number;
}

/** The version that holds the change; `already` when an earlier commit made it. */
export interface CommitResult {
  readonly version: number;
  readonly kind: 'committed' | 'already';
}

/**
 * Commits staged files as one new version. A table whose columns are the first of the schema's gets the others with
 * it: they are NULL in the rows that are there.
 *
 * Another writer's commit in between is a conflict only when neither order of the two would do: it added or
 * removed files that this one replaces, or changed a record that this one changes.
 *
 * @throws PipelineError DELTA_CONFLICT (compute again, then retry), DELTA_SCHEMA_MISMATCH, DELTA_STAGED_MISSING
 */
export async function commitTable(request: CommitRequest): Promise<CommitResult> {
  const { table, schema, adds, txn, readVersion } = request;
  const storage = storageOf(table);
  const base =
    readVersion === -1
      ? undefined
      : await readSnapshot(table, { ...(readVersion !== undefined && { version: readVersion }) });
  let snapshot = readVersion === undefined ? base : await newest(table, base);
  if (snapshot !== undefined && isRecorded(snapshot, txn)) {
    await inParallel(adds, ({ file }) => rm(file, { force: true }));
    return { version: snapshot.version, kind: 'already' };
  }
  const replaced = [...(base?.files.values() ?? [])].filter(request.removes ?? (() => false));
  // another attempt with the same staged files may have committed them
  const withdrawMoved = () =>
    storage.remove(
      adds
        .map(({ relativePath }) => relativePath)
        .filter((path) => snapshot?.files.has(toLogPath(path)) !== true),
    );
  const txnId = randomUUID();
  await moveStagedFiles(table, adds);
  try {
    for (;;) {
      if (snapshot !== undefined) {
        requireFittingSchema(snapshot, schema);
        requireNoConflict(base, snapshot, replaced, request);
      }
      const version = (snapshot?.version ?? -1) + 1;
      const text = logText(snapshot, replaced, request, txnId);
      if (await storage.create(logEntry(version), text)) return { version, kind: 'committed' };
      snapshot = await newest(table, snapshot);
      if (snapshot !== undefined && isRecorded(snapshot, txn)) {
        await withdrawMoved();
        return { version: snapshot.version, kind: 'already' };
      }
    }
  } catch (error) {
    // only these two are thrown before any log entry of ours can exist; else the files may be named by one
    if (
      error instanceof PipelineError &&
      (error.code === 'DELTA_CONFLICT' || error.code === 'DELTA_SCHEMA_MISMATCH')
    )
      await withdrawMoved();
    throw error;
  }
}

/**
 * Moves staged files into the table, durably; no version names them yet.
 *
 * @throws PipelineError DELTA_STAGED_MISSING when a file is neither staged nor moved
 */
export function moveStagedFiles(table: string, adds: readonly StagedFile[]): Promise<void> {
  return storageOf(table).put(
    adds.map(({ file, relativePath, bytes }) => ({ file, path: relativePath, bytes })),
  );
}

function newest(table: string, older: Snapshot | undefined): Promise<Snapshot | undefined> {
  return older === undefined ? readSnapshot(table) : advanceSnapshot(older);
}

function isRecorded(snapshot: Snapshot, txn: CommitRequest['txn']): boolean {
  return txn !== undefined && (snapshot.txns.get(txn.appId) ?? -1) >= txn.version;
}

/** A table may lack columns at the end, which the commit then adds; else its schema must be the same. */
function requireFittingSchema(snapshot: Snapshot, schema: TableSchema): void {
  const first = schema.columns.slice(0, snapshot.columns.length);
  const found = JSON.stringify([toSchemaString(snapshot.columns), snapshot.partitionColumns]);
  const expected = JSON.stringify([toSchemaString(first), schema.partitionColumns]);
  if (found === expected) return;
  const names = new Set(snapshot.columns.map(({ name, type }) => `${name} ${type}`));
  const differing = schema.columns.filter(({ name, type }) => !names.has(`${name} ${type}`));
  throw new PipelineError({
    code: 'DELTA_SCHEMA_MISMATCH',
    file: snapshot.table,
    found: `a table with ${snapshot.columns.length} columns`,
    expected: `${schema.columns.length} columns; new or of another type: ${differing.map(({ name, type }) => `${name} ${type}`).join(', ') || 'none (the order or the partitioning differs)'}`,
    fix: 'this home was written by another version of the program: move the table away and build it again',
  });
}

/**
 * Delta's rules for a writer that has read what it replaces: appends never conflict, replacements do when the
 * files they replace are others by now (added ones would survive, removed ones would come back as our rows).
 *
 * @see https://docs.delta.io/latest/concurrency-control.html
 */
function requireNoConflict(
  base: Snapshot | undefined,
  snapshot: Snapshot,
  replaced: readonly LiveFile[],
  { removes, otherTxns = [] }: CommitRequest,
): void {
  const baseVersion = base?.version ?? -1;
  if (snapshot.version === baseVersion) return;
  const conflict = (file: string, found: string): PipelineError =>
    new PipelineError({
      code: 'DELTA_CONFLICT',
      file,
      found: `${found} after version ${baseVersion} was read`,
      fix: 'compute from the newest version and commit again (a retried task does)',
    });
  if (removes !== undefined)
    for (const file of snapshot.files.values())
      if (file.addedIn > baseVersion && removes(file))
        throw conflict(file.file, `rows added by version ${file.addedIn},`);
  const gone = replaced.find(({ logPath }) => !snapshot.files.has(logPath));
  if (gone !== undefined) throw conflict(gone.file, 'rows removed by another commit');
  const changed = otherTxns.find(({ appId }) => snapshot.txns.get(appId) !== base?.txns.get(appId));
  if (changed !== undefined)
    throw conflict(snapshot.table, `the record ${changed.appId} changed by another commit`);
}

function logText(
  snapshot: Snapshot | undefined,
  replaced: readonly LiveFile[],
  request: CommitRequest,
  txnId: string,
): string {
  const now = Date.now();
  const lines: LogLine[] = [
    {
      commitInfo: {
        timestamp: now,
        operation: request.operation ?? 'WRITE',
        operationParameters: { ...request.info },
        engineInfo: 'sentinel-flow',
        txnId,
      },
    },
  ];
  const { name, columns, partitionColumns } = request.schema;
  const schemaString = toSchemaString(columns);
  if (snapshot === undefined) {
    lines.push(
      { protocol: { minReaderVersion: 1, minWriterVersion: 2 } },
      {
        metaData: {
          id: randomUUID(),
          name,
          format: { provider: 'parquet', options: {} },
          schemaString,
          partitionColumns,
          configuration: {},
          createdTime: now,
        },
      },
    );
  } else if (columns.length > snapshot.columns.length) {
    lines.push({ metaData: { ...snapshot.metaData, schemaString } });
  }
  for (const txn of [request.txn, ...(request.otherTxns ?? [])])
    if (txn !== undefined) lines.push({ txn: { ...txn, lastUpdated: now } satisfies TxnAction });
  for (const file of replaced)
    lines.push({
      remove: {
        path: file.logPath,
        deletionTimestamp: now,
        dataChange: true,
        extendedFileMetadata: true,
        partitionValues: file.partitionValues,
        size: file.bytes,
      },
    });
  for (const staged of request.adds)
    lines.push({
      add: {
        path: toLogPath(staged.relativePath),
        partitionValues: staged.partitionValues,
        size: staged.bytes,
        modificationTime: now,
        dataChange: true,
        stats: JSON.stringify(staged.stats),
        ...(staged.tags !== undefined && { tags: staged.tags }),
      },
    });
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}
