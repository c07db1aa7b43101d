/**
 * The only writer of our tables: staged Parquet files become one new version, or nothing does.
 *
 * Order: move the data files into the table, flush them, then create the log entry. A crash before
 * the entry leaves files that no version names: they take space until someone deletes them, and nothing does
 * by itself. Rows are visible only with the entry.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { PipelineError } from '../../contracts/errors.js';
import type { FileStats, LogLine, PartitionValues, TxnAction } from './actions.js';
import { checkpointIfDue } from './checkpoint.js';
import { createExclusive, moveFile, syncPath } from './durable-file.js';
import { toSchemaString, type TableSchema } from './schema.js';
import {
  advanceSnapshot,
  logFile,
  logFolder,
  readLogEntry,
  readSnapshot,
  toLogPath,
  type LiveFile,
  type Snapshot,
} from './snapshot.js';

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
  /** Absolute folder of the table; made by its first commit. */
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
  /** Version the rows were computed from: replaced files that came later are a conflict. @default the version now */
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
 * Another writer's commit in between is no conflict unless it added files that this one would replace.
 *
 * @throws PipelineError DELTA_CONFLICT (compute again, then retry), DELTA_SCHEMA_MISMATCH, DELTA_STAGED_MISSING
 */
export async function commitTable(request: CommitRequest): Promise<CommitResult> {
  const result = await commitOnce(request);
  // a checkpoint saves time and nothing else: the commit stands without it, and the next one tries again
  if (result.kind === 'committed') await checkpointIfDue(request.table).catch(() => undefined);
  return result;
}

async function commitOnce(request: CommitRequest): Promise<CommitResult> {
  const { table, schema, txn } = request;
  await mkdir(logFolder(table), { recursive: true });
  let snapshot = await readSnapshot(table);
  const baseVersion = request.readVersion ?? snapshot?.version ?? -1;
  if (snapshot !== undefined && isRecorded(snapshot, txn)) {
    await discardStaged(request.adds);
    return { version: snapshot.version, kind: 'already' };
  }
  const txnId = randomUUID();
  await moveStagedFiles(table, request.adds);
  try {
    for (;;) {
      if (snapshot !== undefined) {
        requireFittingSchema(snapshot, schema);
        requireNoConflict(snapshot, request, baseVersion);
      }
      const version = (snapshot?.version ?? -1) + 1;
      const text = logText(snapshot, request, txnId);
      if (await createExclusive(logFile(table, version), text, txnId)) {
        return { version, kind: 'committed' };
      }
      // a network file system may report a link that it made as taken
      const winner = (await readLogEntry(table, version)).find((line) => line.commitInfo);
      if (winner?.commitInfo?.txnId === txnId) return { version, kind: 'committed' };
      snapshot =
        snapshot === undefined ? await readSnapshot(table) : await advanceSnapshot(snapshot);
      if (snapshot !== undefined && isRecorded(snapshot, txn)) {
        await withdrawMoved(table, request.adds);
        return { version: snapshot.version, kind: 'already' };
      }
    }
  } catch (error) {
    // only these two are thrown before any log entry of ours can exist; else the files may be named by one
    if (
      error instanceof PipelineError &&
      (error.code === 'DELTA_CONFLICT' || error.code === 'DELTA_SCHEMA_MISMATCH')
    )
      await withdrawMoved(table, request.adds);
    throw error;
  }
}

/**
 * Moves staged files into the table and flushes them; no version names them yet.
 *
 * @throws PipelineError DELTA_STAGED_MISSING when a file is neither staged nor moved
 */
export async function moveStagedFiles(table: string, adds: readonly StagedFile[]): Promise<void> {
  const folders = new Set<string>();
  await inParallel(adds, async (staged) => {
    const target = path.join(table, staged.relativePath);
    if (!(await moveFile(staged.file, target, staged.bytes)))
      throw new PipelineError({
        code: 'DELTA_STAGED_MISSING',
        file: staged.file,
        found: 'no such file',
        expected: `${staged.bytes} bytes there or at ${target}`,
        fix: 'run the task again: it stages its files anew',
      });
    await syncPath(target);
    folders.add(path.dirname(target));
  });
  await inParallel([...folders], syncPath);
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

function requireNoConflict(snapshot: Snapshot, request: CommitRequest, baseVersion: number): void {
  const { removes } = request;
  if (removes === undefined || snapshot.version <= baseVersion) return;
  for (const file of snapshot.files.values())
    if (file.addedIn > baseVersion && removes(file))
      throw new PipelineError({
        code: 'DELTA_CONFLICT',
        file: file.file,
        found: `rows added by version ${file.addedIn}, after version ${baseVersion} was read`,
        fix: 'compute from the newest version and commit again (a retried task does)',
      });
}

function logText(snapshot: Snapshot | undefined, request: CommitRequest, txnId: string): string {
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
  for (const file of snapshot?.files.values() ?? [])
    if (request.removes?.(file) === true)
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

async function discardStaged(adds: readonly StagedFile[]): Promise<void> {
  await inParallel(adds, (staged) => rm(staged.file, { force: true }));
}

async function withdrawMoved(table: string, adds: readonly StagedFile[]): Promise<void> {
  await inParallel(adds, (staged) => rm(path.join(table, staged.relativePath), { force: true }));
}

// file calls wait in a pool of four threads; more in flight only costs memory
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const lane = async (): Promise<void> => {
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}
