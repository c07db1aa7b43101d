import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { Selection } from '../../contracts/schemas/values.js';
import { wholeWeeks } from '../../domain/lifecycle/split-weeks.js';
import { featureView } from '../../domain/traffic/feature-views.js';
import { transformFlow } from '../../domain/traffic/transformer.js';
import { quote } from '../../feature-store/duckdb.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { readFlowSet, readPart } from '../../feature-store/read-flows.js';
import { shareOf } from '../../feature-store/select-rows.js';
import { openTrainingSet } from '../../feature-store/training-set.js';
import { aFlow, aHome, deriveFeatures, flowCsv, ingest, type StoreHome } from './store-builders.js';

/** A flow for each time; `BYTES` tells them apart. */
async function flowsAt(home: StoreHome, times: readonly string[], bytes?: number): Promise<void> {
  const flows = times.map((time, i) => aFlow({ TIME_FIRST: time, BYTES: bytes ?? 1000 + i }));
  await ingest(home, await home.file(`flows-${bytes ?? 'apart'}.csv`, flowCsv(flows)));
  await deriveFeatures(home);
}

const random = (from: number, to: number, seed = 7): Selection => {
  return { kind: 'random', from, to, seed };
};

test('places of a random split are those of splitmix64', async () => {
  const golden = JSON.parse(await readFile('test/golden/split-share.json', 'utf8')) as {
    cases: { key: string; seed: number; share: number }[];
  };
  const home = await aHome();
  for (const { key, seed, share } of golden.cases)
    expect(
      await home.db.rows(`SELECT ${shareOf(`${quote(key)}::UBIGINT`, seed)}[1] AS share`),
      `${key} with seed ${seed}`,
    ).toEqual([{ share }]);
});

test('parts of a random split share no row, and equal flows are in one part', async () => {
  const home = await aHome();
  const times = Array.from(
    { length: 60 },
    (_, i) => `2022-06-07T10:00:${String(i).padStart(2, '0')}`,
  );
  await flowsAt(home, times);
  await flowsAt(home, times.slice(0, 20), 5);
  const [first, second] = [
    await readFlowSet(home, random(0, 0.6)),
    await readFlowSet(home, random(0.6, 1)),
  ];
  expect(first.n + second.n).toBe(80);
  expect(first.n).toBeGreaterThan(20);
  const equal = [first, second].map(
    ({ tabular, featureNames }) =>
      tabular.filter(
        (value, i) => i % featureNames.length === 0 && Math.round(Math.expm1(value)) === 5,
      ).length,
  );
  expect(equal.sort()).toEqual([0, 20]);
});

test('days of a week are those of UTC', async () => {
  const home = await aHome();
  await flowsAt(home, [
    ...['2022-06-12T23:59:59.999999', '2022-06-13T00:00:00', '2022-06-18T12:00:00'],
    ...['2022-06-19T23:59:59', '2022-06-20T00:00:00'],
  ]);
  const timesOf = async (days: number[] | null) => {
    const slices = [{ week: '2022-W24', days }];
    const { timeFirstMs } = await readFlowSet(home, { kind: 'slices', slices });
    return Array.from(timeFirstMs, (ms) => new Date(ms).toISOString().slice(5, 13));
  };
  expect(await timesOf(null)).toEqual(['06-13T00', '06-18T12', '06-19T23']);
  expect(await timesOf([1])).toEqual(['06-13T00']);
  expect(await timesOf([6, 7])).toEqual(['06-18T12', '06-19T23']);
  expect(await timesOf([])).toEqual([]);
});

test('a part has no flow of an earlier part, whatever kind of split', async () => {
  const home = await aHome();
  const times = ['2022-06-07T10:00:00', '2022-06-14T10:00:00', '2022-06-21T10:00:00'];
  await flowsAt(home, times);
  await flowsAt(home, times, 5);
  const [toValidate, toTest] = [Date.UTC(2022, 5, 10), Date.UTC(2022, 5, 17)];
  const selections = {
    train: { kind: 'time', fromMs: null, toMs: toValidate },
    validate: { kind: 'time', fromMs: toValidate, toMs: toTest },
    test: { kind: 'time', fromMs: toTest, toMs: null },
  } as const;
  const rows = async (part: keyof typeof selections) => [
    (await readFlowSet(home, selections[part])).n,
    (await readPart(home, selections, part)).n,
  ];
  expect(await rows('train')).toEqual([2, 2]);
  expect(await rows('validate')).toEqual([2, 1]);
  expect(await rows('test')).toEqual([2, 1]);
});

test('the columns a model is given are those of its transformer, for one flow and for many', async () => {
  const home = await aHome();
  await flowsAt(home, ['2022-06-07T10:00:00', '2022-06-08T10:00:00', '2022-06-09T10:00:00']);
  const train = wholeWeeks(['2022-W23']);
  const selections = { train, validate: random(0, 0), test: random(0, 0) };
  const transformerOf = async (view: string) => {
    const request = { ...home, view: featureView(view), label: 'app', selections } as const;
    return (await home.db.session((session) => openTrainingSet(session, request))).transformer;
  };
  const stored = await readFlowSet(home);
  const asStored = await transformerOf('flow-statistics');
  expect(await readFlowSet({ ...home, transformer: asStored })).toEqual(stored);

  const transformer = await transformerOf('flow-scaled');
  const scaled = await readFlowSet({ ...home, transformer });
  expect(scaled.ppi).toEqual(stored.ppi);
  expect(scaled.featureNames[0]).toBe('standard_log1p_bytes');
  const { rows } = await queryTables({ ...home, sql: 'FROM flow_features ORDER BY time_first' });
  const wanted = rows.map((row) => Array.from(transformFlow(transformer, row as never))); // columns by name
  expect(wanted).toHaveLength(3);
  wanted.flat().forEach((value, i) => expect(scaled.tabular[i]).toBeCloseTo(value, 5));
});
