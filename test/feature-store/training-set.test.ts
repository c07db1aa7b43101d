import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { wholeWeeks } from '../../domain/lifecycle/split-weeks.js';
import { featureView, type FeatureView } from '../../domain/traffic/feature-views.js';
import { readSnapshot } from '../../feature-store/delta/snapshot.js';
import { exportTrainingSet } from '../../feature-store/export-training-set.js';
import type { Selections } from '../../feature-store/select-rows.js';
import { loadTransformer } from '../../feature-store/transformer-store.js';
import { trainingSet, type TrainingSetRequest } from '../../feature-store/training-set.js';
import { aFlow, aHome, deriveFeatures, flowCsv, ingest, type StoreHome } from './store-builders.js';

const ALL_WEEKS = ['2022-W23', '2022-W24', '2022-W25'];
const PARTS = partsOf('2022-W23', '2022-W24', '2022-W25');
const MONDAYS = ['06-06', '06-13', '06-20'];
const BEFORE_THE_TABLE = Date.UTC(2023, 0, 1);

function partsOf(train: string, validate?: string, test?: string): Selections {
  const part = (week?: string) => wholeWeeks(week === undefined ? [] : [week]);
  return { train: part(train), validate: part(validate), test: part(test) };
}

/** Three weeks, each of flows that no other week has, and of `shared` that all have. */
async function threeWeeks(home: StoreHome, shared = 0): Promise<void> {
  const flows = MONDAYS.flatMap((day, week) => [
    ...Array.from({ length: 40 }, (_, i) =>
      aFlow({
        TIME_FIRST: `2022-${day}T10:00:${String(i).padStart(2, '0')}`,
        BYTES: 1000 * (week + 1) + i,
        APP: `app-${i % 3}`,
        TLS_SNI: `www.site-${i % 7}.org`,
      }),
    ),
    ...Array.from({ length: shared }, (_, i) =>
      aFlow({ TIME_FIRST: `2022-${day}T12:00:00`, BYTES: 7 + i, APP: 'app-0' }),
    ),
  ]);
  await ingest(home, await home.file('weeks.csv', flowCsv(flows)));
  await deriveFeatures(home);
}

async function read(home: StoreHome, change: Partial<TrainingSetRequest> = {}) {
  const request: TrainingSetRequest = {
    ...{ tablesRoot: home.tablesRoot, view: featureView('flow-scaled'), label: 'app' },
    ...{ selections: PARTS, asOfMs: Date.now() },
    ...change,
  };
  return home.db.session(async (session) => {
    const set = await trainingSet(session, request);
    return { ...set, train: await session.rows(set.select.train) };
  });
}

test('twenty later commits do not change a set as of before', async () => {
  const home = await aHome();
  await threeWeeks(home);
  const asOfMs = Date.now();
  const before = await read(home, { asOfMs });
  await sleep(2); // a commit in the same millisecond would count as before
  for (let i = 0; i < 20; i++) {
    const late = aFlow({
      TIME_FIRST: `2022-${MONDAYS[i % 3] ?? ''}T09:00:${String(i).padStart(2, '0')}`,
      BYTES: 50_000 + i,
    });
    await ingest(home, await home.file(`late-${i}.csv`, flowCsv([late])));
    await deriveFeatures(home, [ALL_WEEKS[i % 3] ?? '']);
  }
  const features = path.join(home.tablesRoot, 'flow_features');
  expect((await readSnapshot(features))?.version).toBe(before.record.features.version + 20);
  const again = await read(home, { asOfMs });
  expect(again.record).toEqual(before.record);
  expect(again.train).toEqual(before.train);
  const now = await read(home, { asOfMs: Date.now() });
  expect(now.record.parts.train).toMatchObject({ rows: 47 });
  expect(now.record.parts.train.sha256).not.toBe(before.record.parts.train.sha256);
  const pinned = await read(home, {
    asOfMs: Date.now(),
    version: before.record.features.version,
  });
  expect(pinned.record.parts).toEqual(before.record.parts);
});

test('a row that happened after the instant is not in the set, though its week is', async () => {
  const home = await aHome();
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 19);
  await threeWeeks(home);
  await ingest(home, await home.file('ahead.csv', flowCsv([aFlow({ TIME_FIRST: tomorrow })])));
  await deriveFeatures(home);
  const features = await readSnapshot(path.join(home.tablesRoot, 'flow_features'));
  const newest = [...(features?.files.values() ?? [])].at(-1)?.partitionValues;
  const week = `${newest?.['iso_year'] ?? ''}-W${String(newest?.['iso_week']).padStart(2, '0')}`;
  const { record } = await read(home, { selections: { ...PARTS, test: wholeWeeks([week]) } });
  expect(record.parts.test).toMatchObject({ rows: 0, duplicates: 0 });
});

test('a flow stays in the first part that has it', async () => {
  const home = await aHome();
  await threeWeeks(home, 5);
  const { record } = await read(home);
  const parts = Object.values(record.parts).map(({ rows, duplicates }) => [rows, duplicates]);
  expect(parts).toEqual([
    [45, 0],
    [40, 5],
    [40, 5],
  ]);
});

test('what is fitted depends on the training weeks alone', async () => {
  const home = await aHome();
  await threeWeeks(home);
  const asOfMs = Date.now();
  const all = await read(home, { asOfMs });
  const trainOnly = await read(home, { asOfMs, selections: partsOf('2022-W23') });
  expect(trainOnly.transformer).toEqual(all.transformer);
  expect(all.transformer.fittedOn).toMatchObject({ weeks: ['2022-W23'], rows: 40 });
  const bytes = all.train.map((row) => Number(row['standard_log1p_bytes']));
  expect(bytes.reduce((sum, value) => sum + value, 0) / bytes.length).toBeCloseTo(0, 12);
});

test('a training row is encoded without its own label, a later one with it', async () => {
  const home = await aHome();
  // the first flow of each week is the only one of its name
  const once = MONDAYS.map((day, i) =>
    aFlow({ TIME_FIRST: `2022-${day}T01:00:00`, APP: 'app-0', TLS_SNI: 'once.org', BYTES: 5 + i }),
  );
  await ingest(home, await home.file('once.csv', flowCsv(once)));
  await threeWeeks(home);
  const view: FeatureView = {
    ...featureView('flow-names'),
    steps: [{ kind: 'target', of: 'sni_domain', label: 'app', smooth: 1 }],
  };
  const [first, later] = await home.db.session(async (session) => {
    const request = { tablesRoot: home.tablesRoot, view, label: null, selections: PARTS };
    const { select, featureNames } = await trainingSet(session, {
      ...request,
      asOfMs: Date.now(),
    });
    expect(featureNames).toEqual(['app-0', 'app-1', 'app-2'].map((app) => `sni_domain_is_${app}`));
    const rows = async (sql: string) => (await session.rows<Record<string, number>>(sql))[0];
    return [await rows(select.train), await rows(select.validate)] as const;
  });
  // 15 of 41 training rows are app-0: with one row of its own, (1 + 15/41) / 2
  expect(later?.['sni_domain_is_app-0']).toBeCloseTo((1 + 15 / 41) / 2, 12);
  // without its fold the name is unknown, and the mean of the other folds is left
  expect(first?.['sni_domain_is_app-0']).toBeLessThan(0.5);
});

test.each(['app', 'category'] as const)(
  'a model that tells %s may not see names',
  async (label) => {
    const home = await aHome();
    const view = featureView('flow-names');
    await expect(read(home, { view, label })).rejects.toMatchObject({
      fault: { code: 'FEATURE_LEAKS', column: 'sni_domain' },
    });
  },
);

test('an instant before the table, in the future, or before the version is refused', async () => {
  const home = await aHome();
  await threeWeeks(home);
  for (const change of [
    { asOfMs: BEFORE_THE_TABLE },
    { asOfMs: Date.now() + 3_600_000 },
    { version: 99 },
  ])
    await expect(read(home, change)).rejects.toMatchObject({ code: 'TRAINING_SET_CUT' });
});

test('weeks without rows are nothing to train on', async () => {
  const home = await aHome();
  await threeWeeks(home);
  await expect(
    read(home, { selections: { ...PARTS, train: wholeWeeks(['2022-W01']) } }),
  ).rejects.toMatchObject({
    fault: { code: 'TRAINING_TOO_FEW_ROWS', expected: ALL_WEEKS.join(', ') },
  });
});

test('an exported set has its rows, its record, and its transformer kept', async () => {
  const home = await aHome();
  await threeWeeks(home);
  const [out, kept] = [path.join(home.root, 'out'), path.join(home.root, 'transformers')];
  const request = {
    tablesRoot: home.tablesRoot,
    view: featureView('flow-packets'),
    selections: PARTS,
  };
  const asked = { ...request, label: 'app', asOfMs: Date.now() } as const;
  const record = await exportTrainingSet(asked, out, kept);
  expect(JSON.parse(await readFile(path.join(out, 'training-set.json'), 'utf8'))).toEqual(record);
  expect((await loadTransformer(kept, record.transformer)).fittedOn.weeks).toEqual(['2022-W23']);
  const sql = `SELECT count(*) AS rows, min(size_mean) AS least FROM read_parquet('${out}/train.parquet')`;
  // sizes 517, 1460 and 80
  expect(await home.db.rows(sql)).toEqual([{ rows: 40, least: (517 + 1460 + 80) / 3 }]);
});
