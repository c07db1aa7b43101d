import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { changedWeeks } from '../../feature-store/changed-weeks.js';
import { compactTable } from '../../feature-store/compact.js';
import { commitTable } from '../../feature-store/delta/commit.js';
import { readSnapshot, type Snapshot } from '../../feature-store/delta/snapshot.js';
import { vacuumTable } from '../../feature-store/delta/vacuum.js';
import { findIngested } from '../../feature-store/ingest/commit-parsed.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { sourcesOf } from '../../feature-store/source-tags.js';
import { FLOWS, FLOWS_REJECTED, tableFolder } from '../../feature-store/tables.js';
import { commitThings, stageThings, THINGS, thingsFolder } from './delta-things.js';
import {
  aFlow,
  aHome,
  EXTENSIONS,
  flowCsv,
  ingest,
  PYTHON,
  type StoreHome,
} from './store-builders.js';

const DAY_MS = 86_400_000;
const flowsFolder = (home: StoreHome) => tableFolder(home.tablesRoot, FLOWS.name);
const compactFlows = (home: StoreHome) =>
  compactTable({
    ...{ db: home.db, table: flowsFolder(home), schema: FLOWS, stagingDir: home.staging() },
  });
const compactThings = (home: StoreHome) =>
  compactTable({
    ...{ db: home.db, table: thingsFolder(home), schema: THINGS, stagingDir: home.staging() },
  });

async function snapshotOf(table: string, version?: number): Promise<Snapshot> {
  const snapshot = await readSnapshot(table, { ...(version !== undefined && { version }) });
  if (snapshot === undefined) throw new Error(`no table ${table}`);
  return snapshot;
}

/** Order-free hash of every row. */
async function hashOf(home: StoreHome, table: string, version?: number): Promise<unknown> {
  const { rows } = await queryTables({
    ...home,
    sql: `SELECT md5(string_agg(to_json(r)::VARCHAR, ',' ORDER BY to_json(r)::VARCHAR)) AS hash, count(*) AS n FROM ${table} r`,
    asOf: { ...(version !== undefined && { [table]: version }) },
  });
  return rows[0];
}

/** A file of one day with a flow for each application, and a row that does not parse. */
function aDay(home: StoreHome, day: string, apps: readonly string[], mark = 1): Promise<string> {
  const flows = apps.map((APP) =>
    aFlow({ APP, TIME_FIRST: `2022-06-${day}T10:00:00`, BYTES: mark }),
  );
  return home.file(`flows-${day}.csv`, flowCsv([...flows, aFlow({ BYTES: 'none' })]));
}

/** Three days of one week. */
async function aWeek(): Promise<{ home: StoreHome; files: string[] }> {
  const home = await aHome();
  const files = [
    await aDay(home, '06', ['a', 'b']),
    await aDay(home, '07', ['a', 'b', 'c']),
    await aDay(home, '08', ['a']),
  ];
  for (const file of files) await ingest(home, file);
  return { home, files };
}

describe('compacting a week of daily files', () => {
  test('makes one file of each partition, with the same rows and no change of data', async () => {
    const { home } = await aWeek();
    const [before, version] = [await hashOf(home, 'flows'), 2];
    expect(await compactFlows(home)).toMatchObject({
      ...{ version: 3, filesBefore: 5, filesAfter: 2, skipped: 0 },
    });
    expect(await hashOf(home, 'flows')).toEqual(before);
    expect(await hashOf(home, 'flows', version)).toEqual(before);
    const { files } = await snapshotOf(flowsFolder(home));
    expect([...files.values()].map(({ partitionValues }) => partitionValues['app']).sort()).toEqual(
      ['a', 'b', 'c'],
    );
    const change = await changedWeeks(home.tablesRoot, 'flows', 0);
    expect(change.get('2022-W23')).toMatchObject({ version });
    expect(await compactFlows(home)).toMatchObject({ version: undefined, filesBefore: 0 });
  });

  test('keeps the rows of a file in the order of its rows, file by file', async () => {
    const { home } = await aWeek();
    await compactFlows(home);
    const { rows } = await queryTables({
      ...home,
      sql: `SELECT source_file, source_row FROM flows WHERE app = 'a'`,
    });
    expect(rows).toEqual(
      rows.toSorted((x, y) => (String(x['source_file']) < String(y['source_file']) ? -1 : 1)),
    );
  });

  test('leaves every source known, counted, and replaceable on its own', async () => {
    const { home, files } = await aWeek();
    const known = async () => {
      const [parsed] = await Promise.all(files.slice(1, 2).map((file) => ingest(home, file)));
      return parsed?.map(({ result }) => result.kind);
    };
    await compactFlows(home);
    await compactTable({
      ...{ db: home.db, stagingDir: home.staging(), schema: FLOWS_REJECTED },
      table: tableFolder(home.tablesRoot, FLOWS_REJECTED.name),
    });
    expect(await known()).toEqual(['already']);
    const corrected = await aDay(home, '07', ['a', 'd'], 77);
    const [replaced] = await ingest(home, corrected);
    expect(replaced?.result.kind).toBe('committed');
    const { rows } = await queryTables({
      ...home,
      sql: `SELECT app, bytes, regexp_extract(source_file, '(\\d\\d).csv', 1) AS day FROM flows ORDER BY day, app`,
    });
    expect(rows).toEqual([
      { app: 'a', bytes: 1, day: '06' },
      { app: 'b', bytes: 1, day: '06' },
      { app: 'a', bytes: 77, day: '07' },
      { app: 'd', bytes: 77, day: '07' },
      { app: 'a', bytes: 1, day: '08' },
    ]);
    for (const name of ['flows', 'flows_rejected']) {
      const table = await snapshotOf(tableFolder(home.tablesRoot, name));
      const tagged = [...table.files.values()].flatMap((file) => sourcesOf(file));
      const { rows: counted } = await queryTables({
        ...home,
        sql: `SELECT source_sha AS sha, count(*) AS n FROM ${name} GROUP BY ALL`,
      });
      const sums = Object.fromEntries(counted.map(({ sha, n }) => [String(sha), n]));
      const said: Record<string, number> = {};
      for (const { sha256, rows: n } of tagged) said[sha256] = (said[sha256] ?? 0) + n;
      expect(said).toEqual(sums);
    }
  });

  test('a compacted file says what parsing each of its sources said', async () => {
    const { home, files } = await aWeek();
    const source = { path: files[1] ?? '', sha256: '' };
    const { rows } = await queryTables({
      ...home,
      sql: `SELECT DISTINCT source_sha AS sha FROM flows WHERE source_file = '${source.path}'`,
    });
    source.sha256 = String(rows[0]?.['sha']);
    const before = await findIngested(home.tablesRoot, source);
    expect(before).toMatchObject({ rowsStored: 3, rowsRejected: 1 });
    await compactFlows(home);
    await compactTable({
      ...{ db: home.db, stagingDir: home.staging(), schema: FLOWS_REJECTED },
      table: tableFolder(home.tablesRoot, FLOWS_REJECTED.name),
    });
    expect(await findIngested(home.tablesRoot, source)).toEqual(before);
  });

  test.skipIf(!existsSync(PYTHON) || !existsSync(EXTENSIONS))(
    'delta_scan and Python deltalake see the same rows (skipped where set-up did not run)',
    async () => {
      const { home } = await aWeek();
      await compactFlows(home);
      await home.db.loadDelta();
      const program = `
import sys
from deltalake import DeltaTable
print(DeltaTable(sys.argv[1]).count())`;
      const count = execFileSync(PYTHON, ['-c', program, flowsFolder(home)], { encoding: 'utf8' });
      expect(Number(count)).toBe(6);
      const [row] = await home.db.rows(
        `SELECT count(*) AS n FROM delta_scan('${flowsFolder(home)}') WHERE app = 'a'`,
      );
      expect(row).toEqual({ n: 3 });
    },
  );
});

describe('a compaction beside other commits', () => {
  const files = async (home: StoreHome) => [
    ...(await snapshotOf(thingsFolder(home))).files.values(),
  ];

  async function twoFiles(): Promise<StoreHome> {
    const home = await aHome();
    for (const n of [1, 2]) await commitThings(home, `('a', ${n})`);
    return home;
  }

  /** Runs `meanwhile` after the compaction has read its files and before it commits. */
  async function compactWhile(home: StoreHome, meanwhile: () => Promise<unknown>) {
    const base = await snapshotOf(thingsFolder(home));
    const adds = await stageThings(home, `('a', 1), ('a', 2)`);
    await meanwhile();
    return commitTable({
      table: thingsFolder(home),
      ...{ schema: THINGS, adds, dataChange: false, readVersion: base.version },
      removes: ({ logPath }) => base.files.has(logPath),
    });
  }

  test('loses against one that removed what it has read', async () => {
    const home = await twoFiles();
    const late = compactWhile(home, () => commitThings(home, `('a', 9)`, { removes: () => true }));
    await expect(late).rejects.toMatchObject({ code: 'DELTA_CONFLICT' });
    expect((await files(home)).map(({ rows }) => rows)).toEqual([1]);
  });

  test('lands beside an append', async () => {
    const home = await twoFiles();
    await compactWhile(home, () => commitThings(home, `('a', 9)`));
    expect((await files(home)).map(({ rows }) => rows)).toEqual([1, 2]);
  });

  test('lands at the same time as many appends, and no row is lost or doubled', async () => {
    const home = await aHome();
    for (let n = 0; n < 6; n++) await commitThings(home, `('a', ${n}), ('b', ${n})`);
    await Promise.all([
      compactThings(home),
      ...[6, 7, 8, 9].map((n) => commitThings(home, `('a', ${n}), ('b', ${n})`)),
      compactThings(home),
    ]);
    const { rows } = await queryTables({ ...home, sql: 'SELECT kind, n FROM things ORDER BY ALL' });
    expect(rows).toEqual(
      ['a', 'b'].flatMap((kind) => Array.from({ length: 10 }, (_, n) => ({ kind, n }))),
    );
    await compactThings(home);
    expect(await files(home)).toHaveLength(2);
  });

  test('files with other tags stay apart', async () => {
    const home = await aHome();
    for (const [n, model] of ['m1', 'm1', 'm2'].entries())
      await commitTable({
        ...{ table: thingsFolder(home), schema: THINGS },
        adds: await stageThings(home, `('a', ${n})`, { tags: { model } }),
      });
    await compactThings(home);
    expect((await files(home)).map(({ tags, rows }) => [tags['model'], rows])).toEqual([
      ['m2', 1],
      ['m1', 2],
    ]);
  });
});

describe('a vacuum', () => {
  /** Versions 0..24: each replaces the row of its kind; then a compaction. */
  async function aLongLog(): Promise<StoreHome> {
    const home = await aHome();
    for (let n = 0; n < 22; n++)
      await commitThings(home, `('k${n % 3}', ${n})`, {
        removes: ({ partitionValues }) => n % 2 === 0 && partitionValues['kind'] === `k${n % 3}`,
      });
    await compactThings(home);
    return home;
  }

  test('inside the retention deletes nothing: twenty commits and a compaction later an old version is the same', async () => {
    const home = await aLongLog();
    const before = await hashOf(home, 'things', 2);
    expect(await vacuumTable({ table: thingsFolder(home) })).toMatchObject({ removed: 0 });
    expect(await hashOf(home, 'things', 2)).toEqual(before);
  });

  test('outside of it leaves the newest version, and the others are an error', async () => {
    const home = await aLongLog();
    const now = await hashOf(home, 'things');
    const request = { table: thingsFolder(home), nowMs: Date.now() + 31 * DAY_MS };
    const planned = await vacuumTable({ ...request, dryRun: true });
    expect(planned.removed).toBeGreaterThan(10);
    expect(await hashOf(home, 'things', 2)).toBeDefined();
    expect(await vacuumTable(request)).toEqual(planned);
    expect(await hashOf(home, 'things')).toEqual(now);
    await expect(hashOf(home, 'things', 2)).rejects.toMatchObject({
      code: 'TABLE_VERSION_VACUUMED',
    });
    expect(await vacuumTable(request)).toMatchObject({ removed: 0, kept: planned.kept });
  });

  test('never deletes a file of a protected version', async () => {
    const home = await aLongLog();
    const before = [await hashOf(home, 'things', 2), await hashOf(home, 'things', 11)];
    await vacuumTable({
      ...{ table: thingsFolder(home), nowMs: Date.now() + 31 * DAY_MS },
      protectedVersions: new Set([2, 11, 999]),
    });
    expect([await hashOf(home, 'things', 2), await hashOf(home, 'things', 11)]).toEqual(before);
    await expect(hashOf(home, 'things', 5)).rejects.toMatchObject({
      code: 'TABLE_VERSION_VACUUMED',
    });
  });

  test('deletes what killed writers left a day ago, and nothing younger', async () => {
    const home = await aHome();
    await commitThings(home, `('a', 1)`);
    const dayAgo = new Date(Date.now() - 1.01 * DAY_MS);
    for (const [name, time] of [
      ['old', dayAgo],
      ['young', new Date()],
    ] as const) {
      const file = path.join(thingsFolder(home), 'kind=a', `part-${name}.parquet`);
      await writeFile(file, 'left');
      await utimes(file, time, time);
    }
    expect(await vacuumTable({ table: thingsFolder(home) })).toEqual({
      ...{ removed: 1, removedBytes: 4, leftovers: 1, kept: 2 },
      keptBytes: expect.any(Number) as number,
    });
    const left = (name: string) =>
      existsSync(path.join(thingsFolder(home), 'kind=a', `part-${name}.parquet`));
    expect([left('old'), left('young')]).toEqual([false, true]);
  });
});
