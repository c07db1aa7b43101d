/** SQL over the tables of a home, each at its newest or a named version: what `sentinel query` runs. */
import { PipelineError } from '../contracts/errors.js';
import { versionAt } from './delta/commit-times.js';
import { scanSnapshot } from './delta/scan.js';
import { pickFiles, readHead, type PickedFiles, type TableHead } from './delta/pick-files.js';
import { listFolders } from './delta/storage-of.js';
import { readOldVersions } from './delta/vacuumed.js';
import { FeatureDb, quoteName, type PlainRow, type Session } from './duckdb.js';
import { neededFiles } from './needed-files.js';
import { tableFolder } from './tables.js';

/** What to ask, and of which versions. */
export interface QueryRequest {
  /** For this call alone: while it plans, some of the instance's optimizers are off. */
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
 * @throws PipelineError QUERY_INVALID, STORE_QUERY_FAILED, TABLE_UNKNOWN for a name in `asOf`, TABLE_VERSION_UNKNOWN, TABLE_VERSION_VACUUMED
 */
export async function queryTables(request: QueryRequest): Promise<QueryResult> {
  const { answer, versions } = await withTables(request, (session) => session.rows(request.sql));
  return { rows: answer, versions };
}

/**
 * `queryTables` for an answer that is not held as rows.
 *
 * @param use runs the SQL, and nothing else of its own that names tables
 */
export async function withTables<T>(
  { db, tablesRoot, sql, asOf = {} }: QueryRequest,
  use: (session: Session) => Promise<T>,
): Promise<{ readonly answer: T; readonly versions: QueryResult['versions'] }> {
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
  await db.reach(tablesRoot);
  return db.session(async (session) => {
    const heads = new Map<string, TableHead>();
    for (const name of asked.length > 0 ? asked : names) {
      const head = await headAsOf(session, tableFolder(tablesRoot, name), asOf[name]);
      if (head !== undefined) heads.set(name, head);
    }
    const snapshots = await pickedFor(session, sql, heads);
    const old = [...snapshots].flatMap(([name, snapshot]) =>
      asOf[name] === undefined ? [] : [snapshot],
    );
    const answer = await readOldVersions(old, async () => {
      for (const [name, snapshot] of snapshots)
        await session.run(`CREATE TEMP VIEW ${quoteName(name)} AS ${scanSnapshot(snapshot)}`);
      return use(session).catch((cause: unknown) => {
        throw invalid(cause, names);
      });
    });
    const versions = [...snapshots].map(([name, { version }]) => [name, version] as const);
    return { answer, versions: Object.fromEntries(versions) };
  });
}

async function headAsOf(
  session: Session,
  table: string,
  asOf: number | Date | undefined,
): Promise<TableHead | undefined> {
  const version = asOf instanceof Date ? await versionAt(table, asOf.getTime()) : asOf;
  return readHead(session, table, version);
}

/** Each table with the files that the SQL can need; with all where that is not known. */
async function pickedFor(
  session: Session,
  sql: string,
  heads: ReadonlyMap<string, TableHead>,
): Promise<Map<string, PickedFiles>> {
  const tables = new Map([...heads].map(([name, { recent }]) => [name, recent]));
  const conditions = await neededFiles(session, sql, tables);
  const picked = new Map<string, PickedFiles>();
  for (const [name, head] of heads)
    picked.set(name, await pickFiles(session, head, conditions?.get(name) ?? 'true'));
  return picked;
}

function invalid(cause: unknown, names: readonly string[]): unknown {
  // a full disk or too little memory is no fault of the statement; of a stream that broke off nobody knows
  if (/^(IO|Out of Memory|INTERNAL|TransactionContext) Error/.test(rootMessage(cause)))
    return cause;
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
