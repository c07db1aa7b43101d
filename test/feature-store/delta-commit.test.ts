import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { appendRows } from '../../feature-store/append-rows.js';
import { commitTable, moveStagedFiles } from '../../feature-store/delta/commit.js';
import type { TableSchema } from '../../feature-store/delta/schema.js';
import { scanSnapshot } from '../../feature-store/delta/scan.js';
import {
  advanceSnapshot,
  countRows,
  logEntry,
  readSnapshot,
} from '../../feature-store/delta/snapshot.js';
import { stageFiles } from '../../feature-store/delta/stage.js';
import { queryTables } from '../../feature-store/query-tables.js';
import {
  commitThings as commit,
  stageThings as stage,
  THINGS as SCHEMA,
  thingsFolder as table,
} from './delta-things.js';
import { aHome, EXTENSIONS, PYTHON, type StoreHome } from './store-builders.js';

const logFile = (folder: string, version: number) => path.join(folder, logEntry(version));
const rowsOf = async (home: StoreHome) =>
  countRows((await readSnapshot(table(home)))?.files.values() ?? []);

describe('a commit', () => {
  test('is one version; an older version still reads its rows', async () => {
    const home = await aHome();
    expect(await commit(home, `('a', 1), ('b', 2)`)).toEqual({ version: 0, kind: 'committed' });
    expect(
      await commit(home, `('a', 3)`, {
        removes: ({ partitionValues }) => partitionValues['kind'] === 'a',
      }),
    ).toEqual({
      version: 1,
      kind: 'committed',
    });
    const read = async (asOf: Record<string, number>) =>
      (await queryTables({ ...home, sql: 'SELECT kind, n FROM things ORDER BY n', asOf })).rows;
    expect(await read({})).toEqual([
      { kind: 'b', n: 2 },
      { kind: 'a', n: 3 },
    ]);
    expect(await read({ things: 0 })).toEqual([
      { kind: 'a', n: 1 },
      { kind: 'b', n: 2 },
    ]);
    await expect(read({ things: 7 })).rejects.toMatchObject({ code: 'TABLE_VERSION_UNKNOWN' });
    await expect(read({ stuff: 0 })).rejects.toMatchObject({ code: 'TABLE_UNKNOWN' });
  });

  test('with a recorded transaction is left alone and its staged files go', async () => {
    const home = await aHome();
    const txn = { appId: 'once', version: 1 };
    await commit(home, `('a', 1)`, { txn });
    const adds = await stage(home, `('a', 1)`);
    const again = await commitTable({ table: table(home), schema: SCHEMA, adds, txn });
    expect(again).toEqual({ version: 0, kind: 'already' });
    expect(adds.some(({ file }) => existsSync(file))).toBe(false);
    expect(await rowsOf(home)).toBe(1);
  });

  test('lands beside concurrent ones, each exactly once', async () => {
    const home = await aHome();
    const results = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        commit(home, `('k${i}', ${i})`, { txn: { appId: `t${i % 5}`, version: 1 } }),
      ),
    );
    expect(
      results
        .filter(({ kind }) => kind === 'committed')
        .map(({ version }) => version)
        .sort(),
    ).toEqual([0, 1, 2, 3, 4]);
    expect(await rowsOf(home)).toBe(5);
  });

  test('computed from rows that were replaced meanwhile is a conflict and leaves nothing behind', async () => {
    const home = await aHome();
    await commit(home, `('a', 1)`);
    await commit(home, `('a', 2)`);
    const adds = await stage(home, `('a', 9)`);
    const late = commitTable({
      table: table(home),
      schema: SCHEMA,
      adds,
      removes: () => true,
      readVersion: 0,
    });
    await expect(late).rejects.toMatchObject({ code: 'DELTA_CONFLICT' });
    expect(adds.some(({ relativePath }) => existsSync(path.join(table(home), relativePath)))).toBe(
      false,
    );
    expect(await rowsOf(home)).toBe(2);
  });

  test('that dies between moving files and the log entry shows no rows, and its retry lands once', async () => {
    const home = await aHome();
    await commit(home, `('a', 1)`);
    const adds = await stage(home, `('a', 2)`);
    await moveStagedFiles(table(home), adds); // what a killed process has done
    expect(await rowsOf(home)).toBe(1);
    const txn = { appId: 'killed', version: 1 };
    await commitTable({ table: table(home), schema: SCHEMA, adds, txn });
    await commitTable({
      table: table(home),
      schema: SCHEMA,
      adds: await stage(home, `('a', 2)`),
      txn,
    });
    expect(await rowsOf(home)).toBe(2);
    expect(
      (await readdir(path.join(table(home), '_delta_log'))).filter((name) => name.includes('tmp')),
    ).toEqual([]);
  });

  test('to a table of another shape is refused', async () => {
    const home = await aHome();
    await commit(home, `('a', 1)`);
    const schema = {
      ...SCHEMA,
      columns: SCHEMA.columns.map((c) => (c.name === 'n' ? { ...c, type: 'string' as const } : c)),
    };
    await expect(commitTable({ table: table(home), schema, adds: [] })).rejects.toMatchObject({
      code: 'DELTA_SCHEMA_MISMATCH',
    });
  });

  test('whose staged file vanished is retried by its task, not committed without it', async () => {
    const home = await aHome();
    const [staged] = await stage(home, `('a', 1)`);
    if (!staged) throw new Error('nothing staged');
    const adds = [{ ...staged, file: `${staged.file}.gone` }];
    await expect(commitTable({ table: table(home), schema: SCHEMA, adds })).rejects.toMatchObject({
      code: 'DELTA_STAGED_MISSING',
    });
    expect(await readSnapshot(table(home))).toBeUndefined();
  });
});

test('a broken log is an error that names the file', async () => {
  const home = await aHome();
  await commit(home, `('a', 1)`);
  await writeFile(logFile(table(home), 1), '{"add":');
  await expect(readSnapshot(table(home))).rejects.toMatchObject({ code: 'DELTA_LOG_BROKEN' });
  await writeFile(logFile(table(home), 3), '');
  await expect(readSnapshot(table(home))).rejects.toMatchObject({ code: 'DELTA_LOG_BROKEN' });
});

test('statistics never exclude a row: times are rounded outwards to ms', async () => {
  const home = await aHome();
  await commit(home, `('a', 1), ('a', 5)`);
  const line = (await readFile(logFile(table(home), 0), 'utf8'))
    .split('\n')
    .find((text) => text.startsWith('{"add"'));
  const { add } = JSON.parse(line ?? '') as { add: { stats: string } };
  expect(JSON.parse(add.stats)).toEqual({
    numRecords: 2,
    minValues: { n: 1, at: '2022-06-06T10:00:00.123Z', note: 'x' },
    maxValues: { n: 5, at: '2022-06-06T10:00:00.124Z', note: 'x' },
    nullCount: { n: 0, at: 0, note: 0 },
  });
});

describe('partition values of any text', () => {
  const kinds = ['x=1%', 'a b/ü', `it's`, '#?&+', 'plain', '..'];
  const values =
    kinds.map((kind, i) => `('${kind.replaceAll("'", "''")}', ${i})`).join(', ') + ', (NULL, 9)';

  test('come back from our reader', async () => {
    const home = await aHome();
    await commit(home, values);
    const snapshot = await readSnapshot(table(home));
    if (!snapshot) throw new Error('no table');
    const rows = await home.db.rows<{ kind: string | null }>(
      `SELECT kind FROM (${scanSnapshot(snapshot)}) ORDER BY n`,
    );
    expect(rows.map(({ kind }) => kind)).toEqual([...kinds, null]);
    expect(
      [...snapshot.files.values()].map(({ partitionValues }) => partitionValues['kind']),
    ).toEqual(expect.arrayContaining([...kinds, null]));
  });

  test.skipIf(!existsSync(PYTHON))(
    'come back from Python deltalake (skipped where set-up did not run)',
    async () => {
      const home = await aHome();
      await commit(home, values);
      const program = `
import json, sys
from deltalake import DeltaTable
frame = DeltaTable(sys.argv[1]).to_pandas().sort_values('n')
print(json.dumps([None if k != k or k is None else k for k in frame['kind']]))`;
      const found = JSON.parse(
        execFileSync(PYTHON, ['-c', program, table(home)], { encoding: 'utf8' }),
      ) as unknown;
      expect(found).toEqual([...kinds, null]);
    },
  );

  test.skipIf(!existsSync(EXTENSIONS))(
    'come back from delta_scan (skipped where set-up did not run)',
    async () => {
      const home = await aHome();
      await commit(home, values);
      await home.db.loadDelta();
      const rows = await home.db.rows<{ kind: string | null }>(
        `SELECT kind FROM delta_scan('${table(home)}') ORDER BY n`,
      );
      expect(rows.map(({ kind }) => kind)).toEqual([...kinds, null]);
    },
  );
});

describe('a table whose schema has grown by columns', () => {
  const wider: TableSchema = {
    ...SCHEMA,
    columns: [
      ...SCHEMA.columns,
      { name: 'extra', type: 'long' },
      { name: 'tags', type: 'string[]' },
    ],
    statsColumns: ['n', 'extra'],
  };
  const rows = [
    { kind: 'a', n: 1, extra: null },
    { kind: 'b', n: 2, extra: 20 },
  ];

  async function aGrownTable(): Promise<StoreHome> {
    const home = await aHome();
    await commit(home, `('a', 1)`);
    const adds = await home.db.session((session) =>
      stageFiles({
        session,
        schema: wider,
        select: `SELECT 'b' AS kind, 2 AS n, NULL AS at, 'x' AS note, 20 AS extra, ['t'] AS tags`,
        orderBy: 'n',
        stagingDir: home.staging(),
      }),
    );
    await commitTable({ table: table(home), schema: wider, adds });
    return home;
  }

  test('has NULL in the rows from before, and in older versions no such column', async () => {
    const home = await aGrownTable();
    const query = async (sql: string, asOf = {}) =>
      (await queryTables({ ...home, sql, asOf })).rows;
    expect(await query('SELECT kind, n, extra FROM things ORDER BY n')).toEqual(rows);
    await expect(query('SELECT extra FROM things', { things: 0 })).rejects.toThrow('extra');
    const before = await readSnapshot(table(home), { version: 0 });
    const now = await readSnapshot(table(home));
    if (before === undefined || now === undefined) throw new Error('no table');
    expect(now.metaData.id).toBe(before.metaData.id);
    expect(now.columns).toEqual(wider.columns);
    expect(await advanceSnapshot(before)).toEqual(now);
  });

  test('grows once, and refuses a writer that does not know the columns', async () => {
    const home = await aGrownTable();
    await commitTable({ table: table(home), schema: wider, adds: [] });
    expect(await readFile(logFile(table(home), 2), 'utf8')).not.toContain('metaData');
    await expect(commit(home, `('a', 3)`)).rejects.toMatchObject({ code: 'DELTA_SCHEMA_MISMATCH' });
    expect(await rowsOf(home)).toBe(2);
  });

  test('is never narrowed or cut in another way', async () => {
    const home = await aGrownTable();
    const partitionColumns = ['kind', 'extra'];
    await expect(
      commitTable({ table: table(home), schema: { ...wider, partitionColumns }, adds: [] }),
    ).rejects.toMatchObject({ code: 'DELTA_SCHEMA_MISMATCH' });
  });

  test.skipIf(!existsSync(PYTHON))(
    'is the same to Python deltalake (skipped where set-up did not run)',
    async () => {
      const home = await aGrownTable();
      const program = `
import json, sys
from deltalake import DeltaTable
frame = DeltaTable(sys.argv[1]).to_pandas().sort_values('n')
print(json.dumps([dict(kind=k, n=n, extra=None if e != e else int(e)) for k, n, e in zip(frame['kind'], frame['n'], frame['extra'])]))`;
      const found = execFileSync(PYTHON, ['-c', program, table(home)], { encoding: 'utf8' });
      expect(JSON.parse(found)).toEqual(rows);
    },
  );

  test.skipIf(!existsSync(EXTENSIONS))(
    'is the same to delta_scan (skipped where set-up did not run)',
    async () => {
      const home = await aGrownTable();
      await home.db.loadDelta();
      const found = await home.db.rows(
        `SELECT kind, n, extra FROM delta_scan('${table(home)}') ORDER BY n`,
      );
      expect(found).toEqual(rows);
    },
  );
});

describe('appended rows', () => {
  test('keep 64-bit integers, times, nulls and arrays', async () => {
    const home = await aHome();
    const schema: TableSchema = {
      name: 'runs',
      columns: [
        { name: 'id', type: 'long' },
        { name: 'at', type: 'timestamp' },
        { name: 'ok', type: 'boolean' },
        { name: 'score', type: 'double' },
        { name: 'tags', type: 'string[]' },
      ],
      partitionColumns: [],
      statsColumns: ['id'],
    };
    const rows = [
      {
        id: 2n ** 62n,
        at: new Date('2022-06-06T10:00:00.123Z'),
        ok: true,
        score: 0.1,
        tags: ['a', 'b'],
      },
      { id: 1, at: '2022-06-06T10:00:00Z', ok: null },
    ];
    const append = {
      ...home,
      schema,
      rows,
      stagingDir: home.staging(),
      txn: { appId: 'run/1', version: 1 },
    };
    expect(await appendRows(append)).toEqual({ version: 0, kind: 'committed' });
    expect(await appendRows(append)).toEqual({ version: 0, kind: 'already' });
    const found = await queryTables({ ...home, sql: 'FROM runs ORDER BY id' });
    expect(found.rows).toEqual([
      { id: 1, at: new Date('2022-06-06T10:00:00Z'), ok: null, score: null, tags: null },
      {
        id: 2n ** 62n,
        at: new Date('2022-06-06T10:00:00.123Z'),
        ok: true,
        score: 0.1,
        tags: ['a', 'b'],
      },
    ]);
    await expect(appendRows({ ...append, rows: [{ oops: 1 }] })).rejects.toMatchObject({
      code: 'TASK_INPUT_INVALID',
    });
  });
});

test('a query reads the tables that it names, and all of them when it names none', async () => {
  const home = await aHome();
  await commit(home, `('a', 1)`);
  await mkdir(path.join(home.tablesRoot, 'broken/_delta_log'), { recursive: true });
  await writeFile(logFile(path.join(home.tablesRoot, 'broken'), 0), 'no JSON');
  const query = (sql: string) => queryTables({ ...home, sql });
  expect(await query('SELECT n FROM Things')).toEqual({
    rows: [{ n: 1 }],
    versions: { things: 0 },
  });
  await expect(query('FROM broken')).rejects.toMatchObject({ code: 'DELTA_LOG_BROKEN' });
  await rm(path.join(home.tablesRoot, 'broken'), { recursive: true });
  await commitTable({ table: path.join(home.tablesRoot, 'stuff'), schema: SCHEMA, adds: [] });
  expect((await query('SHOW TABLES')).rows).toEqual([{ name: 'stuff' }, { name: 'things' }]);
});

test('an older snapshot advances to any later version, and to the newest', async () => {
  const home = await aHome();
  for (const n of [1, 2, 3, 4]) await commit(home, `('a', ${n})`);
  const first = await readSnapshot(table(home), { version: 0 });
  if (first === undefined) throw new Error('no table');
  for (const version of [0, 2, 3])
    expect(await advanceSnapshot(first, { version })).toEqual(
      await readSnapshot(table(home), { version }),
    );
  expect(await advanceSnapshot(first)).toEqual(await readSnapshot(table(home)));
});

test('DuckDB spills to the folder for temporary files, each instance apart', async () => {
  const spillOf = async (home: StoreHome) => {
    const [row] = await home.db.rows<{ at: string }>(
      `SELECT current_setting('temp_directory') AS at`,
    );
    return row?.at ?? '';
  };
  const [one, other] = [await spillOf(await aHome()), await spillOf(await aHome())];
  expect(path.dirname(one)).toBe(tmpdir());
  expect(one).not.toBe(other);
});

test('a wrong statement says what was wrong with it', async () => {
  const home = await aHome();
  await commit(home, `('a', 1)`);
  await expect(queryTables({ ...home, sql: 'SELECT nope FROM things' })).rejects.toMatchObject({
    code: 'QUERY_INVALID',
    message: expect.stringContaining('nope') as string,
  });
});
