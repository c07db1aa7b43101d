/** A home with features of three weeks, a model trained on them, and a run that trained it. */
import path from 'node:path';
import { ARTIFACTS, TRANSFORMER_TAG } from '../../activities/model-store.js';
import { runRow, taskRows } from '../../activities/run-history.js';
import type { ClosedRun } from '../../contracts/engine.js';
import { homeLayout, type HomeLayout } from '../../contracts/home.js';
import type { Split } from '../../contracts/schemas/values.js';
import type { RunRecord } from '../../dag/run-record.js';
import { wholeWeeks } from '../../domain/lifecycle/split-weeks.js';
import type { Transformer } from '../../domain/traffic/transformer.js';
import { appendRows } from '../../feature-store/append-rows.js';
import { readSnapshot } from '../../feature-store/delta/snapshot.js';
import { RUNS, TASK_RUNS } from '../../feature-store/engine-tables.js';
import { transformerHash } from '../../feature-store/transformer-store.js';
import type { MlflowClient } from '../../models/registry/mlflow-client.js';
import {
  aFlow,
  aHome,
  deriveFeatures,
  flowCsv,
  ingest,
  type StoreHome,
} from '../feature-store/store-builders.js';

/** A week that trains, one that validates, one that tests; then a late file that no split has seen. */
export async function aTrainedHome(): Promise<{
  home: StoreHome;
  layout: HomeLayout;
  split: Split;
}> {
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

/** Registers an ensemble that was trained on the split, with the hash of its transformer; the version has no alias yet. */
export async function registerModel(
  mlflow: MlflowClient,
  split: Split,
): Promise<{ name: string; version: string; hash: string }> {
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
  return { name: request.name, version, hash };
}

/** Records a closed run whose tasks parsed `new.csv` and trained on the split. */
export async function recordRun(home: StoreHome, split: Split): Promise<void> {
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
}
