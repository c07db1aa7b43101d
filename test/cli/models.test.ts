import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { fitEnsembleJob } from '../../activities/jobs/fit-ensemble.js';
import type { JobContext } from '../../activities/jobs/index.js';
import type { LocalModel } from '../../activities/jobs/open-model.js';
import { trainModelJob } from '../../activities/jobs/train-model.js';
import { ARTIFACTS, TRANSFORMER_TAG } from '../../activities/model-store.js';
import { modelsCommand } from '../../cli/commands/models.js';
import { writeRecord } from '../../cli/embedded/process-record.js';
import { homeLayout } from '../../contracts/home.js';
import type { Preset, Split, Target } from '../../contracts/schemas/values.js';
import { wholeWeeks } from '../../domain/lifecycle/split-weeks.js';
import { MlflowClient } from '../../models/registry/mlflow-client.js';
import smallPreset from '../e2e/small.preset.json' with { type: 'json' };
import {
  aFlow,
  aHome,
  deriveFeatures,
  flowCsv,
  ingest,
  type StoreHome,
} from '../feature-store/store-builders.js';
import { startMlflow } from '../models/registry/mlflow-server.js';
import { runCommand } from './run-command.js';

const preset: Preset = smallPreset;
const MONDAYS = ['06-06', '06-13', '06-20', '06-27', '07-04'];
const models = (...args: string[]) => runCommand(modelsCommand, ...args);

let server: Awaited<ReturnType<typeof startMlflow>>;
beforeAll(async () => {
  server = await startMlflow();
});
afterAll(() => server.stop());

/**
 * Five weeks of two applications that differ in bytes; from the third week on they have changed places, and in the
 * fifth one has a new name.
 */
async function fiveWeeks(home: StoreHome): Promise<void> {
  const flows = MONDAYS.flatMap((day, week) =>
    Array.from({ length: 60 }, (_, i) =>
      aFlow({
        TIME_FIRST: `2022-${day}T10:00:${String(i).padStart(2, '0')}`,
        BYTES: 1000 * ((i + (week < 2 ? 0 : 1)) % 2) + 10 * i + week,
        ...(week === 4 && i % 2 === 0 && { TLS_SNI: 'www.new-service.net' }),
        APP: `app-${i % 2}`,
        CATEGORY: `category-${i % 2}`,
      }),
    ),
  );
  await ingest(home, await home.file('weeks.csv', flowCsv(flows)));
  await deriveFeatures(home);
}

function splitOf([train, validate]: readonly [string, string]): Split {
  return {
    ...{ kind: 'weeks', rule: 'for this test', watch: [], skippedClasses: [] },
    ...{ train: [train], validate: [validate], test: [] },
    selections: {
      train: wholeWeeks([train]),
      validate: wholeWeeks([validate]),
      test: wholeWeeks([]),
    },
    features: { table: 'flow_features', version: MONDAYS.length - 1 },
  };
}

async function contextOf(home: StoreHome): Promise<JobContext> {
  return {
    ...{ layout: homeLayout(home.root), setupDir: path.resolve('.cache/setup'), threads: 1 },
    stagingDir: await mkdtemp(path.join(home.root, 'job-')),
    checkpointDir: path.join(home.root, 'checkpoints'),
    ...{ progress: () => undefined, shouldStop: () => false },
  };
}

/** Trains and registers a version; the registry numbers them from 1. */
async function train(
  home: StoreHome,
  mlflow: MlflowClient,
  name: string,
  { target, weeks }: { target: Target; weeks: readonly [string, string] },
): Promise<LocalModel> {
  const context = await contextOf(home);
  const split = splitOf(weeks);
  const model = { name, target, kind: 'xgboost' } as const;
  const { transformer } = await trainModelJob({ model, split, preset }, context);
  const folder = path.join(context.stagingDir, 'model');
  const local = { name, version: '', folder, transformer, members: [] };
  return { ...local, version: await register(mlflow, local, target, split) };
}

/** An ensemble of one member that knows nothing. */
async function doubtingEnsemble(
  home: StoreHome,
  mlflow: MlflowClient,
  member: LocalModel,
  weeks: readonly [string, string],
): Promise<void> {
  const context = await contextOf(home);
  const split = splitOf(weeks);
  const name = 'app-ensemble';
  await fitEnsembleJob({ name, target: 'APP', members: [member], split, preset }, context);
  const folder = path.join(context.stagingDir, 'model');
  const file = path.join(folder, 'model.json');
  const manifest = JSON.parse(await readFile(file, 'utf8')) as object;
  const reject = { score: 'maxProbability', threshold: 1.1, perClass: {} };
  await writeFile(file, JSON.stringify({ ...manifest, reject }));
  await register(mlflow, { ...member, name, folder, members: [member] }, 'APP', split);
}

async function register(
  mlflow: MlflowClient,
  { name, folder: local, transformer, members }: LocalModel,
  target: Target,
  split: Split,
): Promise<string> {
  const run = await mlflow.runs.create({ experiment: 'sentinel-flow', tags: {} });
  const folder = `${run.artifactUri}/${ARTIFACTS.model}`;
  await mlflow.artifacts.uploadFolder(local, folder);
  const uri = `${run.artifactUri}/${ARTIFACTS.split}`;
  await mlflow.artifacts.uploadText(JSON.stringify(split), uri);
  const kind = members.length === 0 ? 'xgboost' : 'ensemble';
  const tags = { target, kind, [TRANSFORMER_TAG]: transformer ?? '' };
  const request = { name, runId: run.runId, key: run.runId, source: folder, tags };
  return (await mlflow.models.ensureModelVersion(request)).version;
}

test('versions are compared on the weeks that neither was trained on, and asked what they do not know', async () => {
  const home = await aHome();
  await fiveWeeks(home);
  vi.stubEnv('SENTINEL_HOME', home.root);
  const mlflow = new MlflowClient({ baseUrl: server.baseUrl });
  await expect(models('compare', 'app-xgboost/1', 'app-xgboost/2')).rejects.toMatchObject({
    code: 'HOME_NOT_RUNNING',
  });
  const ports = { http: Number(new URL(server.baseUrl).port) };
  await writeRecord(homeLayout(home.root).processes, { name: 'mlflow', pid: process.pid, ports });
  const before = { target: 'APP', weeks: ['2022-W23', '2022-W24'] } as const;
  const after = { target: 'APP', weeks: ['2022-W25', '2022-W26'] } as const;
  await train(home, mlflow, 'app-xgboost', before);
  const second = await train(home, mlflow, 'app-xgboost', after);
  await mlflow.models.setAlias('app-xgboost', 'champion', '2');
  await train(home, mlflow, 'category-xgboost', { ...before, target: 'CATEGORY' });

  const page = path.join(home.root, 'page.html');
  const text = await models('compare', 'app-xgboost/1', 'app-xgboost', '--out', page);
  expect(text).toMatch(/^app-xgboost\/2 is better: macro-F1 \+\d\.\d{3} .* 60 flows of 2022-W27/);
  expect(text).toMatch(/2022-W27 +60 +4 +2 /);
  const html = await readFile(page, 'utf8');
  expect(html.match(/<svg/g)).toHaveLength(2);
  expect(html).not.toMatch(/(src|href)="https?:/);
  expect(await models('compare', 'app-xgboost/1', 'app-xgboost@champion', '--json')).toMatchObject({
    ...{ target: 'APP', rows: 60, rowsUnseenClass: 0 },
    versions: [
      { id: 'app-xgboost/1', trainedTo: '2022-W23' },
      { id: 'app-xgboost/2', trainedTo: '2022-W25' },
    ],
    weeks: [{ partition: '2022-W27', rows: 60 }],
  });

  await doubtingEnsemble(home, mlflow, second, after.weeks);
  const report = path.join(home.root, 'emerging.html');
  const weeks = ['--weeks', '2022-W26..2022-W27'];
  expect(await models('emerging', 'app-ensemble/1', ...weeks, '--out', report)).toMatch(
    /2022-W27 +60 +100\.00 %[^]+new-service\.net +2022-W27 +30 +30 +50\.00 % +x1\.0/,
  );
  expect(await readFile(report, 'utf8')).toContain('<h2>new-service.net</h2>');
  expect(await models('emerging', 'app-ensemble/1', ...weeks, '--json')).toMatchObject({
    model: 'app-ensemble/1',
    services: [{ name: 'new-service.net', weeks: [{ flows: 30, rejected: 30, share: 0.5 }] }],
  });

  const shown = await models('show', 'app-ensemble/1');
  expect(shown).toMatch(/^version +app-ensemble\/1 *\n[^]*trained on +2022-W25 *\n/);
  expect(shown).toMatch(/rejects +maxProbability below 1\.1000[^]*app-xgboost\/2 +1\.00/);
  expect(await models('show', 'app-xgboost', '--json')).toMatchObject({
    ...{ name: 'app-xgboost', version: '2', aliases: ['champion'], target: 'APP' },
    ...{ train: ['2022-W25'], validate: ['2022-W26'], transformer: second.transformer },
    model: { kind: 'xgboost', classes: ['app-0', 'app-1'] },
  });

  const refusals: [string[], string][] = [
    [['show', 'app-xgboost/9'], 'MODEL_VERSION_UNKNOWN'],
    [['compare', 'app-xgboost/1', 'category-xgboost/1'], 'MODEL_COMPARE'],
    [['compare', 'app-xgboost/1', 'app-xgboost/9'], 'MODEL_VERSION_UNKNOWN'],
    [['compare', 'app-xgboost/1', 'category-xgboost'], 'MODEL_NO_CHAMPION'],
    [['emerging', 'app-xgboost', '--weeks', '2022-W27'], 'MODEL_REJECTS_NOTHING'],
  ];
  for (const [args, code] of refusals)
    await expect(models(...args)).rejects.toMatchObject({ code });
});
