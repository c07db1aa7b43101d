/** Windows watched on real tables, a real registry and a real Temporal server. */
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import type { TaskCodes } from '../../activities/checked.js';
import type { Compute } from '../../activities/compute.js';
import { describeDrift } from '../../activities/describe-drift.js';
import { loadJob } from '../../activities/jobs/index.js';
import { ARTIFACTS, CHAMPION, TRANSFORMER_TAG } from '../../activities/model-store.js';
import { monitoringTasks } from '../../activities/monitoring.js';
import { askLifecycle, lifecycleStatus } from '../../activities/steer-lifecycle.js';
import type { TaskContext } from '../../contracts/engine.js';
import { homeLayout } from '../../contracts/home.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { SIGNALS } from '../../contracts/signals.js';
import { MlflowClient } from '../../models/registry/mlflow-client.js';
import { driftingWeeks, type DriftingWeeks } from '../activities/jobs/drifting-weeks.js';
import { contextOf, preset } from '../activities/jobs/four-weeks.js';
import { startMlflow } from '../models/registry/mlflow-server.js';
import { startEngine, type EngineEnvironment } from './engine-environment.js';

const MODEL = 'app-ensemble';

let weeks: DriftingWeeks;
let registry: Awaited<ReturnType<typeof startMlflow>>;
let mlflow: MlflowClient;
let engine: EngineEnvironment;

beforeAll(async () => {
  [weeks, registry] = await Promise.all([driftingWeeks(), startMlflow()]);
  mlflow = new MlflowClient({ baseUrl: registry.baseUrl });
  engine = await startEngine({
    dags: [],
    noop: ({ value }) => Promise.resolve({ value }),
    layout: homeLayout(weeks.home.root),
    mlflowUrl: registry.baseUrl,
  });
  await register('1');
  await register('2');
  await mlflow.models.setAlias(MODEL, CHAMPION, '1');
}, 180_000);
afterAll(async () => {
  await engine.stop();
  await registry.stop();
  await weeks.home.close();
});

/** Registers the trained model once more. */
async function register(key: string): Promise<void> {
  const { serving, split } = weeks;
  const run = await mlflow.runs.ensureRun({ experiment: 'monitor', key, name: key });
  const source = `${run.artifactUri}/${ARTIFACTS.model}`;
  await mlflow.artifacts.uploadFolder(serving.folder, source);
  await mlflow.artifacts.uploadText(JSON.stringify(split), `${run.artifactUri}/${ARTIFACTS.split}`);
  const tags = { [TRANSFORMER_TAG]: serving.transformer ?? '', target: 'APP', kind: 'xgboost' };
  await mlflow.models.ensureModelVersion({ name: MODEL, runId: run.runId, key, source, tags });
}

type Watching = 'judgeWindow' | 'wakeLifecycle' | 'awaitDecision' | 'planDays' | 'tellOfDrift';

/** Runs a task as a worker does, its heavy part in this process. */
async function run<K extends Watching>(
  task: K,
  input: Tasks[K]['input'],
): Promise<Tasks[K]['output']> {
  const compute: Compute = async (job, of, commit) => {
    const context = await contextOf(weeks.home);
    const code = await loadJob(job);
    // the job's own type
    const output = (await code(of, context)) as Parameters<typeof commit>[0]['output'];
    return commit({ output, stagingDir: context.stagingDir });
  };
  const { layout, recorder, server } = engine;
  const tasks: Pick<TaskCodes, Watching> = monitoringTasks({
    ...{ layout, recorder, compute, mlflow, temporal: server.client },
  });
  const environment = new MockActivityEnvironment(
    { activityId: `${task} ${runs++}` },
    { logger: new DefaultLogger('ERROR') },
  );
  const nobody = {} as TaskContext; // none of them reads whose task it is
  return environment.run(() => tasks[task](input, nobody));
}
let runs = 0;

const judge = (window: string) => run('judgeWindow', { window, model: MODEL, preset });

async function decide({ report }: Tasks['judgeWindow']['output']) {
  const { workflowId } = await run('wakeLifecycle', { model: MODEL, report, preset });
  return run('awaitDecision', { workflowId, reportHash: report.reportHash });
}

const count = async (table: string, where: string): Promise<unknown> =>
  (await engine.rows(`SELECT count(*)::INT AS n FROM ${table} WHERE ${where}`))[0]?.['n'];

test('days with enough flows behind the training are watched, oldest first', async () => {
  const { days } = await run('planDays', { preset });
  expect(days[0]).toBe('2022-06-13'); // the day after 2022-W23
  expect(days).toEqual([...days].sort());
  expect(days.every((day) => day <= '2022-06-26')).toBe(true);
});

test('a week leaves predictions, every signal, its findings, a page and metrics; once', async () => {
  const judged = await judge('2022-W25');
  const again = await judge('2022-W25');
  expect(again.report).toEqual(judged.report);
  expect(judged).toMatchObject({ drifted: true, model: { version: '1' } });
  const { reportHash, rows, causes } = judged.report;
  expect(await count('predictions', 'iso_week = 25')).toBe(rows);
  expect(await count('drift_scores', `report_hash = '${reportHash}'`)).toBe(SIGNALS.length);
  expect(judged.scores.map(({ statistic }) => statistic)).toContain('sni_kl');

  const { findings, history } = await describeDrift(engine.layout, MODEL, '2022-W25');
  expect(findings).toMatchObject({ reportHash, rows, causes });
  expect(history).toHaveLength(SIGNALS.length);
  const { artifactUri, runId } = await mlflow.runs.get(judged.model.mlflowRunId);
  expect(await mlflow.artifacts.downloadText(`${artifactUri}/drift/2022-W25.html`)).toContain(
    causes[0],
  );
  const points = await mlflow.runs.metricHistory(runId, 'drift.feature_severity');
  expect(points).toMatchObject([{ timestampMs: Date.parse('2022-06-27'), step: 19_163 }]);
});

test('a day leaves signals, of which those of shares are not judged, and no predictions', async () => {
  const before = await count('predictions', 'true');
  const { scores, predictions, report } = await judge('2022-06-14');
  expect(report).toMatchObject({ length: 'day', startMs: Date.parse('2022-06-14') });
  expect(scores.find(({ statistic }) => statistic === 'sni_kl')).toMatchObject({
    ...{ value: null, verdict: 'not_judged', partition: '2022-06-14' },
  });
  expect(scores.find(({ statistic }) => statistic === 'feature_severity')?.verdict).toBe('stable');
  expect(predictions).toBeNull();
  expect(await count('predictions', 'true')).toBe(before);
});

test('a calm window is reported too, and the version before a promotion goes on answering', async () => {
  const calm = await judge('2022-W24');
  expect(calm.scores.find(({ statistic }) => statistic === 'error_rise')?.verdict).toBe('stable');
  expect((await decide(calm)).kind).toMatch(/^not(ed|ice)$/);
  await askLifecycle(engine.server.client, MODEL, {
    ...{ kind: 'promote', version: '2', by: 'a test' },
  });
  await vi.waitFor(async () => {
    const status = await lifecycleStatus(engine.server.client, MODEL);
    expect(status?.toScore).toEqual(['2', '1']);
  }, 10_000);
  const judged = await judge('2022-W25');
  expect(judged.model.version).toBe('2');
  expect(judged.report.scores.map(({ version }) => version)).toEqual(['2', '1']);
  expect(await count('predictions', "iso_week = 25 AND model_version = '2'")).toBe(
    judged.report.rows,
  );
  expect(await count('predictions', "iso_week = 25 AND model_version = '1'")).toBe(
    judged.report.rows,
  );
});

test('people are told of a drifted window once', async () => {
  const posts: unknown[] = [];
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      posts.push(body);
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo; // it listens on a port
  await writeFile(
    engine.layout.notify,
    JSON.stringify({ webhook: `http://127.0.0.1:${port}/hook` }),
  );
  const { report } = await judge('2022-W25');
  for (let turn = 0; turn < 2; turn++) {
    expect(await run('tellOfDrift', { model: MODEL, report })).toEqual({ faults: [] });
  }
  expect(posts).toHaveLength(1);
  expect(posts[0]).toMatchObject({
    title: expect.stringMatching(/^app-ensemble, 2022-W25: drifted: feature_severity/) as string,
    text: expect.stringContaining('exporter change') as string,
    json: { partition: '2022-W25', reportHash: report.reportHash },
  });
});

test('a window that nobody judged is refused by name', async () => {
  await expect(describeDrift(engine.layout, MODEL, '2022-W30')).rejects.toMatchObject({
    fault: { code: 'DRIFT_NOT_JUDGED', expected: 'a window up to 2022-W25' },
  });
});
