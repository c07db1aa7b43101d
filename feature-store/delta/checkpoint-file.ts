/**
 * A checkpoint: the state of a table at one version as one Parquet file, so that a reader need not replay the log
 * from its first entry. It only saves time: every log entry stays.
 *
 * @see https://github.com/delta-io/delta/blob/master/PROTOCOL.md#checkpoints
 */
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PipelineError } from '../../contracts/errors.js';
import { FeatureDb, quote } from '../duckdb.js';
import type { LogLine } from './actions.js';
import { storageOf } from './storage-of.js';

/** What a checkpoint holds. */
export interface Checkpoint {
  readonly version: number;
  /** Actions: protocol, metaData, each live file, each tombstone, each application's last txn. */
  readonly lines: readonly LogLine[];
  /** What the log knows of the version beside its actions, and a replay from here needs. */
  readonly history: CheckpointHistory;
}

/** Kept in the Parquet file's key-value metadata, which other readers pass over. */
export interface CheckpointHistory {
  /** Commit time of the version, milliseconds since 1970. */
  readonly timestampMs: number;
  /** How many columns the table had from each version on that added some, ascending. */
  readonly schemas: readonly { readonly version: number; readonly columns: number }[];
}

/** Path of a version's checkpoint below the table. */
export function checkpointPath(version: number): string {
  return `_delta_log/${String(version).padStart(20, '0')}.checkpoint.parquet`;
}

/** Version that a file of the log folder is the checkpoint of; undefined for any other file. */
export function checkpointVersion(name: string): number | undefined {
  const match = /^(\d{20})\.checkpoint\.parquet$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

/**
 * Writes a checkpoint and names it in `_last_checkpoint`. Each of the two appears complete or not at all; writing
 * the same version again is harmless.
 */
export async function writeCheckpoint(table: string, checkpoint: Checkpoint): Promise<void> {
  const { version, lines, history } = checkpoint;
  const storage = storageOf(table);
  const db = await logDb();
  const folder = await mkdtemp(path.join(tmpdir(), 'sentinel-checkpoint-'));
  const [json, parquet, hint] = [`${folder}/json`, `${folder}/parquet`, `${folder}/hint`] as const;
  try {
    await writeFile(json, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const columns = Object.entries(COLUMNS).map(([name, type]) => `${name}: ${quote(type)}`);
    await db.session((session) =>
      session.run(
        `COPY (FROM read_json(${quote(json)}, format = 'newline_delimited', maximum_object_size = 33554432,
           columns = {${columns.join(', ')}}))
         TO ${quote(parquet)} (FORMAT parquet, COMPRESSION zstd,
           KV_METADATA {${HISTORY_KEY}: ${quote(JSON.stringify(history))}})`,
      ),
    );
    const { size: bytes } = await stat(parquet);
    await storage.put([{ file: parquet, path: checkpointPath(version), bytes }]);
    const numOfAddFiles = lines.filter(({ add }) => add !== undefined).length;
    const last = { version, size: lines.length, sizeInBytes: bytes, numOfAddFiles };
    const text = JSON.stringify(last);
    await writeFile(hint, text);
    await storage.put([{ file: hint, path: '_delta_log/_last_checkpoint', bytes: text.length }]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Reads a checkpoint.
 *
 * @returns undefined for one that another program wrote: it lacks what our replay needs
 * @throws PipelineError DELTA_LOG_BROKEN
 */
export async function readCheckpoint(
  table: string,
  version: number,
): Promise<Checkpoint | undefined> {
  const file = storageOf(table).location(checkpointPath(version));
  const db = await logDb();
  try {
    return await db.session(async (session) => {
      const [kept] = await session.rows<{ value: string }>(
        `SELECT decode(value) AS value FROM parquet_kv_metadata(${quote(file)}) WHERE decode(key) = ${quote(HISTORY_KEY)}`,
      );
      if (kept === undefined) return undefined;
      const [row] = await session.rows<{ lines: string }>(
        `SELECT '[' || string_agg(to_json(line), ',') || ']' AS lines FROM read_parquet(${quote(file)}) AS line`,
      );
      return {
        version,
        lines: JSON.parse(row?.lines ?? '[]') as LogLine[], // members are checked where they are used
        history: JSON.parse(kept.value) as CheckpointHistory, // written by `writeCheckpoint`
      };
    });
  } catch (cause) {
    throw new PipelineError(
      {
        code: 'DELTA_LOG_BROKEN',
        file,
        found: 'a checkpoint that cannot be read',
        fix: 'delete this file and `_last_checkpoint` beside it: the log entries hold the same, and the next commits make a new one',
      },
      { cause },
    );
  }
}

let opened: Promise<FeatureDb> | undefined;

// opening an instance takes longer than reading most checkpoints; one thread keeps the lines in their order
function logDb(): Promise<FeatureDb> {
  opened ??= FeatureDb.open({ threads: 1, memoryLimit: '512MB' });
  return opened;
}

const HISTORY_KEY = 'sentinel';

const TEXTS = 'MAP(VARCHAR, VARCHAR)';

/** The protocol's checkpoint schema; `defaultRowCommitVersion` is its name for the version that added a file. */
const COLUMNS = {
  protocol: 'STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER)',
  metaData: `STRUCT(id VARCHAR, name VARCHAR, description VARCHAR, format STRUCT(provider VARCHAR, options ${TEXTS}),
    schemaString VARCHAR, partitionColumns VARCHAR[], configuration ${TEXTS}, createdTime BIGINT)`,
  txn: 'STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)',
  add: `STRUCT(path VARCHAR, partitionValues ${TEXTS}, size BIGINT, modificationTime BIGINT, dataChange BOOLEAN,
    stats VARCHAR, tags ${TEXTS}, defaultRowCommitVersion BIGINT)`,
  remove: `STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, extendedFileMetadata BOOLEAN,
    partitionValues ${TEXTS}, size BIGINT)`,
} as const;
