/**
 * The main job, killed three times over: its worker, its compute children, `sentinel up` itself and the
 * servers. Nothing is lost, nothing is there twice, nothing is left running.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { markedProcesses } from '../../cli/embedded/marked-processes.js';
import { readRecord, startTicksOf } from '../../cli/embedded/process-record.js';
import type { UpDocument } from '../../contracts/report.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { createHome, endNow, type Finished, type Started, type TestHome } from './sentinel.js';
import { SMALL_FLOWS } from './small-flows.js';

let home: TestHome;
let up: Started;
let finished: Finished;
let document: UpDocument;

beforeAll(async () => {
  home = await createHome();
  up = home.up('--once');
}, 60_000);
afterAll(() => home.remove());

test('a worker killed during ingest is started again', async () => {
  await up.says(/parse running/);
  endNow(await pidOf('worker'));
  await up.says(/the worker ended \(signal SIGKILL\); starting it again/);
});

test('the next `up` after a killed one takes the servers over', async () => {
  const servers = await Promise.all([pidOf('temporal'), pidOf('mlflow')]);
  await killUp();
  expect(servers.map((pid) => startTicksOf(pid) === undefined)).toEqual([false, false]);
  up = home.up('--once');
  await up.says(/Temporal UI/);
  expect(await Promise.all([pidOf('temporal'), pidOf('mlflow')])).toEqual(servers);
  await up.says(/is running already; following it/);
});

test('a compute child that outlives its killed worker is ended, before it could commit', async () => {
  const child = await computeChildOf(/train_app_/);
  process.kill(child, 'SIGSTOP'); // as in a long native call: it hears nothing
  endNow(await pidOf('worker'));
  await up.says(/the worker ended \(signal SIGKILL\); starting it again/);
  await vi.waitFor(() => expect(startTicksOf(child)).toBeUndefined(), { timeout: 15_000 });
});

test('servers of a killed `up` that no record names, or only half of which live, are ended first', async () => {
  await up.says(/monitor running/);
  await computeChildOf(/^retrain/);
  await killUp();
  const temporal = await pidOf('temporal');
  await rm(join(home.layout.processes, 'temporal.json')); // as if killed before it was written
  endNow(await pidOf('mlflow'));
  const halves = markedProcesses(home.layout.home, 'mlflow'); // the web server under it goes on
  expect(halves.length).toBeGreaterThan(0);
  up = home.up('--once');
  await up.says(/Temporal UI/);
  expect([temporal, ...halves].map(startTicksOf)).toEqual(
    [temporal, ...halves].map(() => undefined),
  );
});

test('the run that was killed so often ends well', async () => {
  finished = await up.finished;
  expect(finished).toMatchObject({ code: 0 });
  document = JSON.parse(finished.stdout) as UpDocument; // checked field by field in main-job.test.ts
  expect(document.errors).toEqual([]);
}, 180_000);

test('each row is there once', async () => {
  const { rows, weeks } = SMALL_FLOWS;
  expect(document.input).toMatchObject({ files: weeks, rowsRead: rows, rowsStored: rows });
  expect(document.tables['flows']?.rows).toBe(rows);
  expect(document.tables['flow_features']?.rows).toBe(rows);
});

test('each version has answered each flow that it was asked once', async () => {
  const db = await FeatureDb.open({ threads: 1 });
  const { rows } = await queryTables({
    ...{ db, tablesRoot: home.layout.tables },
    sql: `SELECT count(*) AS answers, count(DISTINCT (source_sha, source_row, model_version)) AS pairs,
            count(DISTINCT (source_sha, source_row)) AS flows FROM predictions`,
  }).finally(() => db.close());
  const [{ answers, pairs, flows } = {}] = rows;
  expect(Number(flows)).toBe(watchedRows());
  expect(answers).toBe(pairs);
});

test('each training is one version, none was registered twice', () => {
  const retrainings = document.retrains.length;
  expect(retrainings).toBeGreaterThan(0);
  const versions = new Map<string, string[]>();
  for (const { name, version } of document.models) {
    versions.set(name, [...(versions.get(name) ?? []), version]);
  }
  const expected = Array.from({ length: 1 + retrainings }, (_, index) => String(index + 1));
  expect(Object.fromEntries(versions)).toEqual({
    'app-cnn': expected,
    'app-ensemble': expected,
    'app-lightgbm': expected,
    'app-lstm': expected,
    'app-two-branch': expected,
    'app-xgboost': expected,
    'category-xgboost': ['1'],
  });
});

test('nothing runs and nothing half done lies about afterwards', async () => {
  expect(home.processes()).toEqual([]);
  expect(await readdir(home.layout.processes)).toEqual([]);
  const folders = existsSync(home.layout.staging) ? await readdir(home.layout.staging) : [];
  const files = await Promise.all(
    folders.map((name) => readdir(join(home.layout.staging, name), { recursive: true })),
  );
  expect(files.flat()).toEqual([]);
});

test('closed runs can be looked up while nothing runs', async () => {
  const list = await home.run('runs', 'list', '--json');
  expect(list.code).toBe(0);
  const runs = JSON.parse(list.stdout) as { run: string; state: string }[]; // columns of the command
  expect(runs.map(({ run }) => run)).toContain('weekly/2022-W27');
  expect(new Set(runs.map(({ state }) => state))).toEqual(new Set(['success']));
  const show = await home.run('runs', 'show', 'weekly/2022-W27', '--json');
  expect(show.code).toBe(0);
  const { tasks } = JSON.parse(show.stdout) as { tasks: { task: string; state: string }[] };
  expect(tasks).toContainEqual(expect.objectContaining({ task: 'report', state: 'success' }));
});

/** Rows of the watched weeks, as the evaluation of the first models counted them. */
function watchedRows(): number {
  const weeks = new Set(document.split?.watch);
  const [model] = document.models.filter(({ name }) => name === 'category-xgboost');
  return (model?.test ?? [])
    .filter(({ partition }) => weeks.has(partition))
    .reduce((sum, { rows, rowsUnseenClass }) => sum + rows + rowsUnseenClass, 0);
}

/** Kills `up`, and waits until its worker has ended by itself with all it computes. */
async function killUp(): Promise<void> {
  endNow(up.process.pid);
  await up.finished;
  await vi.waitFor(() => expect(markedProcesses(home.layout.home, 'worker')).toEqual([]), {
    timeout: 15_000,
  });
}

async function pidOf(name: string): Promise<number> {
  const record = await readRecord(home.layout.processes, name);
  if (record === undefined) throw new Error(`no record of ${name}`);
  return record.pid;
}

/** The process that computes a task, found by what it has in its staging folder and the worker's children. */
async function computeChildOf(task: RegExp): Promise<number> {
  return vi.waitFor(
    async () => {
      const staged = existsSync(home.layout.staging) ? await readdir(home.layout.staging) : [];
      if (!staged.some((name) => task.test(decodeURIComponent(name)))) throw new Error('not yet');
      const worker = await pidOf('worker');
      for (const pid of markedProcesses(home.layout.home, 'worker')) {
        const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        if (pid !== worker && command.includes('compute')) return pid;
      }
      throw new Error('no child yet');
    },
    { timeout: 90_000, interval: 50 },
  );
}
