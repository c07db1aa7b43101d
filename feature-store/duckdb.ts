/**
 * One DuckDB instance as the store uses it: in memory, UTC, offline, bounded.
 *
 * DuckDB reads and writes Parquet for us and keeps no state of its own: every table lives in a Delta
 * log (`delta/`), so an instance may be opened and closed freely.
 */
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDBInstance, type DuckDBConnection, type DuckDBDataChunk } from '@duckdb/node-api';
import { PipelineError } from '../contracts/errors.js';
import { installedExtensions } from './duckdb-extensions.js';
import { RowSources, type RowSource } from './row-source.js';
import { s3Secret, type S3Secret } from './s3-secret.js';

/** Bounds of one DuckDB instance. */
export interface FeatureDbOptions {
  /** Threads of one query; of more than 4, 4 are used. @default 2 */
  readonly threads?: number;
  /** Memory before DuckDB spills, as DuckDB writes it. @default '1GB' */
  readonly memoryLimit?: string;
  /** Where it spills, absolute; made when needed. @default a new name below the system's temporary folder */
  readonly tempDirectory?: string;
  /** Folder that holds the installed extensions, absolute; for `loadDelta` and `s3://` files. @default set-up's */
  readonly extensionDirectory?: string;
}

/** A row as plain data: 64-bit integers are numbers while they are exact, bigints beyond 2^53. */
export type PlainRow = Record<string, unknown>;

/** A connection with its own temporary tables; closed by `FeatureDb.session`. */
export interface Session {
  /** Opens the session's one transaction. */
  begin(): Promise<void>;
  /** Ends it; what was made in it is gone. */
  rollback(): Promise<void>;
  /** Runs statements whose rows nobody needs. */
  run(sql: string): Promise<void>;
  /** All rows of a small result. */
  rows<T extends object = PlainRow>(sql: string): Promise<T[]>;
  /** A large result, chunk by chunk. */
  stream(sql: string): Promise<ChunkStream>;
  /** Runs `use` with a relation of rows from memory, for a FROM clause. */
  withRows<T>(source: RowSource, use: (relation: string) => Promise<T>): Promise<T>;
}

/** A result, chunk by chunk. */
export interface ChunkStream {
  /** Names of the columns, each once. */
  readonly names: readonly string[];
  /** @throws PipelineError STORE_QUERY_FAILED when the statement fails after its first rows */
  readonly chunks: AsyncIterable<DuckDBDataChunk>;
}

/** A DuckDB instance and its sessions. */
export class FeatureDb {
  readonly #instance: DuckDBInstance;
  readonly #extensionDirectory: string;
  readonly #rowSources = new RowSources();
  #secret: Promise<S3Secret> | undefined;

  private constructor(instance: DuckDBInstance, extensionDirectory: string) {
    this.#instance = instance;
    this.#extensionDirectory = extensionDirectory;
  }

  /** Opens an instance; the caller closes it. */
  static async open(options: FeatureDbOptions = {}): Promise<FeatureDb> {
    const {
      threads = 2,
      memoryLimit = '1GB',
      extensionDirectory = installedExtensions(),
    } = options;
    // spill files of two instances have the same names: each needs a folder of its own
    const tempDirectory =
      options.tempDirectory ?? path.join(tmpdir(), `sentinel-spill-${randomUUID()}`);
    const instance = await DuckDBInstance.create(':memory:', {
      threads: String(Math.min(threads, MOST_THREADS)),
      memory_limit: memoryLimit,
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      temp_directory: tempDirectory,
      extension_directory: extensionDirectory,
    });
    return new FeatureDb(instance, extensionDirectory);
  }

  /**
   * Runs `use` on a connection of its own and closes it. A statement that names an `s3://` file may read it.
   *
   * @throws PipelineError STORE_QUERY_FAILED with DuckDB's message when a statement fails
   */
  session<T>(use: (session: Session) => Promise<T>): Promise<T> {
    return this.sessions(1, ([session]) => use(session as Session)); // there is one
  }

  /** `session` for work on several connections at a time. */
  async sessions<T>(count: number, use: (sessions: readonly Session[]) => Promise<T>): Promise<T> {
    const connections: DuckDBConnection[] = [];
    try {
      while (connections.length < count) {
        const connection = await this.#instance.connect();
        connections.push(connection);
        await connection.run(SESSION_SETTINGS);
      }
      return await use(
        connections.map((connection) =>
          sessionOn(connection, this.#rowSources, (sql) => this.#prepare(sql)),
        ),
      );
    } finally {
      for (const connection of connections) connection.closeSync();
    }
  }

  /** All rows of one small query, on a connection of its own. */
  rows<T extends object = PlainRow>(sql: string): Promise<T[]> {
    return this.session((session) => session.rows<T>(sql));
  }

  /**
   * Makes `delta_scan` available to every session of this instance.
   *
   * @throws PipelineError SETUP_INCOMPLETE when the extension folder holds no delta extension
   */
  loadDelta(): Promise<void> {
    return this.#load('delta');
  }

  /**
   * Makes a place readable. A session does so by itself, but not in an open transaction, which would not see the keys.
   *
   * @param place absolute folder, or `s3://bucket/prefix`
   */
  reach(place: string): Promise<void> {
    return this.#prepare(place);
  }

  /** Ends the instance and frees its memory. */
  close(): void {
    this.#instance.closeSync();
  }

  async #prepare(sql: string): Promise<void> {
    if (!sql.includes('s3://')) return;
    const held = await this.#secret;
    if (held !== undefined && held.heldUntilMs > Date.now() + KEYS_MARGIN_MS) return;
    this.#secret = this.#openS3();
    await this.#secret;
  }

  async #openS3(): Promise<S3Secret> {
    const secret = await s3Secret();
    const options = Object.entries(secret.options).map(
      ([name, value]) => `${name} ${quote(value)}`,
    );
    await this.#load('httpfs');
    await this.rows(`SET GLOBAL http_retries = 6;
      CREATE OR REPLACE SECRET tables (TYPE s3, ${options.join(', ')})`);
    return secret;
  }

  async #load(extension: string): Promise<void> {
    try {
      await this.rows(`LOAD ${extension}`);
    } catch (cause) {
      throw new PipelineError(
        {
          code: 'SETUP_INCOMPLETE',
          file: this.#extensionDirectory,
          found: `no DuckDB extension "${extension}"`,
          fix: 'run `node scripts/setup.mjs`, which installs it offline',
        },
        { cause },
      );
    }
  }
}

/** A SQL string literal. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A SQL identifier. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A SQL list of string literals. */
export function quoteList(texts: readonly string[]): string {
  return `[${texts.map(quote).join(', ')}]`;
}

/** @param prepare called before each statement */
function sessionOn(
  connection: DuckDBConnection,
  rowSources: RowSources,
  prepare: (sql: string) => Promise<void>,
): Session {
  let inTransaction = false;
  const begin = async (): Promise<void> => {
    await connection.run('BEGIN');
    inTransaction = true;
  };
  const end = async (statement: 'COMMIT' | 'ROLLBACK'): Promise<void> => {
    inTransaction = false;
    await connection.run(statement);
  };
  return {
    begin,
    rollback: () => end('ROLLBACK'),
    run: async (sql) => {
      await prepare(sql);
      await guarded(sql, () => connection.run(sql));
    },
    rows: async <T extends object>(sql: string) => {
      await prepare(sql);
      const reader = await guarded(sql, () => connection.runAndReadAll(sql));
      // the caller names the columns it selected; DuckDB's types are not known to TypeScript
      return reader.getRowObjectsJS().map((row) => plain(row) as T);
    },
    stream: async (sql) => {
      await prepare(sql);
      // DuckDB's client ends a stream that fails as if it were complete: only the transaction knows
      const own = !inTransaction;
      if (own) await begin();
      const result = await guarded(sql, () => connection.stream(sql)).catch(
        async (error: unknown) => {
          if (own) await end('ROLLBACK');
          throw error;
        },
      );
      async function* chunks(): AsyncGenerator<DuckDBDataChunk> {
        let isWhole = false;
        try {
          for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0;) {
            yield chunk;
            chunk = await result.fetchChunk();
          }
          await guarded(sql, () => connection.run('SELECT 1'));
          isWhole = true;
        } finally {
          if (own) await end(isWhole ? 'COMMIT' : 'ROLLBACK');
        }
      }
      return { names: result.deduplicatedColumnNames(), chunks: chunks() };
    },
    withRows: (source, use) => rowSources.with(connection, source, use),
  };
}

async function guarded<T>(sql: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw new PipelineError(
      {
        code: 'STORE_QUERY_FAILED',
        found: `${cause instanceof Error ? cause.message : String(cause)} in: ${shorten(sql)}`,
        fix: 'check free memory and disk, then run the task again; if it stays, report this message',
      },
      { cause },
    );
  }
}

function shorten(sql: string): string {
  return sql.length <= 300 ? sql : `${sql.slice(0, 300)}…`;
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (Array.isArray(value)) return value.map(plain);
  if (
    value !== null &&
    typeof value === 'object' &&
    Object.getPrototypeOf(value) === Object.prototype
  )
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
  return value;
}

/** Each thread that sorts or writes has up to 150 MB of its own, which are not spilled: 1 GB holds no more. */
const MOST_THREADS = 4;

/** Keys that end sooner than this are fetched anew: a query may take as long. */
const KEYS_MARGIN_MS = 600_000;

// rows that wait for their partition are not spilled: at the default of 524,288 a day's file needs over 0.5 GB;
// the limit of open files is raised because a day has 180 apps: at 100 DuckDB closes a file and starts a second one
const SESSION_SETTINGS = `
  SET TimeZone = 'UTC';
  SET preserve_insertion_order = true;
  SET partitioned_write_max_open_files = 2000;
  SET partitioned_write_flush_threshold = 20000;
`;
