import path from 'node:path';
import { expect, test } from 'vitest';
import { compareModelsJob } from '../../../activities/jobs/compare-models.js';
import { fitEnsembleJob } from '../../../activities/jobs/fit-ensemble.js';
import { planRetrainJob } from '../../../activities/jobs/plan-retrain.js';
import type { Retraining, Selection } from '../../../contracts/schemas/values.js';
import { wholeWeeks } from '../../../domain/lifecycle/split-weeks.js';
import { readFlowSet } from '../../../feature-store/read-flows.js';
import {
  aFlow,
  aHome,
  deriveFeatures,
  flowCsv,
  ingest,
  type StoreHome,
} from '../../feature-store/store-builders.js';
import { aTrainedModel, contextOf, preset } from './four-weeks.js';

const manual: Retraining = { endMs: null, notBeforeMs: null, afterSchemaBreak: false };
const ms = (time: string): number => Date.parse(`${time}Z`);

/** So many flows a day of applications that differ in size, the first the smallest. */
async function flowsOn(
  home: StoreHome,
  rowsByDay: Readonly<Record<string, number>>,
  apps = ['app-0', 'app-1'],
) {
  const flows = Object.entries(rowsByDay).flatMap(([day, n]) =>
    Array.from({ length: n }, (_, i) =>
      aFlow({
        TIME_FIRST: new Date(ms(`2022-${day}T06:00:00`) + i * 60_000).toISOString().slice(0, -1),
        BYTES: 10_000 * (1 + (i % apps.length)) + ((7 * i) % 1009) + Number(day.slice(-2)),
        APP: apps[i % apps.length]!, // in range
      }),
    ),
  );
  await ingest(home, await home.file(`${apps.length} apps.csv`, flowCsv(flows)));
  await deriveFeatures(home);
}

/** The split of a retraining on the newest version. */
async function planned(home: StoreHome, week: string, retraining: Partial<Retraining> = {}) {
  const { version } = await newest(home);
  const of = { preset, version, week, minHeldOutRows: 50 };
  const request = { ...of, retraining: { ...manual, ...retraining } };
  return planRetrainJob(request, await contextOf(home));
}

async function newest(home: StoreHome): Promise<{ version: number }> {
  const rows = await home.db.rows(
    `SELECT count(*)::INTEGER - 1 AS version FROM glob('${home.tablesRoot}/flow_features/_delta_log/*.json')`,
  );
  return { version: Number(rows[0]?.['version']) };
}

async function timesOf(home: StoreHome, selection: Selection): Promise<string[]> {
  const { timeFirstMs } = await readFlowSet(home, selection);
  return Array.from(timeFirstMs, (time) => new Date(time).toISOString().slice(5, 16));
}

test('the two newest days compare, flows before them train, the newest of these validate', async () => {
  const home = await aHome();
  await flowsOn(home, { '06-08': 40, '06-27': 40, '06-28': 60, '07-01': 30, '07-02': 30 });
  const split = await planned(home, '2022-W26');
  const { train, validate, test: heldOut } = split.selections;
  expect(await timesOf(home, heldOut)).toHaveLength(60);
  expect((await timesOf(home, heldOut))[0]).toBe('07-01T06:00');
  const [training, validation] = [await timesOf(home, train), await timesOf(home, validate)];
  expect([training.length, validation.length]).toEqual([85, 15]);
  expect(training[0]).toBe('06-27T06:00'); // three weeks end with that of the run
  expect(validation.at(-1)).toBe('06-28T06:59');
  expect(split).toMatchObject({
    ...{ kind: 'time', train: ['2022-W26'], validate: ['2022-W26'], test: ['2022-W26'] },
    rule: 'retraining with flows from 2022-06-13T00:00Z: those before 2022-06-28T06:45Z train, those before 2022-07-01T06:00Z validate, the others to 2022-07-04T00:00Z compare',
  });
});

test('more days compare where the newest are poor', async () => {
  const home = await aHome();
  await flowsOn(home, { '06-27': 60, '06-28': 30, '07-01': 10, '07-02': 30 });
  const { selections } = await planned(home, '2022-W26');
  expect((await timesOf(home, selections.test))[0]).toBe('06-28T06:00');
});

test('no flow trains that came before the bound, nor one behind the end', async () => {
  const home = await aHome();
  await flowsOn(home, { '06-20': 50, '06-27': 50, '06-28': 50, '06-29': 50, '06-30': 50 });
  const bounds = { notBeforeMs: ms('2022-06-27T06:10:00'), endMs: ms('2022-06-30T00:00:00') };
  const { selections } = await planned(home, '2022-W26', bounds);
  const { train, validate, test: heldOut } = selections;
  const [training, validation] = [await timesOf(home, train), await timesOf(home, validate)];
  expect(training[0]).toBe('06-27T06:10');
  expect(training.length + validation.length).toBe(40);
  expect(await timesOf(home, heldOut)).toHaveLength(100);
  expect((await timesOf(home, heldOut)).at(-1)).toBe('06-29T06:49');
});

test('after a schema break the flows of one day train, validate and compare, in order of time', async () => {
  const home = await aHome();
  await flowsOn(home, { '06-27': 300, '06-28': 100 });
  const broken = { notBeforeMs: ms('2022-06-28T00:00:00'), afterSchemaBreak: true };
  const split = await planned(home, '2022-W26', { ...broken, endMs: ms('2022-06-29T00:00:00') });
  const { train, validate, test: heldOut } = split.selections;
  const parts = [train, validate, heldOut].map((part) => timesOf(home, part));
  expect((await Promise.all(parts)).map((times) => [times[0], times.length])).toEqual([
    ['06-28T06:00', 59],
    ['06-28T06:59', 11],
    ['06-28T07:10', 30],
  ]);
  expect(split.rule).toContain('after a schema break');
});

test.each<[string, Record<string, number>, Partial<Retraining>, string]>([
  [
    'all flows are needed to compare',
    { '06-27': 20, '06-28': 20 },
    {},
    '40 flows on 2 days from 2022-06-13T00:00Z to 2022-07-04T00:00Z',
  ],
  ['there are no flows', { '05-01': 20 }, {}, '0 flows on 0 days'],
  [
    'no class has enough flows',
    { '06-27': 20 },
    { afterSchemaBreak: true },
    '0 classes with 8 training rows or more',
  ],
])('nothing is retrained when %s', async (_, rowsByDay, retraining, found) => {
  const home = await aHome();
  await flowsOn(home, rowsByDay);
  await expect(planned(home, '2022-W26', retraining)).rejects.toMatchObject({
    fault: { code: 'TRAINING_TOO_FEW_ROWS', found: expect.stringContaining(found) as string },
  });
});

test('a challenger of one day after a schema break wins, and a class that the champion does not know counts', async () => {
  const home = await aHome();
  await flowsOn(home, { '06-20': 60, '06-21': 60, '06-22': 60 });
  await flowsOn(home, { '06-27': 300 }, ['app-1', 'app-0', 'app-2']); // two have changed sizes, one is new
  const known = await planned(home, '2022-W25');
  const champion = { split: known, local: await aTrainedModel(home, known) };
  const broken = { notBeforeMs: ms('2022-06-27T00:00:00'), afterSchemaBreak: true };
  const split = await planned(home, '2022-W26', broken);
  const member = await aTrainedModel(home, split);
  const context = await contextOf(home);
  const members = [member, { ...member, name: 'again' }];
  const name = 'app-ensemble';
  await fitEnsembleJob({ name, target: 'APP', members, split, preset }, context);
  const { transformer } = member;
  const folder = path.join(context.stagingDir, 'model');
  const local = { name, version: '2', folder, transformer, members };
  const { gate, score } = await compareModelsJob(
    {
      ...{ champion, challenger: { split, local }, partition: 'held out' },
      ...{ version: split.features.version, selection: split.selections.test },
    },
    await contextOf(home),
  );
  expect(gate.heldOutRows).toBe(90);
  expect(gate.championF1).toBeLessThan(0.1);
  expect(gate.challengerF1).toBeGreaterThan(0.9);
  expect(gate.gain.lower).toBeGreaterThan(0.5);
  expect(gate.latencyRatio).toBeGreaterThan(0);
  expect(gate.classes.map(({ rows }) => rows)).toEqual([30, 30, 30]);
  expect(gate.classes.find((one) => one.name === 'app-2')?.loss).toBeLessThan(-0.9);
  expect(score).toMatchObject({
    ...{ partition: 'held out', rows: 90, rowsUnseenClass: 0, macroF1: gate.challengerF1 },
  });
});

test('a model gains nothing over itself, and flows that trained or validated it are left out', async () => {
  const home = await aHome();
  await flowsOn(home, { '06-20': 30, '06-21': 30, '06-27': 60, '06-28': 60 });
  const split = await planned(home, '2022-W26');
  const local = await aTrainedModel(home, split);
  const compare = async (selection: Selection, other = split) => {
    const { version } = split.features;
    const model = { local, split: other };
    const asked = { champion: model, challenger: { local, split }, partition: 'x' };
    return compareModelsJob({ ...asked, version, selection }, await contextOf(home));
  };
  const { gate } = await compare(split.selections.test);
  expect(gate).toMatchObject({ gain: { lower: 0, upper: 0 }, eceRise: 0, heldOutRows: 120 });
  expect((await compare(split.selections.train)).gate).toMatchObject({ heldOutRows: 0 });
  const { selections } = split;
  const seen = { ...split, selections: { ...selections, validate: wholeWeeks(['2022-W26']) } };
  const without = await compare(selections.test, seen);
  expect(without.gate).toMatchObject({ heldOutRows: 0, latencyRatio: null });
});

test('what a champion saw is looked up in the version that it was trained on', async () => {
  const home = await aHome();
  await flowsOn(home, { '06-20': 60, '06-21': 60, '06-27': 60, '06-28': 60 });
  const split = await planned(home, '2022-W26');
  const local = await aTrainedModel(home, split);
  const all = { ...split.selections, train: wholeWeeks(['2022-W26']) };
  const before = { ...split, selections: all, features: { ...split.features, version: 0 } };
  const { version } = split.features;
  const { gate } = await compareModelsJob(
    {
      champion: { local, split: before }, // when there was only the first week
      challenger: { local, split },
      ...{ version, selection: split.selections.test, partition: 'x' },
    },
    await contextOf(home),
  );
  expect(gate.heldOutRows).toBe(120);
});
