import { mkdtemp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { JobContext } from '../../activities/jobs/index.js';
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

/** Five weeks of two applications that differ in bytes; from the third week on they have changed places. */
async function fiveWeeks(home: StoreHome): Promise<void> {
  const flows = MONDAYS.flatMap((day, week) =>
    Array.from({ length: 60 }, (_, i) =>
      aFlow({
        TIME_FIRST: `2022-${day}T10:00:${String(i).padStart(2, '0')}`,
        BYTES: 1000 * ((i + (week < 2 ? 0 : 1)) % 2) + 10 * i + week,
        APP: `app-${i % 2}`,
        CATEGORY: `category-${i % 2}`,
      }),
    ),
  );
  await ingest(home, await home.file('weeks.csv', flowCsv(flows)));
  await deriveFeatures(home);
}

async function register(
  home: StoreHome,
  mlflow: MlflowClient,
  name: string,
  { target, weeks }: { target: Target; weeks: readonly [string, string] },
): Promise<string> {
  const [train, validate] = weeks;
  const split: Split = {
    ...{ kind: 'weeks', rule: 'for this test', watch: [], skippedClasses: [] },
    ...{ train: [train], validate: [validate], test: [] },
    selections: {
      train: wholeWeeks([train]),
      validate: wholeWeeks([validate]),
      test: wholeWeeks([]),
    },
    features: { table: 'flow_features', version: MONDAYS.length - 1 },
  };
  const context: JobContext = {
    ...{ layout: homeLayout(home.root), setupDir: path.resolve('.cache/setup'), threads: 1 },
    stagingDir: await mkdtemp(path.join(home.root, 'job-')),
    ...{ progress: () => undefined, shouldStop: () => false },
  };
  const model = { name, target, kind: 'xgboost' } as const;
  const { transformer } = await trainModelJob({ model, split, preset }, context);
  const run = await mlflow.runs.create({ experiment: 'sentinel-flow', tags: {} });
  const folder = `${run.artifactUri}/${ARTIFACTS.model}`;
  await mlflow.artifacts.uploadFolder(path.join(context.stagingDir, 'model'), folder);
  const uri = `${run.artifactUri}/${ARTIFACTS.split}`;
  await mlflow.artifacts.uploadText(JSON.stringify(split), uri);
  const tags = { target, kind: 'xgboost', [TRANSFORMER_TAG]: transformer };
  const request = { name, runId: run.runId, key: run.runId, source: folder, tags };
  return (await mlflow.models.ensureModelVersion(request)).version;
}

test('two versions are compared on the weeks that neither was trained on, as text, JSON and a page', async () => {
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
  expect(await register(home, mlflow, 'app-xgboost', before)).toBe('1');
  expect(await register(home, mlflow, 'app-xgboost', after)).toBe('2');
  await mlflow.models.setAlias('app-xgboost', 'champion', '2');
  await register(home, mlflow, 'category-xgboost', { ...before, target: 'CATEGORY' });

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

  const refusals: [string[], string][] = [
    [['compare', 'app-xgboost/1', 'category-xgboost/1'], 'MODEL_COMPARE'],
    [['compare', 'app-xgboost/1', 'app-xgboost/9'], 'MODEL_VERSION_UNKNOWN'],
    [['compare', 'app-xgboost/1', 'category-xgboost'], 'MODEL_NO_CHAMPION'],
    [['emerging', 'app-xgboost', '--weeks', '2022-W27'], 'MODEL_REJECTS_NOTHING'],
  ];
  for (const [args, code] of refusals)
    await expect(models(...args)).rejects.toMatchObject({ code });
});
