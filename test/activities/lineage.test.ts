import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lineageOf } from '../../activities/lineage.js';
import { ARTIFACTS, TRANSFORMER_TAG } from '../../activities/model-store.js';
import { runRow, taskRows } from '../../activities/run-history.js';
import type { ClosedRun } from '../../contracts/engine.js';
import { homeLayout, type HomeLayout } from '../../contracts/home.js';
import type { Split } from '../../contracts/schemas/values.js';
import type { RunRecord } from '../../dag/run-record.js';
import { wholeWeeks } from '../../domain/lifecycle/split-weeks.js';
import type { Transformer } from '../../domain/traffic/transformer.js';
import { appendRows, stageRows } from '../../feature-store/append-rows.js';
import { commitTable } from '../../feature-store/delta/commit.js';
import { readSnapshot } from '../../feature-store/delta/snapshot.js';
import { isInWeek } from '../../feature-store/derived.js';
import { PREDICTIONS, RUNS, TASK_RUNS } from '../../feature-store/engine-tables.js';
import { transformerHash } from '../../feature-store/transformer-store.js';
import { MlflowClient } from '../../models/registry/mlflow-client.js';
import {
  aFlow,
  aHome,
  deriveFeatures,
  flowCsv,
  ingest,
  type StoreHome,
} from '../feature-store/store-builders.js';
import { startMlflow } from '../models/registry/mlflow-server.js';

let server: Awaited<ReturnType<typeof startMlflow>>;
let mlflow: MlflowClient;

beforeAll(async () => {
  server = await startMlflow();
  mlflow = new MlflowClient({ baseUrl: server.baseUrl });
});
afterAll(() => server.stop());

/** A week that trains, one that validates, one that tests; then a late file that no split has seen. */
async function aTrainedHome(): Promise<{ home: StoreHome; layout: HomeLayout; split: Split }> {
  const home = await aHome();
  const add = async (name: string, day: string) => {
    const flows = [0, 1].map((i) => aFlow({ TIME_FIRST: `2022-${day}T10:00:0${i}`, BYTES: i }));
    await ingest(home, await home.file(name, flowCsv(flows)));
    await deriveFeatures(home);
  };
  await add('monday.csv', '06-06');
  await add('second.csv', '06-13');
  await add('third.csv', '06-20');
  const features = await readSnapshot(path.join(home.tablesRoot, 'flow_features'));
  await add('late.csv', '06-07');
  const split: Split = {
    ...{ kind: 'weeks', rule: 'for this test', watch: [], skippedClasses: [] },
    ...{ train: ['2022-W23'], validate: ['2022-W24'], test: ['2022-W25'] },
    selections: {
      train: wholeWeeks(['2022-W23']),
      validate: wholeWeeks(['2022-W24']),
      test: wholeWeeks(['2022-W25']),
    },
    features: { table: 'flow_features', version: features?.version ?? -1 },
  };
  return { home, layout: homeLayout(home.root), split };
}

const sourcesBefore = ['monday.csv', 'second.csv', 'third.csv'];
const names = (sources: readonly { file: string }[]) =>
  sources.map(({ file }) => path.basename(file));

/** A version of the ensemble that was trained on the split, with a transformer. */
async function aModel(split: Split): Promise<{ version: string; hash: string }> {
  const transformer: Transformer = {
    ...{ format: 1, view: 'flow-statistics', steps: [] },
    fittedOn: { ...split.features, weeks: split.train, rows: 2 },
  };
  const hash = transformerHash(transformer);
  const run = await mlflow.runs.create({
    experiment: 'sentinel-flow',
    tags: { 'mlflow.source.name': 'train/2022-W25', 'sentinel.planHash': 'f'.repeat(64) },
  });
  await mlflow.runs.log(run.runId, { params: { 'member app-cnn': 'version 2, weight 1' } });
  for (const [name, value] of [
    [ARTIFACTS.split, split],
    [ARTIFACTS.transformer, transformer],
  ] as const)
    await mlflow.artifacts.uploadText(JSON.stringify(value), `${run.artifactUri}/${name}`);
  const source = `${run.artifactUri}/${ARTIFACTS.model}`;
  const request = { name: 'app-ensemble', runId: run.runId, key: run.runId, source };
  const tags = { [TRANSFORMER_TAG]: hash };
  const { version } = await mlflow.models.ensureModelVersion({ ...request, tags });
  return { version, hash };
}

test('a model version leads to the files and raw files of its split, and to no later ones', async () => {
  const { layout, split } = await aTrainedHome();
  const { version, hash } = await aModel(split);
  await mlflow.models.setAlias('app-ensemble', 'champion', version);

  const lineage = await lineageOf(layout, () => Promise.resolve(mlflow), 'app-ensemble@champion');
  expect(await lineageOf(layout, () => Promise.resolve(mlflow), `app-ensemble/${version}`)).toEqual(
    lineage,
  );
  if (lineage.kind !== 'model') throw new Error('not a model');
  expect(lineage).toMatchObject({
    ...{ name: 'app-ensemble', version, dagRunId: 'train/2022-W25', planHash: 'f'.repeat(64) },
    members: { 'app-cnn': 'version 2, weight 1' },
    transformer: { hash, transformer: { fittedOn: { weeks: ['2022-W23'] } } },
  });
  expect(names(lineage.sources)).toEqual(sourcesBefore);
  expect(lineage.sources.map(({ rows }) => rows)).toEqual([2, 2, 2]);
  const [first] = lineage.split.weeks;
  expect(first).toMatchObject({ week: '2022-W23' });
  const features = await readSnapshot(path.join(layout.tables, 'flow_features'), {
    version: split.features.version,
  });
  expect(lineage.split.weeks.flatMap((week) => week.features.map(({ file }) => file))).toEqual(
    [...(features?.files.values() ?? [])].map(({ file }) => file).sort((a, b) => (a < b ? -1 : 1)),
  );
});

test('a closed run leads to the table versions, splits, models and raw files that its tasks named', async () => {
  const { home, layout, split } = await aTrainedHome();
  const parsed = {
    ...{ path: '/data/new.csv', name: 'new.csv', bytes: 7 },
    ...{ compression: 'none', sha256: 'a'.repeat(64) },
  };
  const model = { name: 'app-cnn', version: '4', target: 'APP', kind: 'cnn', mlflowRunId: 'x' };
  const times = { startedMs: 1000, finishedMs: 2000 };
  const done = { state: 'success', error: null, summary: '', ...times } as const;
  const task = (input: object, output: object) => ({
    ...{ state: 'success' as const, reason: '', ...times },
    instances: [{ ...done, input: input as never, output: output as never }], // plain JSON
  });
  const run: ClosedRun<RunRecord> = {
    ...{ dag: 'train', codeVersion: '1.0.0', ...times },
    record: {
      ...{ dagRunId: 'train/2022-W25', planHash: 'e'.repeat(64), partition: '2022-W25' },
      ...{ params: {}, state: 'success', ending: null, paused: false, startedMs: 1000 },
      tasks: {
        parse: task({ file: parsed }, { flows: { table: 'flows', version: 1 } }),
        train: task({ split }, { model, transformer: 'b'.repeat(64) }),
      },
    },
  };
  const request = { db: home.db, tablesRoot: home.tablesRoot };
  const append = (schema: typeof RUNS, rows: Parameters<typeof appendRows>[0]['rows']) =>
    appendRows({ ...request, stagingDir: home.staging(), schema, rows });
  await append(RUNS, [runRow(run, 'temporal-1')]);
  await append(TASK_RUNS, taskRows(run, 'temporal-1', new Map()));

  const noRegistry = () => Promise.reject(new Error('no registry is asked'));
  const lineage = await lineageOf(layout, noRegistry, 'train/2022-W25');
  if (lineage.kind !== 'run') throw new Error('not a run');
  expect(lineage.tables.map(({ table, version, tasks }) => [table, version, tasks])).toEqual([
    ['flows', 1, ['parse']],
    ['flow_features', split.features.version, ['train']],
  ]);
  expect(lineage.tables[0]?.info).toMatchObject({
    source: expect.stringContaining('second.csv') as unknown,
  });
  expect(lineage.tables[0]?.files).toHaveLength(1);
  expect(lineage.models).toEqual(['app-cnn/4']);
  expect(lineage.transformers).toEqual(['b'.repeat(64)]);
  expect(names(lineage.sources)).toEqual(['new.csv', ...sourcesBefore]);
  expect(await lineageOf(layout, noRegistry, 'temporal-1')).toEqual(lineage);
});

test('a prediction leads to its model version, its transformer, and the files that it was made from', async () => {
  const { home, layout, split } = await aTrainedHome();
  const { version, hash } = await aModel(split);
  const { rows } = await home.db.session(async (session) => {
    const snapshot = await readSnapshot(path.join(home.tablesRoot, 'flow_features'));
    const files = [...(snapshot?.files.values() ?? [])].filter(isInWeek('2022-W25'));
    const list = files.map(({ file }) => `'${file}'`).join(', ');
    return {
      rows: await session.rows(`SELECT source_sha, source_row FROM read_parquet([${list}])`),
    };
  });
  const flow = { iso_year: 2022, iso_week: 25, ...(rows[0] as { source_sha: string }) };
  const said = { app: 'example', predicted: 'other', probability: 0.5 };
  const features = { features_version: split.features.version };
  for (const [model_version, transformer] of [
    [version, hash],
    ['99', null], // of an earlier version of the program, deleted since
  ] as const) {
    const of = { model: 'app-ensemble', model_version };
    await commitTable({
      table: path.join(home.tablesRoot, PREDICTIONS.name),
      schema: PREDICTIONS,
      adds: await stageRows({
        ...{ db: home.db, schema: PREDICTIONS, stagingDir: home.staging(), tags: of },
        rows: [{ ...flow, ...of, ...features, ...said, source_row: 1, transformer }],
      }),
    });
  }
  const asked = (id: string) => lineageOf(layout, () => Promise.resolve(mlflow), id);
  const lineage = await asked(`${flow.source_sha.slice(0, 10)}:1`);
  if (lineage.kind !== 'prediction') throw new Error('not a prediction');
  expect(lineage.predictions).toMatchObject([
    {
      ...{ model: `app-ensemble/${version}`, transformer: hash, probability: 0.5 },
      ...{ said: { table: 'predictions', version: 0 }, features: split.features },
      week: { week: '2022-W25', flowsVersion: 2 },
    },
    { model: 'app-ensemble/99', transformer: null, said: { version: 1 } },
  ]);
  expect(lineage.models).toMatchObject([{ version, transformer: { hash } }]);
  expect(names(lineage.sources)).toEqual(['third.csv']);
  for (const id of [`${flow.source_sha}:2`, `${'0'.repeat(64)}:1`])
    await expect(asked(id)).rejects.toMatchObject({ code: 'LINEAGE_UNKNOWN' });
});

test('an id of neither is refused', async () => {
  const { layout } = await aTrainedHome();
  for (const id of ['nothing', 'no-model/7', 'no-model/champion'])
    await expect(lineageOf(layout, () => Promise.resolve(mlflow), id)).rejects.toMatchObject({
      code: 'LINEAGE_UNKNOWN',
    });
});
