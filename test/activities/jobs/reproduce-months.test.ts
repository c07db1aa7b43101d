import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDays, shareOut, type DaysRequest } from '../../../activities/jobs/experiment-days.js';
import { generateFlows } from '../../../activities/jobs/generate-flows.js';
import {
  reproducedFeatures,
  type ReproducedModel,
} from '../../../activities/jobs/published-months.js';
import { reproduceMonths, type Reproduced } from '../../../activities/jobs/reproduce-months.js';
import { installation } from '../../../activities/installation.js';
import type { AppFlows } from '../../../feature-store/read-flows.js';
import { aHome } from '../../feature-store/store-builders.js';

const SAMPLE = path.join(import.meta.dirname, '../../data/datazoo/sample.h5');
const MONTHS = ['2022-06', '2022-07'];

let raw = '';
beforeAll(async () => {
  raw = await mkdtemp(path.join(tmpdir(), 'reproduce-raw-'));
  await generateFlows({
    ...{ outDir: raw, seed: 5, weeks: ['2022-W26'], flowsPerWeek: 700, apps: 12 },
    compression: 'gz',
  });
});
afterAll(() => rm(raw, { recursive: true, force: true }));

async function open(request: Partial<DaysRequest> = {}) {
  const home = await aHome();
  const wanted = { input: raw, months: MONTHS, daysPerMonth: 31, ...request };
  return openDays(wanted, { scratchDir: path.join(home.root, 'scratch'), threads: 1 });
}

async function reproduce(
  input: string,
  { model = 'lightgbm', seed = 1 }: { model?: ReproducedModel; seed?: number } = {},
): Promise<Reproduced> {
  const { days, close } = await open({ input });
  try {
    return await reproduceMonths(
      {
        ...{ days, model, train: '2022-06', test: ['2022-07'], seed },
        ...{ flowsPerMonth: 1000, minFlows: 10 },
      },
      { setupDir: installation.setupDir, threads: 1, progress: () => undefined },
    );
  } finally {
    close();
  }
}

test('raw files and the HDF5 file of the same flows give the same scores', async () => {
  const ofRaw = await reproduce(raw);
  const ofHdf5 = await reproduce(SAMPLE);
  const [random, later, ...others] = ofRaw.scores;
  // the four days of June are all among its last seven
  expect(later).toMatchObject({ month: '2022-07', part: 'all' });
  expect(others).toEqual([]);
  expect(random).toMatchObject({ month: '2022-06', part: 'random-fifth' });
  const flowsOfJune = ofRaw.trainingFlows + (random?.flows ?? 0) + (random?.otherServices ?? 0);
  expect(random?.flows).toBeGreaterThan(0.18 * flowsOfJune);
  expect(random?.flows).toBeLessThan(0.24 * flowsOfJune);
  expect(later?.accuracy).toBeGreaterThan(0.5);
  expect(ofHdf5).toMatchObject({
    services: ofRaw.services,
    scores: [{ month: '2022-06' }, { otherServices: later?.otherServices, flows: later?.flows }],
  });
  expect(ofHdf5.scores[1]?.accuracy).toBeCloseTo(later?.accuracy ?? 0, 1);
});

test('the same seed gives the same scores', async () => {
  expect(await reproduce(SAMPLE)).toEqual(await reproduce(SAMPLE));
});

test('trees on flow statistics alone read no packets', async () => {
  expect(reproducedFeatures('lightgbm')).toHaveLength(12);
  expect(reproducedFeatures('xgboost').map(({ name }) => name)).toContain('phist_src_ipt_share_7');
  const { scores, settings } = await reproduce(SAMPLE, { model: 'xgboost' });
  expect(settings).toMatchObject({ packets: false, rounds: 300 });
  expect(scores[1]?.accuracy).toBeGreaterThan(0.3);
}, 60_000);

test('flows that are in the training month as well are counted', async () => {
  const { days, close } = await open({ input: SAMPLE });
  const [first] = days;
  if (!first) throw new Error('no day');
  // the same table as a day of July: each of its flows has been seen, but for the fifth held back
  const again = { ...first, day: '2022-07-01' };
  const result = await reproduceMonths(
    {
      ...{ days: [first, again], model: 'lightgbm', train: '2022-06', test: ['2022-07'] },
      ...{ flowsPerMonth: 1000, minFlows: 5, seed: 1 },
    },
    { setupDir: installation.setupDir, threads: 1, progress: () => undefined },
  );
  close();
  const [random, july] = result.scores;
  expect(july?.flows).toBe(result.trainingFlows + (random?.flows ?? 0));
  expect(july?.seenInTraining).toBe(result.trainingFlows);
  expect(july?.accuracyOfUnseen).toBe(random?.accuracy);
});

test('the last seven days are asked of a model of the days before them', async () => {
  const { days, close } = await open({ input: SAMPLE });
  const [first, second, third] = days;
  if (!first || !second || !third) throw new Error('no days');
  const dated = [
    { ...first, day: '2022-06-23' },
    { ...second, day: '2022-06-24' },
    { ...third, day: '2022-06-30' },
  ];
  const { scores } = await reproduceMonths(
    {
      ...{ days: dated, model: 'lightgbm', train: '2022-06', test: [], seed: 1 },
      ...{ flowsPerMonth: 1000, minFlows: 5 },
    },
    { setupDir: installation.setupDir, threads: 1, progress: () => undefined },
  );
  close();
  expect(scores.map(({ part }) => part)).toEqual(['random-fifth', 'last-days']);
  const [, last] = scores;
  expect((last?.flows ?? 0) + (last?.otherServices ?? 0)).toBe(second.size + third.size);
});

test('a share of the flows is drawn by the seed, the same from run to run', async () => {
  const { days, close } = await open();
  const draw = async (seed: number): Promise<number[]> => {
    const lengths: number[] = [];
    const use = (flows: AppFlows): void => {
      lengths.push(...flows.ppi);
    };
    await days[0]?.read({ features: [], flows: 40, seed }, use);
    return lengths;
  };
  const once = await draw(1);
  expect(once).toHaveLength(40 * 90);
  expect(await draw(1)).toEqual(once);
  expect(await draw(2)).not.toEqual(once);
  close();
});

test('days give flows in proportion to their sizes', () => {
  expect(shareOut(10, [{ size: 5 }, { size: 1 }, { size: 4 }])).toEqual([5, 1, 4]);
  const shares = shareOut(100, [{ size: 1 }, { size: 1 }, { size: 1 }]);
  expect(shares.reduce((sum, share) => sum + share, 0)).toBe(100);
});

test('days are spread over the month, and known by the name of the file or its first row', async () => {
  const spread = await open({ months: ['2022-06'], daysPerMonth: 2 });
  expect(spread.days.map(({ day }) => day)).toEqual(['2022-06-28', '2022-06-30']);
  spread.close();
  const home = await aHome();
  await generateFlows({
    ...{ outDir: path.join(home.root, 'raw'), seed: 5, weeks: ['2022-W26'], flowsPerWeek: 70 },
    ...{ apps: 3, compression: 'none' },
  });
  const folder = path.join(home.root, 'renamed');
  await mkdir(folder);
  await rename(
    path.join(home.root, 'raw/WEEK-2022-26/2022-06-29/flows-20220629.csv'),
    path.join(folder, 'export.csv'),
  );
  await writeFile(path.join(folder, 'servicemap.csv'), 'Tag,Service Provider,Service Category\n');
  const renamed = await open({ input: folder, months: ['2022-06'] });
  expect(renamed.days).toMatchObject([{ day: expect.stringMatching(/^2022-06-2[89]$/) as string }]);
  renamed.close();
});

test.each([
  [{ months: ['2022-06', '2022-08'] }, /MONTH_MISSING .*no flows of 2022-08.*2022-06, 2022-07/],
  [{ input: SAMPLE, months: ['2021-06'] }, /MONTH_MISSING .*2022-06, 2022-07/],
  [{ input: path.dirname(SAMPLE) }, /CLI_USAGE .*2 HDF5 files/],
  [{ input: '/no/such/folder' }, /INPUT_NOT_FOUND/],
])('%j cannot be opened', async (request, message) => {
  await expect(open(request)).rejects.toThrow(message);
});

test('a cut file of a wanted day is told, not left out', async () => {
  const home = await aHome();
  await writeFile(path.join(home.root, 'flows-20220601.csv.gz'), Buffer.from('1f8b0800', 'hex'));
  await expect(open({ input: home.root, months: ['2022-06'] })).rejects.toThrow(/FLOW_FILE_/);
});
