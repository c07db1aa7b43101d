import { homeLayout, type HomeLayout } from '../../../contracts/home.js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { runRow, taskRows } from '../../../activities/run-history.js';
import { closedRuns } from '../../../activities/runs/closed-runs.js';
import type { ClosedRun } from '../../../contracts/engine.js';
import type { Instance, RunRecord, TaskRecord } from '../../../dag/run-record.js';
import { appendRows } from '../../../feature-store/append-rows.js';
import { FeatureDb } from '../../../feature-store/duckdb.js';
import { RUNS, TASK_RUNS } from '../../../feature-store/engine-tables.js';

const START = Date.parse('2022-06-06T00:00:00.123Z');

const done: Instance = {
  state: 'success',
  input: { week: '2022-W22' },
  output: [1, 'two', null],
  error: null,
  summary: 'parse a file',
  startedMs: START + 10,
  finishedMs: START + 1_010,
};
const broken: Instance = {
  ...done,
  state: 'failed',
  output: null,
  error: { code: 'MLFLOW_HTTP', message: 'no code in this text' },
};
const never: Instance = {
  ...done,
  state: 'skipped',
  output: null,
  startedMs: null,
  finishedMs: null,
};
const times = { startedMs: START + 10, finishedMs: START + 1_010 };

const tasks: Record<string, TaskRecord> = {
  plain: { state: 'success', reason: '', ...times, instances: [done] },
  mapped: {
    state: 'failed',
    reason: '1 of 3 failed: MLFLOW_HTTP',
    ...times,
    instances: [done, broken, never],
  },
  marked: {
    state: 'success',
    reason: 'marked success by alice',
    ...times,
    instances: [{ ...done, input: null, summary: 'marked success by alice' }],
  },
  'mapped over nothing by a mark': {
    state: 'success',
    reason: 'marked success by alice',
    ...times,
    instances: [],
  },
  kept: {
    state: 'success',
    reason: '',
    startedMs: START - 9_000,
    finishedMs: START - 8_000,
    instances: [{ ...done, startedMs: START - 9_000, finishedMs: START - 8_000 }],
  },
  'left out': {
    state: 'skipped',
    reason: 'branch chose "b"',
    startedMs: null,
    finishedMs: START + 5,
    instances: [],
  },
  undecided: { state: 'none', reason: '', startedMs: null, finishedMs: null, instances: [] },
};

const run: ClosedRun<RunRecord> & { temporalRunId: string } = {
  dag: 'weekly',
  codeVersion: '1.0.0+abc',
  startedMs: START,
  finishedMs: START + 2_000,
  temporalRunId: 'second',
  rerunOf: 'first',
  record: {
    dagRunId: 'weekly/2022-W22',
    planHash: 'f'.repeat(64),
    partition: '2022-W22',
    params: { weeks: [1, 2], preset: { rounds: 3 } },
    state: 'failed',
    ending: 'timed_out',
    paused: true,
    startedMs: START,
    tasks,
  },
};

async function recorded(runs: readonly (typeof run)[]): Promise<HomeLayout> {
  const home = await mkdtemp(join(tmpdir(), 'sentinel-closed-runs-'));
  const db = await FeatureDb.open({ threads: 1 });
  onTestFinished(async () => {
    db.close();
    await rm(home, { recursive: true });
  });
  const tablesRoot = join(home, 'tables');
  const request = { db, tablesRoot, stagingDir: join(home, 'staging') };
  const tries = new Map([
    ['plain', 2],
    ['mapped[0]', 1],
    ['mapped[1]', 5],
  ]);
  const rows = runs.flatMap((one) => taskRows(one, one.temporalRunId, tries));
  await appendRows({ ...request, schema: TASK_RUNS, rows });
  const heads = runs.map((one) => runRow(one, one.temporalRunId));
  await appendRows({ ...request, schema: RUNS, rows: heads });
  return homeLayout(home);
}

test('a recorded run is read back as it was: states, reasons, codes, marks, times', async () => {
  const found = await closedRuns(await recorded([run])).read('second');
  expect(found.run).toEqual(run);
});

test('tries are those of this run: a task that was kept has none', async () => {
  const { tries } = await closedRuns(await recorded([run])).read('second');
  expect(tries).toEqual({
    plain: 2,
    mapped: 6,
    marked: 1,
    'mapped over nothing by a mark': 0,
    kept: 0,
    'left out': 0,
    undecided: 0,
  });
});

test('runs are listed with the newest first, by DAG, id, partition and state', async () => {
  const earlier = { ...run, temporalRunId: 'first', finishedMs: START - 1_000 };
  const other = { ...run, dag: 'train', temporalRunId: 'other', finishedMs: START - 2_000 };
  const runs = closedRuns(await recorded([other, run, earlier]));
  const ids = async (...request: Parameters<typeof runs.list>) =>
    (await runs.list(...request)).map(({ temporalRunId }) => temporalRunId);
  expect(await ids({}, 10)).toEqual(['second', 'first', 'other']);
  expect(await ids({}, 1)).toEqual(['second']);
  expect(await ids({ dag: 'train' }, 10)).toEqual(['other']);
  expect(await ids({ dagRunId: 'weekly/2022-W22', partition: '2022-W22' }, 2)).toHaveLength(2);
  expect(await ids({ state: 'success' }, 10)).toEqual([]);
});

test('a home without runs lists none, and reading one is RUN_UNKNOWN', async () => {
  const runs = closedRuns(homeLayout('/nowhere'));
  expect(await runs.list({}, 10)).toEqual([]);
  await expect(runs.read('second')).rejects.toMatchObject({ code: 'RUN_UNKNOWN' });
});
