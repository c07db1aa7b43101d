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
import { FeatureDb, quote, type Session } from '../duckdb.js';
import type { LogLine, MetaDataAction } from './actions.js';
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
  /** The table's newest metaData action: here it is read without a scan of all actions. */
  readonly metaData: MetaDataAction;
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
         TO ${quote(parquet)} (FORMAT parquet, COMPRESSION snappy,
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
  const db = await logDb();
  return db.session(async (session) => {
    const head = await readCheckpointHead(session, table, version);
    if (head === undefined) return undefined;
    const [row] = await readable(table, version, (file) =>
      session.rows<{ lines: string }>(
        `SELECT '[' || string_agg(to_json(line), ',') || ']' AS lines FROM read_parquet(${quote(file)}) AS line`,
      ),
    );
    // members are checked where they are used
    return { ...head, lines: JSON.parse(row?.lines ?? '[]') as LogLine[] };
  });
}

/**
 * A checkpoint without its files, tombstones and applications.
 *
 * @returns undefined as `readCheckpoint`
 * @throws PipelineError DELTA_LOG_BROKEN
 */
export async function readCheckpointHead(
  session: Session,
  table: string,
  version: number,
): Promise<Checkpoint | undefined> {
  const [kept] = await readable(table, version, (file) =>
    session.rows<{ value: string }>(
      `SELECT decode(value) AS value FROM parquet_kv_metadata(${quote(file)}) WHERE decode(key) = ${quote(HISTORY_KEY)}`,
    ),
  );
  if (kept === undefined) return undefined;
  const history = JSON.parse(kept.value) as CheckpointHistory; // written by `writeCheckpoint`
  return { version, lines: [{ metaData: history.metaData }], history };
}

/** A live file as a scan needs it. */
export interface CheckpointFile {
  /** URI-encoded path below the table's folder. */
  readonly path: string;
  /** Version of the commit that added it. */
  readonly addedIn: number;
}

/**
 * The live files of a checkpoint that meet a condition.
 *
 * @param condition SQL over `add`, a struct as `AddAction` has it; columns that it does not name are not read
 * @throws PipelineError DELTA_LOG_BROKEN
 */
export function readCheckpointFiles(
  session: Session,
  table: string,
  version: number,
  condition: string,
): Promise<CheckpointFile[]> {
  return readable(table, version, (file) =>
    session.rows<CheckpointFile>(
      `SELECT add.path AS path, add.defaultRowCommitVersion AS "addedIn" FROM read_parquet(${quote(file)})
       WHERE add.path IS NOT NULL AND ${condition}`,
    ),
  );
}

async function readable<T>(
  table: string,
  version: number,
  read: (file: string) => Promise<T>,
): Promise<T> {
  const file = storageOf(table).location(checkpointPath(version));
  try {
    return await read(file);
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

// the digit grows when `CheckpointHistory` gets a member that readers need: an older checkpoint is then passed over
const HISTORY_KEY = 'sentinel2';

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
