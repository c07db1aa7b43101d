import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lineageOf } from '../../activities/lineage.js';
import { protectedVersions } from '../../activities/protected-versions.js';
import { stageRows } from '../../feature-store/append-rows.js';
import { commitTable } from '../../feature-store/delta/commit.js';
import { readSnapshot } from '../../feature-store/delta/snapshot.js';
import { isInWeek } from '../../feature-store/derived.js';
import { PREDICTIONS } from '../../feature-store/engine-tables.js';
import { MlflowClient } from '../../models/registry/mlflow-client.js';
import { startMlflow } from '../models/registry/mlflow-server.js';
import { aTrainedHome, recordRun, registerModel } from './trained-home.js';

let server: Awaited<ReturnType<typeof startMlflow>>;
let mlflow: MlflowClient;

beforeAll(async () => {
  server = await startMlflow();
  mlflow = new MlflowClient({ baseUrl: server.baseUrl });
});
afterAll(() => server.stop());

const sourcesBefore = ['monday.csv', 'second.csv', 'third.csv'];
const names = (sources: readonly { file: string }[]) =>
  sources.map(({ file }) => path.basename(file));

test('a model version leads to the files and raw files of its split, and to no later ones', async () => {
  const { layout, split } = await aTrainedHome();
  const { version, hash } = await registerModel(mlflow, split);
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
  await recordRun(home, split);

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
  const { version, hash } = await registerModel(mlflow, split);
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

test('versions that models with an alias were trained on are protected, and no others', async () => {
  const { layout, split } = await aTrainedHome();
  const model = await registerModel(mlflow, split);
  const other = {
    ...split,
    features: { ...split.features, version: split.features.version + 100 },
  };
  const later = await registerModel(mlflow, other);
  const versionsOf = async () =>
    [...((await protectedVersions(layout, mlflow)).get('flow_features') ?? [])].sort(
      (a, b) => a - b,
    );
  await mlflow.models.setAlias(model.name, 'champion', model.version);
  expect(await versionsOf()).toEqual([split.features.version]);
  await mlflow.models.setAlias(model.name, 'candidate', later.version);
  expect(await versionsOf()).toEqual([split.features.version, other.features.version]);
  await mlflow.models.setAlias(model.name, 'champion', later.version);
  expect(await versionsOf()).toEqual([other.features.version]);
  expect(await protectedVersions(layout, undefined)).toEqual(new Map());
});

test('what a model with an alias was trained on must be known before anything is deleted', async () => {
  const { layout } = await aTrainedHome();
  const gone = new MlflowClient({ baseUrl: 'http://127.0.0.1:9' });
  await expect(protectedVersions(layout, gone)).rejects.toMatchObject({ code: 'MLFLOW_HTTP' });
});
