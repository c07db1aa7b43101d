/** SQL over the tables of a home, each at its newest or a named version: what `sentinel query` runs. */
import { PipelineError } from '../contracts/errors.js';
import { versionAt } from './delta/commit-times.js';
import { scanSnapshot } from './delta/scan.js';
import { readSnapshot, type Snapshot } from './delta/snapshot.js';
import { listFolders } from './delta/storage-of.js';
import { readOldVersions } from './delta/vacuumed.js';
import { FeatureDb, quoteName, type PlainRow } from './duckdb.js';
import { tableFolder } from './tables.js';

/** What to ask, and of which versions. */
export interface QueryRequest {
  readonly db: FeatureDb;
  readonly tablesRoot: string;
  /** One or more statements; the rows of the last are returned. */
  readonly sql: string;
  /** By table name a version, or the time whose newest version is meant. @default the newest of each */
  readonly asOf?: Readonly<Record<string, number | Date>>;
}

/** The last statement's rows. */
export interface QueryResult {
  readonly rows: readonly PlainRow[];
  /** Version of each table that the SQL or `asOf` names; of every table when neither names one. */
  readonly versions: Readonly<Record<string, number>>;
}

/**
 * Runs SQL with each table that it names as a view of that name; with all of them when it names none, as `SHOW TABLES`.
 *
 * @throws PipelineError QUERY_INVALID, TABLE_UNKNOWN for a name in `asOf`, TABLE_VERSION_UNKNOWN, TABLE_VERSION_VACUUMED
 */
export async function queryTables(request: QueryRequest): Promise<QueryResult> {
  const { db, tablesRoot, sql, asOf = {} } = request;
  const names = await listFolders(tablesRoot);
  for (const name of Object.keys(asOf))
    if (!names.includes(name))
      throw new PipelineError({
        code: 'TABLE_UNKNOWN',
        found: `the table ${JSON.stringify(name)}`,
        expected: names.join(', ') || 'no table exists yet',
        fix: 'name one of these tables in --as-of TABLE=VERSION or TABLE=TIME',
      });
  const asked = names.filter(
    (name) => sql.toLowerCase().includes(name.toLowerCase()) || asOf[name] !== undefined,
  );
  const snapshots = new Map<string, Snapshot>();
  for (const name of asked.length > 0 ? asked : names) {
    const snapshot = await snapshotAsOf(tableFolder(tablesRoot, name), asOf[name]);
    if (snapshot !== undefined) snapshots.set(name, snapshot);
  }
  const rows = await readOldVersions(
    [...snapshots].flatMap(([name, snapshot]) => (asOf[name] === undefined ? [] : [snapshot])),
    () =>
      db.session(async (session) => {
        for (const [name, snapshot] of snapshots)
          await session.run(`CREATE TEMP VIEW ${quoteName(name)} AS ${scanSnapshot(snapshot)}`);
        return session.rows(sql).catch((cause: unknown) => {
          throw invalid(cause, names);
        });
      }),
  );
  const versions = Object.fromEntries(
    [...snapshots].map(([name, snapshot]) => [name, snapshot.version]),
  );
  return { rows, versions };
}

async function snapshotAsOf(
  table: string,
  asOf: number | Date | undefined,
): Promise<Snapshot | undefined> {
  if (asOf === undefined) return readSnapshot(table);
  const version = typeof asOf === 'number' ? asOf : await versionAt(table, asOf.getTime());
  return readSnapshot(table, { version });
}

function invalid(cause: unknown, names: readonly string[]): PipelineError {
  return new PipelineError(
    {
      code: 'QUERY_INVALID',
      found: rootMessage(cause),
      expected: `SQL over ${names.join(', ') || 'no table: none exists yet'}`,
      fix: 'correct the statement; `DESCRIBE TABLE_NAME` lists the columns',
    },
    { cause },
  );
}

/**
 * Rows of one SQL statement over a table that may not be there yet: then there are none.
 *
 * @throws PipelineError QUERY_INVALID
 */
export async function queryIfPresent(
  tablesRoot: string,
  table: string,
  sql: string,
): Promise<readonly PlainRow[]> {
  if (!(await listFolders(tablesRoot)).includes(table)) return [];
  const db = await FeatureDb.open({ threads: 1 });
  try {
    return (await queryTables({ db, tablesRoot, sql })).rows;
  } finally {
    db.close();
  }
}

function rootMessage(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error) return cause.message;
  return error instanceof Error ? error.message : String(error);
}
