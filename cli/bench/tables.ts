/** A query for one application and week of a year's table, against DuckDB reading that one file. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PipelineError } from '../../contracts/errors.js';
import { compactTable } from '../../feature-store/compact.js';
import { commitTable } from '../../feature-store/delta/commit.js';
import { readSnapshot, type Snapshot } from '../../feature-store/delta/snapshot.js';
import { stageFiles } from '../../feature-store/delta/stage.js';
import { FeatureDb, quote, quoteName, type PlainRow } from '../../feature-store/duckdb.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { FLOWS, tableFolder } from '../../feature-store/tables.js';
import { comparePairs, type BenchAlone, type BenchCase } from './pairs.js';

/** Size of the table. */
export interface TablesBenchOptions {
  readonly pairs: number;
  /** Weeks of the year, each of two raw files. */
  readonly weeks: number;
  /** Applications, of which each raw file has all. */
  readonly apps: number;
}

/**
 * Builds `flows` with the writer of the store, two raw files a week, compacts it, and counts its files; then queries
 * one partition. Each side opens an instance of its own.
 *
 * @throws PipelineError BENCH_PEER_FAILED when the two sides' rows differ
 */
export async function benchTables(
  options: TablesBenchOptions,
  say: (line: string) => void,
): Promise<(BenchCase | BenchAlone)[]> {
  const { pairs, weeks, apps } = options;
  const root = await mkdtemp(join(tmpdir(), 'sentinel-bench-'));
  try {
    const tablesRoot = join(root, 'tables');
    say(`writing ${weeks} weeks of ${apps} applications`);
    const { before, after } = await buildTable(tablesRoot, join(root, 'staging'), options);
    const files = [...after.files.values()];
    const partitions = new Set(files.map(({ partitionValues }) => JSON.stringify(partitionValues)));
    say(`${before} files, after compaction ${files.length}`);
    const values = {
      iso_year: '2022',
      iso_week: String((weeks >> 1) + 1),
      app: appName(apps >> 1),
    };
    const wanted = files.filter((file) =>
      Object.entries(values).every(([column, value]) => file.partitionValues[column] === value),
    );
    const conditions = `iso_year = 2022 AND iso_week = ${values.iso_week} AND app = ${quote(values.app)}`;
    const ours = `SELECT * FROM flows WHERE ${conditions}`;
    const columns = FLOWS.columns.map(({ name }) => quoteName(name)).join(', ');
    const direct = `SELECT ${columns} FROM read_parquet([${wanted.map(({ file }) => quote(file)).join(', ')}])`;
    const query = (db: FeatureDb) =>
      queryTables({ db, tablesRoot, sql: ours }).then(({ rows }) => rows);
    const read = (db: FeatureDb) => db.rows(direct);
    requireEqual((await timed(query)).rows, (await timed(read)).rows); // both are warm
    const compared = await comparePairs(
      { case: 'one app, one week', unit: 'ms', peer: 'DuckDB on that file' },
      { ours: async () => (await timed(query)).ms, theirs: async () => (await timed(read)).ms },
      pairs,
    );
    return [
      { case: 'files a partition', unit: 'files', ours: files.length / partitions.size },
      compared,
    ];
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function buildTable(
  tablesRoot: string,
  staging: string,
  { weeks, apps }: TablesBenchOptions,
): Promise<{ before: number; after: Snapshot }> {
  const table = tableFolder(tablesRoot, FLOWS.name);
  const db = await FeatureDb.open();
  try {
    for (let file = 0; file < 2 * weeks; file += 1) {
      const source = {
        source_sha: String(file).padStart(64, '0'),
        source_file: `/data/${file}.csv`,
      };
      const adds = await db.session((session) =>
        stageFiles({
          ...{ session, schema: FLOWS, stagingDir: staging, tags: source },
          select: flowsOf(file, apps, source),
          orderBy: 'app, source_row',
        }),
      );
      await commitTable({
        table,
        schema: FLOWS,
        adds,
        txn: { appId: source.source_sha, version: 0 },
      });
    }
    const before = await snapshotOf(table);
    await compactTable({ db, table, schema: FLOWS, stagingDir: staging });
    return { before: before.files.size, after: await snapshotOf(table) };
  } finally {
    db.close();
  }
}

/** Five flows of each application, in the week of the file. */
function flowsOf(file: number, apps: number, source: Record<string, string>): string {
  const week = file >> 1;
  const values: Record<string, string> = {
    ...{ iso_year: '2022', iso_week: String(week + 1), app: `format('app-{:03d}', i // 5)` },
    ...{ source_row: 'i', bytes: '1000 * i', bytes_rev: '2000 * i' },
    time_first: `TIMESTAMPTZ '2022-01-03 00:00:00Z' + INTERVAL (${7 * week} * 86400 + i) SECOND`,
    ...Object.fromEntries(Object.entries(source).map(([name, value]) => [name, quote(value)])),
  };
  const columns = FLOWS.columns.map(
    ({ name }) => `${values[name] ?? 'NULL'} AS ${quoteName(name)}`,
  );
  return `SELECT ${columns.join(', ')} FROM range(${5 * apps}) t(i)`;
}

function appName(index: number): string {
  return `app-${String(index).padStart(3, '0')}`;
}

async function snapshotOf(table: string): Promise<Snapshot> {
  const snapshot = await readSnapshot(table);
  if (snapshot === undefined) throw new Error(`${table} was not written`);
  return snapshot;
}

async function timed(
  run: (db: FeatureDb) => Promise<readonly PlainRow[]>,
): Promise<{ ms: number; rows: readonly PlainRow[] }> {
  const startedMs = performance.now();
  const db = await FeatureDb.open();
  try {
    const rows = await run(db);
    return { ms: performance.now() - startedMs, rows };
  } finally {
    db.close();
  }
}

function requireEqual(ours: readonly PlainRow[], theirs: readonly PlainRow[]): void {
  const text = (rows: readonly PlainRow[]): string =>
    rows.map((row) => JSON.stringify(row)).join('\n');
  if (ours.length > 0 && text(ours) === text(theirs)) return;
  throw new PipelineError({
    code: 'BENCH_PEER_FAILED',
    found: `${theirs.length} rows in the file`,
    expected: `the ${ours.length} rows of the query`,
    fix: 'report this: a query must give the rows of its partition',
  });
}
