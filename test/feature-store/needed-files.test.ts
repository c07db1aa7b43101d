import { rename } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { commitTable } from '../../feature-store/delta/commit.js';
import { checkpointIfDue } from '../../feature-store/delta/checkpoint.js';
import type { TableSchema } from '../../feature-store/delta/schema.js';
import { readSnapshot } from '../../feature-store/delta/snapshot.js';
import { scanSnapshot } from '../../feature-store/delta/scan.js';
import { stageFiles } from '../../feature-store/delta/stage.js';
import { quote, type PlainRow } from '../../feature-store/duckdb.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { aHome, type StoreHome } from './store-builders.js';

// the order of the columns is not that of the partitions: a filter is told by the number of its column
const SCHEMA: TableSchema = {
  name: 'things',
  columns: [
    { name: 'n', type: 'long' },
    { name: 'app', type: 'string' },
    { name: 'time', type: 'timestamp' },
    { name: 'week', type: 'integer' },
    { name: 'size', type: 'float' },
    { name: 'label', type: 'string' },
  ],
  partitionColumns: ['week', 'app'],
  statsColumns: ['n', 'time', 'size', 'label'],
  sortColumns: ['n'],
};

const APPS = ['a', 'b', `it's "x=1%"`, 'ü', ''];

/** Six commits, a week each, of every app and one NULL; the checkpoint holds the first `inCheckpoint`. */
async function aTable(inCheckpoint: number): Promise<StoreHome> {
  const home = await aHome();
  const apps = APPS.map((app) => `('${app.replaceAll("'", "''")}')`).join(', ');
  for (let week = 1; week <= 6; week += 1) {
    const select = `SELECT ${week} * 100 + row_number() OVER () AS n, app, ${week} AS week,
        TIMESTAMPTZ '2022-01-01 00:00:00.0005Z' + INTERVAL (${week}) DAY AS time, CASE WHEN i = 1 AND ${week} < 3 THEN 'nan' ELSE ${week} / 10 END AS size,
        CASE WHEN i = 0 THEN 'w${week}' END AS label
      FROM (VALUES ${apps}, (NULL)) t(app), range(2) r(i)`;
    const adds = await home.db.session((session) =>
      stageFiles({ session, schema: SCHEMA, select, orderBy: 'n', stagingDir: home.staging() }),
    );
    const table = path.join(home.tablesRoot, 'things');
    await commitTable({ table, schema: SCHEMA, adds });
    if (week === inCheckpoint) await checkpointIfDue(table, Date.now(), 1);
  }
  return home;
}

/** Rows of a query as the store answers it, and as it would be answered over all files. */
async function bothAnswers(home: StoreHome, sql: string): Promise<(readonly PlainRow[])[]> {
  const snapshot = await readSnapshot(path.join(home.tablesRoot, 'things'));
  if (snapshot === undefined) throw new Error('no table');
  const all = await home.db.session(async (session) => {
    await session.run(`CREATE TEMP VIEW things AS ${scanSnapshot(snapshot)}`);
    return session.rows(sql);
  });
  return [(await queryTables({ ...home, sql })).rows, all];
}

const QUERIES = [
  `FROM things WHERE app = 'a' AND week = 3`,
  `FROM things WHERE app = 'it''s "x=1%"' OR week = 2`,
  `FROM things WHERE app IN ('a', 'ü') AND week IN (1, 5)`,
  `FROM things WHERE app IS NULL AND week < 3`,
  `FROM things WHERE app IS DISTINCT FROM 'a'`,
  `FROM things WHERE app = ''`,
  `FROM things WHERE app LIKE 'i%' AND week BETWEEN 2 AND 4`,
  `FROM things WHERE app <> 'a' AND week <> 1`,
  `FROM things WHERE time >= '2022-01-03' AND time < '2022-01-04 00:00:00.0006Z'`,
  `FROM things WHERE time = '2022-01-04 00:00:00.0005Z'`,
  `FROM things WHERE size = 0.3::FLOAT`,
  `FROM things WHERE size > 0.5::FLOAT`,
  `FROM things WHERE size = 'nan'::FLOAT`,
  `FROM things WHERE size < 'inf'::FLOAT AND week = 1`,
  `FROM things WHERE label = 'w4'`,
  `FROM things WHERE label IS NULL AND week = 2`,
  `FROM things WHERE n > 9007199254740993 OR n < 102`,
  `FROM things WHERE NOT (week = 1 AND app = 'a')`,
  `FROM things WHERE week = (SELECT max(week) FROM things)`,
  `FROM things WHERE week = 1 UNION ALL FROM things WHERE app = 'b'`,
  `SELECT x.n, y.n AS m FROM things x JOIN things y ON x.app = y.app WHERE x.week = 1 AND y.week = 2`,
  `SELECT x.n, y.n AS m FROM things x LEFT JOIN things y ON x.app = y.app AND y.week = 2 WHERE x.week = 1`,
  `SELECT n, (SELECT max(n) FROM things y WHERE y.app = x.app AND y.week = 1) AS m FROM things x WHERE week = 6`,
  `WITH x AS MATERIALIZED (FROM things) FROM x WHERE week = 2 UNION ALL FROM x WHERE week = 3`,
  `FROM (FROM things ORDER BY n LIMIT 3) WHERE week = 1`,
  `FROM things WHERE week = 1 QUALIFY row_number() OVER (PARTITION BY app ORDER BY n) = 1`,
  `SELECT week, count(*) AS c FROM things GROUP BY ALL HAVING week > 4`,
  `SELECT count(*) AS c FROM things WHERE time < now()`,
  `FROM things WHERE week = 1 AND week = 2`,
  `FROM things ORDER BY time DESC, n LIMIT 3`,
  `SELECT 1; FROM things WHERE week = 5`,
  `CREATE TEMP TABLE t AS FROM things WHERE week = 1; FROM t WHERE app = 'b'`,
  `PIVOT things ON week USING count(*) GROUP BY app`,
  `DESCRIBE things`,
];

/** Conditions, and how many files have rows that meet them; the columns of the files have bounds that tell. */
const SELECTIVE = [
  [`app = 'a' AND week = 3`, 1],
  [`app = 'a'`, 6],
  [`week BETWEEN 2 AND 3 AND app IN ('a', 'b', 'z')`, 4],
  [`week = 2 OR week = 6`, 12],
  [`time > '2022-01-06'`, 12],
  [`n = 101`, 1],
  [`label = 'w4'`, 6],
] as const;

describe.each([0, 4, 6])('with the first %i of 6 commits in a checkpoint', (inCheckpoint) => {
  test('a query has the same rows as over all files', async () => {
    const home = await aTable(inCheckpoint);
    for (const sql of QUERIES) {
      // in some of them the order of the rows is left to chance
      const [ours, all] = (await bothAnswers(home, sql)).map((rows) =>
        rows.map((row) => JSON.stringify(row)).sort(),
      );
      expect(ours, sql).toEqual(all);
    }
  });

  test('a query opens no file that it does not need', async () => {
    const home = await aTable(inCheckpoint);
    const snapshot = await readSnapshot(path.join(home.tablesRoot, 'things'));
    const files = [...(snapshot?.files.values() ?? [])];
    const list = files.map(({ file }) => quote(file)).join(', ');
    for (const [condition, filesWithRows] of SELECTIVE) {
      const sql = `FROM things WHERE ${condition} ORDER BY n`;
      const [, all] = await bothAnswers(home, sql);
      const found = await home.db.rows<{ file: string }>(
        `SELECT DISTINCT filename AS file FROM read_parquet([${list}], filename = true,
           hive_partitioning = true, hive_types = {week: INTEGER, app: VARCHAR}) WHERE ${condition}`,
      );
      expect(found, condition).toHaveLength(filesWithRows);
      const needed = new Set(found.map(({ file }) => file));
      const others = files.filter(
        // those of NULL partitions are read whatever the condition on their column
        ({ file, partitionValues }) => !needed.has(file) && partitionValues['app'] !== null,
      );
      for (const { file } of others) await rename(file, `${file}.away`);
      expect((await queryTables({ ...home, sql })).rows, condition).toEqual(all);
      for (const { file } of others) await rename(`${file}.away`, file);
    }
  });
});
