import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { checkpointIfDue } from '../../feature-store/delta/checkpoint.js';
import { checkpointPath } from '../../feature-store/delta/checkpoint-file.js';
import { commitTable } from '../../feature-store/delta/commit.js';
import { logEntry, readSnapshot, type Snapshot } from '../../feature-store/delta/snapshot.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { stageThings, THINGS, thingsFolder } from './delta-things.js';
import { aHome, EXTENSIONS, PYTHON, type StoreHome } from './store-builders.js';

const WIDER = {
  ...THINGS,
  columns: [...THINGS.columns, { name: 'extra', type: 'long' } as const],
};

/** 22 commits: each puts n in place of the row of its kind; the columns grow in version 6. */
async function aLongLog(): Promise<StoreHome> {
  const home = await aHome();
  for (let n = 0; n < 22; n++) {
    const kind = n % 4 === 3 ? null : `k${n % 4}`;
    const schema = n < 6 ? THINGS : WIDER;
    const row = `(${kind === null ? 'NULL' : `'${kind}'`}, ${n})`;
    await commitTable({
      table: thingsFolder(home),
      schema,
      adds: await stageThings(home, row, { schema, tags: { n: `${n}` } }),
      removes: ({ partitionValues }) => partitionValues['kind'] === kind,
      txn: { appId: `app/${n % 3}`, version: n },
    });
  }
  return home;
}

const pathOf = (home: StoreHome, name: string) => path.join(thingsFolder(home), name);
const logFile = (home: StoreHome, version: number) => pathOf(home, logEntry(version));
const LAST = '_delta_log/_last_checkpoint';
const namesOf = async (home: StoreHome) =>
  (await readdir(pathOf(home, '_delta_log'))).map((name) => `_delta_log/${name}`);
const ROWS = [18, 19, 20, 21];

/** What a reader gets of a snapshot; the actions themselves say in a checkpoint that they change no data. */
const meaningOf = (snapshot: Snapshot | undefined) =>
  snapshot && {
    ...snapshot,
    files: [...snapshot.files.values()].map(({ add, ...file }) => ({ ...file, stats: add.stats })),
    removed: [...snapshot.removed.keys()],
    metaData: { ...snapshot.metaData, description: null },
  };

test('a table gets a checkpoint every tenth commit, and keeps its log entries', async () => {
  const home = await aLongLog();
  const names = await namesOf(home);
  expect(names.filter((name) => name.includes('checkpoint')).sort()).toEqual([
    checkpointPath(10),
    checkpointPath(20),
    LAST,
  ]);
  expect(names.filter((name) => name.endsWith('.json'))).toHaveLength(22);
  expect(names.filter((name) => name.includes('tmp'))).toEqual([]);
  const hint = await readFile(pathOf(home, LAST), 'utf8');
  // 2 + txns 3 + files 4 + tombstones 17
  expect(JSON.parse(hint)).toMatchObject({ version: 20, size: 26, numOfAddFiles: 4 });
});

test('every version read through a checkpoint is the version that the whole log gives', async () => {
  const home = await aLongLog();
  const table = thingsFolder(home);
  const through = [];
  for (let version = 0; version < 22; version++)
    through.push(meaningOf(await readSnapshot(table, { version })));
  for (const version of [10, 20]) await rm(pathOf(home, checkpointPath(version)));
  for (let version = 0; version < 22; version++)
    expect(meaningOf(await readSnapshot(table, { version }))).toEqual(through[version]);
});

test('a reader starts at the checkpoint and never opens an older entry', async () => {
  const home = await aLongLog();
  for (let version = 0; version <= 20; version++)
    await writeFile(logFile(home, version), 'not read');
  const { rows } = await queryTables({ ...home, sql: 'SELECT n, extra FROM things ORDER BY n' });
  expect(rows).toEqual(ROWS.map((n) => ({ n, extra: null })));
});

test.skipIf(!existsSync(PYTHON))(
  'Python deltalake reads through the checkpoint (skipped where set-up did not run)',
  async () => {
    const home = await aLongLog();
    for (let version = 0; version < 20; version++) await rm(logFile(home, version));
    const program = `
import json, sys
from deltalake import DeltaTable
table = DeltaTable(sys.argv[1])
frame = table.to_pandas().sort_values('n')
print(json.dumps([table.version(), table.transaction_version('app/0'), [int(n) for n in frame['n']], [None if k != k or k is None else k for k in frame['kind']]]))`;
    const found = execFileSync(PYTHON, ['-c', program, thingsFolder(home)], { encoding: 'utf8' });
    expect(JSON.parse(found)).toEqual([21, 21, ROWS, ['k2', null, 'k0', 'k1']]);
  },
);

test.skipIf(!existsSync(EXTENSIONS))(
  'delta_scan reads through the checkpoint (skipped where set-up did not run)',
  async () => {
    const home = await aLongLog();
    for (let version = 0; version < 20; version++) await rm(logFile(home, version));
    await home.db.loadDelta();
    const found = await home.db.rows(
      `SELECT kind, n, extra FROM delta_scan('${thingsFolder(home)}') ORDER BY n`,
    );
    expect(found).toEqual(
      ROWS.map((n) => ({ kind: n % 4 === 3 ? null : `k${n % 4}`, n, extra: null })),
    );
  },
);

test('a log without checkpoints gets one with its next commit', async () => {
  const home = await aLongLog();
  for (const name of [checkpointPath(10), checkpointPath(20), LAST]) await rm(pathOf(home, name));
  await commitTable({ table: thingsFolder(home), schema: WIDER, adds: [] });
  expect(await namesOf(home)).toContain(checkpointPath(22));
});

test('what a writer killed in the middle of a checkpoint leaves harms no reader', async () => {
  const home = await aLongLog();
  const whole = await readFile(pathOf(home, checkpointPath(20)));
  await writeFile(pathOf(home, LAST), '{"version":10,"size":1}');
  await writeFile(pathOf(home, `${checkpointPath(21)}.x.tmp`), whole.subarray(0, 100));
  const { rows } = await queryTables({ ...home, sql: 'SELECT n FROM things ORDER BY n' });
  expect(rows.map(({ n }) => n)).toEqual(ROWS);
  await home.db.loadDelta();
  const found = await home.db.rows(`SELECT n FROM delta_scan('${thingsFolder(home)}') ORDER BY n`);
  expect(found).toEqual(rows);
});

test('a damaged checkpoint is an error that says what to delete', async () => {
  const home = await aLongLog();
  await writeFile(pathOf(home, checkpointPath(20)), 'damaged');
  await expect(readSnapshot(thingsFolder(home))).rejects.toMatchObject({
    code: 'DELTA_LOG_BROKEN',
    message: expect.stringContaining(checkpointPath(20)) as string,
  });
});

test('tombstones older than the retention are left out', async () => {
  const home = await aLongLog();
  for (const name of [checkpointPath(10), checkpointPath(20)]) await rm(pathOf(home, name));
  const inMonths = Date.now() + 90 * 86_400_000;
  expect(await checkpointIfDue(thingsFolder(home), inMonths)).toBe(21);
  expect((await readSnapshot(thingsFolder(home)))?.removed.size).toBe(0);
});
