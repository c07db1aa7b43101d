import { describe, expect, test } from 'vitest';
import {
  commitTable,
  type CommitRequest,
  type StagedFile,
} from '../../feature-store/delta/commit.js';
import type { TableSchema } from '../../feature-store/delta/schema.js';
import { readSnapshot, type LiveFile } from '../../feature-store/delta/snapshot.js';
import { stageFiles } from '../../feature-store/delta/stage.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { aHome, type StoreHome } from './store-builders.js';

const SCHEMA: TableSchema = {
  name: 'things',
  columns: [
    { name: 'part', type: 'string' },
    { name: 'n', type: 'long' },
  ],
  partitionColumns: ['part'],
};

const inPart =
  (part: string) =>
  ({ partitionValues }: LiveFile) =>
    partitionValues['part'] === part;

function stage(home: StoreHome, row: { part: string; n: number }): Promise<StagedFile[]> {
  return home.db.session((session) =>
    stageFiles({
      ...{ session, schema: SCHEMA, orderBy: 'n', stagingDir: home.staging() },
      select: `SELECT '${row.part}' AS part, ${row.n} AS n`,
    }),
  );
}

/** A writer's commit of one row, or of none. */
async function commit(
  home: StoreHome,
  row: { part: string; n: number } | undefined,
  more: Partial<CommitRequest> = {},
) {
  const adds = row === undefined ? [] : await stage(home, row);
  return commitTable({ table: `${home.tablesRoot}/things`, schema: SCHEMA, adds, ...more });
}

/** A table at version 0 with the parts a (1) and b (2). */
async function aTable(): Promise<StoreHome> {
  const home = await aHome();
  await commit(home, { part: 'a', n: 1 });
  await commit(home, { part: 'b', n: 2 });
  return home;
}

const READ = 1;
const replace = (part: string): Partial<CommitRequest> => ({
  removes: inPart(part),
  readVersion: READ,
});
const add = { part: 'a', n: 10 };

describe('two writers that read the same version', () => {
  const cases: [
    string,
    Partial<CommitRequest>,
    typeof add | undefined,
    Partial<CommitRequest>,
    boolean,
  ][] = [
    ['append and append', {}, add, {}, false],
    ['append, and replace another part', {}, { part: 'b', n: 10 }, replace('a'), false],
    ['append, and replace the same part', {}, add, replace('a'), true],
    ['replace a part, and append to it', replace('a'), add, {}, false],
    ['replace different parts', replace('b'), { part: 'b', n: 10 }, replace('a'), false],
    ['replace the same part', replace('a'), add, replace('a'), true],
    ['empty a part, and replace it', replace('a'), undefined, replace('a'), true],
    ['empty a part, and append to it', replace('a'), undefined, {}, false],
    [
      'change a record, and change it too',
      { txn: { appId: 'source', version: 1 } },
      add,
      { otherTxns: [{ appId: 'source', version: 1 }], readVersion: READ },
      true,
    ],
  ];
  test.each(cases)('%s', async (_, first, row, second, conflicts) => {
    const home = await aTable();
    await commit(home, row, first);
    const late = commit(home, { part: 'a', n: 20 }, second);
    if (conflicts) await expect(late).rejects.toMatchObject({ code: 'DELTA_CONFLICT' });
    else expect(await late).toEqual({ version: READ + 2, kind: 'committed' });
    const { rows } = await queryTables({ ...home, sql: 'FROM things WHERE n = 20' });
    expect(rows).toHaveLength(conflicts ? 0 : 1);
  });

  test('the first commit of a table is a change too', async () => {
    const home = await aHome();
    await commit(home, add);
    const late = commit(home, { part: 'a', n: 20 }, { ...replace('a'), readVersion: -1 });
    await expect(late).rejects.toMatchObject({ code: 'DELTA_CONFLICT' });
    const other = commit(home, { part: 'b', n: 20 }, { ...replace('b'), readVersion: -1 });
    expect(await other).toEqual({ version: 1, kind: 'committed' });
  });

  test('a compaction of files that were withdrawn meanwhile brings no row back', async () => {
    const home = await aTable();
    const snapshot = await readSnapshot(`${home.tablesRoot}/things`);
    const old = new Set([...(snapshot?.files.values() ?? [])].map(({ logPath }) => logPath));
    await commit(home, undefined, replace('a'));
    const compaction = commit(
      home,
      { part: 'a', n: 1 },
      {
        removes: ({ logPath }) => old.has(logPath),
        readVersion: READ,
      },
    );
    await expect(compaction).rejects.toMatchObject({ code: 'DELTA_CONFLICT' });
    const { rows } = await queryTables({ ...home, sql: 'SELECT n FROM things' });
    expect(rows).toEqual([{ n: 2 }]);
  });

  test('two attempts at one commit leave it once, with its files', async () => {
    const home = await aTable();
    const adds = await stage(home, add);
    const attempt = () => commit(home, undefined, { adds, txn: { appId: 'task', version: 1 } });
    const kinds = (await Promise.all([attempt(), attempt()])).map(({ kind }) => kind);
    expect(kinds.sort()).toEqual(['already', 'committed']);
    const { rows } = await queryTables({ ...home, sql: 'SELECT n FROM things ORDER BY n' });
    expect(rows).toEqual([{ n: 1 }, { n: 2 }, { n: 10 }]);
  });
});
