/** The main job on small data: the whole way from files to a promoted model, on the real servers. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { EXPERIMENT } from '../../activities/model-store.js';
import { installation } from '../../activities/installation.js';
import type { UpDocument } from '../../contracts/report.js';
import { SIGNALS } from '../../contracts/signals.js';
import { FeatureDb, quote } from '../../feature-store/duckdb.js';
import { MlflowClient } from '../../models/registry/mlflow-client.js';
import { createHome, type Started, type TestHome } from './sentinel.js';
import { SMALL_FLOWS } from './small-flows.js';

let home: TestHome;
let up: Started;
let document: UpDocument;
let mlflow: MlflowClient;

beforeAll(async () => {
  home = await createHome();
  up = home.up();
  document = await up.document();
  mlflow = new MlflowClient({ baseUrl: document.ui.mlflow });
}, 240_000);
afterAll(() => home.remove());

describe('the JSON document', () => {
  test('has every field that was promised, paths absolute', () => {
    const share = z.number().min(0).max(1);
    const score = z.object({
      partition: z.string(),
      rows: z.int().positive(),
      accuracy: share,
      macroF1: share,
      weightedF1: share,
    });
    const promised = z.object({
      input: z.object({
        files: z.int(),
        rowsRead: z.int(),
        rowsStored: z.int(),
        rowsRejected: z.int(),
      }),
      errors: z.array(z.unknown()),
      tables: z.record(
        z.string(),
        z.object({ path: z.string().startsWith('/'), version: z.int(), rows: z.int() }),
      ),
      split: z.object({
        kind: z.literal('weeks'),
        train: z.array(z.string()),
        validate: z.array(z.string()),
        test: z.array(z.string()),
        watch: z.array(z.string()),
        skippedClasses: z.array(z.unknown()),
      }),
      models: z.array(
        z.object({
          name: z.string(),
          target: z.enum(['APP', 'CATEGORY']),
          version: z.string(),
          alias: z.string().nullable(),
          test: z.array(score),
        }),
      ),
      ensemble: z.object({ name: z.string(), weights: z.record(z.string(), share) }),
      drift: z.array(
        z.object({
          partition: z.string(),
          statistic: z.string(),
          value: z.number(),
          threshold: z.number(),
          verdict: z.enum(['drifted', 'stable', 'not_judged']),
        }),
      ),
      retrains: z.array(
        z.object({
          model: z.string(),
          reason: z.string(),
          championF1: share,
          challengerF1: share,
          promoted: z.boolean(),
          version: z.string(),
        }),
      ),
      ui: z.object({ temporal: z.url(), mlflow: z.url() }),
      seconds: z.number().positive(),
    });
    expect(promised.safeParse(document).error?.issues).toBeUndefined();
  });

  test('counts each row of the input once', () => {
    const { rows, weeks } = SMALL_FLOWS;
    const counts = { files: weeks, rowsRead: rows, rowsStored: rows, rowsRejected: 0 };
    expect(document.input).toMatchObject(counts);
    expect(document.errors).toEqual([]);
    expect(document.tables['flows']?.rows).toBe(rows);
    expect(document.tables['flow_features']?.rows).toBe(rows);
  });

  test('splits six weeks as the design says', () => {
    expect(document.split).toMatchObject({
      kind: 'weeks',
      train: ['2022-W22', '2022-W23'],
      validate: ['2022-W24'],
      test: ['2022-W25'],
      watch: ['2022-W26', '2022-W27'],
      skippedClasses: [],
    });
  });

  test('has six models and an ensemble, each scored on the test week and the watched weeks', () => {
    const first = document.models.filter(({ version }) => version === '1');
    expect(first.map(({ name }) => name)).toEqual([
      'app-cnn',
      'app-ensemble',
      'app-lightgbm',
      'app-lstm',
      'app-two-branch',
      'app-xgboost',
      'category-xgboost',
    ]);
    for (const { test: scores } of first) {
      const weeks = scores.map(({ partition }) => partition);
      expect(weeks).toEqual(['2022-W25', '2022-W26', '2022-W27']);
    }
    const ensemble = first.find(({ name }) => name === 'app-ensemble');
    expect(ensemble?.test[0]?.macroF1).toBeGreaterThan(0.7);
    const weights = Object.values(document.ensemble?.weights ?? {});
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 6);
  });

  test('finds the change of the exporter, and tells of the retraining that followed', () => {
    const verdicts = document.drift.filter(({ partition }) => partition === '2022-W26');
    expect(verdicts.map(({ statistic }) => statistic)).toEqual([...SIGNALS].sort());
    const drifted = verdicts.filter(({ verdict }) => verdict === 'drifted');
    expect(drifted.map(({ statistic }) => statistic)).toContain('feature_severity');
    const [retrain] = document.retrains;
    expect(retrain).toMatchObject({ model: 'app-ensemble', promoted: true, version: '2' });
    expect(retrain?.reason).toMatch(/^2022-W26: .* > /);
    expect(retrain?.challengerF1).toBeGreaterThan(retrain?.championF1 ?? 1);
  });

  test('names the champion, which is the version promoted last', () => {
    const champions = document.models.filter(({ alias }) => alias === 'champion');
    const promoted = document.retrains.filter((retrain) => retrain.promoted).at(-1);
    expect(champions.find(({ name }) => name === 'app-ensemble')?.version).toBe(promoted?.version);
    expect(champions).toHaveLength(7);
  });
});

describe('the tables', () => {
  test('are read by Python deltalake with the same counts', async () => {
    const python = join(installation.setupDir, 'venv', 'bin', 'python');
    const code = `import sys, json
from deltalake import DeltaTable
print(json.dumps({path: [DeltaTable(path).version(), DeltaTable(path).count()] for path in sys.argv[1:]}))`;
    const tables = settledTables();
    const { stdout } = await promisify(execFile)(python, [
      '-c',
      code,
      ...tables.map((t) => t.path),
    ]);
    expect(JSON.parse(stdout)).toEqual(
      Object.fromEntries(tables.map(({ path, version, rows }) => [path, [version, rows]])),
    );
  });

  test("are read by DuckDB's delta_scan with the same counts", async () => {
    const extensionDirectory = installation.duckdbExtensions;
    const db = await FeatureDb.open({ threads: 1, extensionDirectory });
    try {
      await db.loadDelta();
      for (const { path, rows } of settledTables()) {
        const counted = await db.rows(
          `SELECT count(*)::INTEGER AS n FROM delta_scan(${quote(path)})`,
        );
        expect(counted).toEqual([{ n: rows }]);
      }
    } finally {
      db.close();
    }
  });
});

describe('MLflow', () => {
  test('serves the versions that the document names', async () => {
    for (const { name, version, alias } of document.models) {
      const found = await mlflow.models.getVersion(name, version);
      expect(found?.name).toBe(name);
      if (alias !== null)
        expect((await mlflow.models.getByAlias(name, alias))?.version).toBe(version);
    }
  });

  test('shows the model of a training beside its run, with its scores and its version', async () => {
    const version = await mlflow.models.getVersion('app-cnn', '1');
    const { modelIds } = await mlflow.runs.get(version?.runId ?? '');
    expect(modelIds).toHaveLength(1);
    const logged = await mlflow.loggedModels.get(modelIds[0] ?? '');
    expect(logged).toMatchObject({ name: 'app-cnn', status: 'LOGGED_MODEL_READY' });
    expect(logged.artifactUri).toBe(version?.source);
    expect(JSON.parse(logged.tags['mlflow.modelVersions'] ?? '')).toEqual([
      { name: 'app-cnn', version: 1 },
    ]);
    const { model } = await get<{ model: { data: { metrics: { key: string }[] } } }>(
      `logged-models/${logged.modelId}`,
    );
    const keys = model.data.metrics.map(({ key }) => key);
    expect(keys).toEqual(expect.arrayContaining(['validate.macroF1', '2022-W25.macroF1']));
  });

  test('shows of each training its settings, its curves, its pictures, its data and its plan', async () => {
    const version = await mlflow.models.getVersion('app-cnn', '1');
    const runId = version?.runId ?? '';
    const { run } = await get<MlflowRunAnswer>(`runs/get?run_id=${runId}`);
    const params = Object.fromEntries(run.data.params.map(({ key, value }) => [key, value]));
    expect(params).toMatchObject({ model: 'app-cnn', target: 'APP', preset: 'small', seed: '7' });
    expect(params['planHash']).toMatch(/^[0-9a-f]{64}$/);
    const inputs = run.inputs.dataset_inputs.map(({ dataset, tags }) => [
      dataset.name,
      tags.find(({ key }) => key === 'mlflow.data.context')?.value,
    ]);
    expect(inputs.sort()).toEqual([
      ['flow_features-test', 'test'],
      ['flow_features-train', 'train'],
      ['flow_features-validate', 'validate'],
    ]);
    const curve = run.data.metrics.map(({ key }) => key).filter((key) => /loss/i.test(key));
    expect(curve.length).toBeGreaterThan(0);
    const { metrics } = await get<{ metrics: { step: number }[] }>(
      `metrics/get-history?run_id=${runId}&metric_key=${encodeURIComponent(curve[0] ?? '')}`,
    );
    expect(metrics.length).toBeGreaterThan(1); // one point an epoch
    const { files } = await get<{ files: { path: string }[] }>(
      `artifacts/list?run_id=${runId}&path=plots`,
    );
    expect(files.filter(({ path }) => path.endsWith('.svg')).length).toBeGreaterThan(0);
  });

  test('has the page and the values of each judged week beside the version that answered it', async () => {
    const version = await mlflow.models.getVersion('app-ensemble', '1');
    const runId = version?.runId ?? '';
    const { files } = await get<{ files: { path: string }[] }>(
      `artifacts/list?run_id=${runId}&path=drift`,
    );
    expect(files.map(({ path }) => path)).toContain('drift/2022-W26.html');
    const [point] = await mlflow.runs.metricHistory(runId, 'drift.feature_severity');
    expect(point?.timestampMs).toBe(Date.parse('2022-07-04'));
    const drift = document.drift.find(
      ({ partition, statistic }) => partition === '2022-W26' && statistic === 'feature_severity',
    );
    expect(point?.value).toBeCloseTo(drift?.value ?? NaN, 10);
  });

  test('has one experiment, and one finished run for each version', async () => {
    const { experiment } = await get<{ experiment: { experiment_id: string } }>(
      `experiments/get-by-name?experiment_name=${EXPERIMENT}`,
    );
    const response = await fetch(`${document.ui.mlflow}/api/2.0/mlflow/runs/search`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ experiment_ids: [experiment.experiment_id], max_results: 100 }),
    });
    const { runs } = (await response.json()) as { runs: { info: { status: string } }[] }; // MLflow's answer
    expect(runs.map(({ info }) => info.status)).toEqual(document.models.map(() => 'FINISHED'));
  });
});

describe('the command line, while the servers run', () => {
  test("lists runs by DAG in Temporal's own CLI", async () => {
    const { code, stdout } = await home.run('temporal', 'workflow', 'list', '--output', 'json');
    expect(code).toBe(0);
    const rows = JSON.parse(stdout) as {
      execution: { workflowId: string };
      type: { name: string };
    }[]; // the CLI's own format
    const types = new Set(rows.map(({ type }) => type.name));
    expect([...types].sort()).toEqual(['lifecycle', 'monitor', 'retrain', 'train', 'weekly']);
    expect(rows.map(({ execution }) => execution.workflowId)).toContain('monitor/2022-W26');
  });

  test("shows the schedule, ticking, in Temporal's own CLI", async () => {
    const { stdout } = await home.run('temporal', 'schedule', 'list', '--output', 'json');
    expect(JSON.parse(stdout)).toMatchObject([{ scheduleId: 'daily' }, { scheduleId: 'weekly' }]);
    const { stdout: weekly } = await home.run(
      ...['temporal', 'schedule', 'describe', '--schedule-id', 'weekly', '--output', 'json'],
    );
    const { schedule } = JSON.parse(weekly) as { schedule: { state: { paused?: boolean } } }; // the CLI's own format
    expect(schedule.state.paused ?? false).toBe(false);
  });

  test('tells what drifted in a week, and why, also as a page', async () => {
    const out = join(home.layout.home, 'drift.html');
    const { code, stdout } = await home.run('drift', '--week', '2022-W26', '--json', '--out', out);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ partition: '2022-W26', model: 'app-ensemble', version: '1' },
      causes: expect.arrayContaining([expect.stringMatching(/^exporter change/)]) as unknown,
    });
    expect(await readFile(out, 'utf8')).toContain('exporter change');
    const newest = await home.run('drift');
    expect(newest.stdout).toMatch(/^2022-W27: \d+ flows/);
    const unknown = await home.run('drift', '--day', '2022-07-02', '--json');
    expect(unknown.code).toBe(1);
    expect(JSON.parse(unknown.stdout)).toMatchObject({ errors: [{ code: 'DRIFT_NOT_JUDGED' }] });
  });

  test('a failed ingest is one document too', async () => {
    const { code, stdout } = await home.run('ingest', join(home.input, 'nothing'), '--json');
    expect(JSON.parse(stdout)).toMatchObject({ errors: [{ code: 'DAG_RUN_FAILED' }] });
    expect(code).toBe(1);
  });

  test('a second `up` on the home says who has it, and changes nothing', async () => {
    const before = home.processes();
    const { code, stdout, stderr } = await home.up('--once').finished;
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ errors: [{ code: 'HOME_IN_USE' }] });
    expect(stderr).toMatch(/HOME_IN_USE .*as process \d+.* Fix: /);
    expect(home.processes()).toEqual(before);
  });

  test('Ctrl-C ends everything that was started, with exit code 0 as the job has succeeded', async () => {
    expect(home.processes().length).toBeGreaterThanOrEqual(3);
    up.process.kill('SIGINT');
    const { code, stderr } = await up.finished;
    expect(stderr).toMatch(/stopping\n$/);
    expect(code).toBe(0);
    await vi.waitFor(() => expect(home.processes()).toEqual([]), { timeout: 10_000 });
  });
});

/** The tables but for the two that hear of the run itself, after its report was written. */
function settledTables(): UpDocument['tables'][string][] {
  return Object.entries(document.tables)
    .filter(([name]) => !['runs', 'task_runs'].includes(name))
    .map(([, table]) => table);
}

interface MlflowRunAnswer {
  readonly run: {
    readonly data: {
      readonly params: readonly { key: string; value: string }[];
      readonly metrics: readonly { key: string }[];
    };
    readonly inputs: {
      readonly dataset_inputs: readonly {
        dataset: { name: string };
        tags: readonly { key: string; value: string }[];
      }[];
    };
  };
}

async function get<T>(path: string): Promise<T> {
  const response = await fetch(`${document.ui.mlflow}/api/2.0/mlflow/${path}`);
  expect(response.status).toBe(200);
  return (await response.json()) as T; // MLflow's answer
}
