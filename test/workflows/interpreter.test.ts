import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter, defineSearchAttributeKey } from '@temporalio/common';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createCompute } from '../../activities/compute.js';
import { installation } from '../../activities/installation.js';
import { runRecorder } from '../../activities/run-recorder.js';
import { startTicksOf } from '../../cli/embedded/process-record.js';
import { CLOSED_RUN_QUERY } from '../../contracts/closed-run.js';
import { RUN_QUERY, type ClosedRun, type RunView } from '../../contracts/engine.js';
import { PipelineError } from '../../contracts/errors.js';
import type { HomeLayout } from '../../contracts/home.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { activities, dag } from '../../dag/declare.js';
import { text } from '../../dag/reference.js';
import type { RunRecord } from '../../dag/run-record.js';
import {
  planOf,
  startEngine,
  temporaryHome,
  type EngineEnvironment,
} from './engine-environment.js';

const act = activities<Tasks>();

/** Values that make `noop` misbehave. */
const DAMAGED = 101;
const FLAKY = 102;
const WAITS = 103;
const COMPUTES = 104;

const retry = { maximumAttempts: 3, initialIntervalMs: 10, backoffCoefficient: 1 };

const chain = dag('chain', { params: { from: 1 } }, (d) => {
  const first = d.task('first', act.noop, {
    input: { value: d.params.from },
    summary: text`hand ${d.params.from} on`,
  });
  const second = d.task('second', act.noop, { input: { value: first.value } });
  return { value: second.value };
});

const fan = dag('fan', { params: { values: [] as number[] } }, (d) =>
  d.map('each', act.noop, {
    over: d.params.values,
    input: (value) => ({ value }),
    summary: (value) => text`number ${value}`,
    width: 3,
  }),
);

const faulty = dag('faulty', { params: { value: DAMAGED } }, (d) => {
  const bad = d.task('bad', act.noop, { input: { value: d.params.value }, retry });
  return d.task('after', act.noop, { input: { value: bad.value } });
});

const patient = dag('patient', { params: { value: WAITS } }, (d) => {
  const quick = d.task('quick', act.noop, { input: { value: 1 } });
  const slow = d.task('slow', act.noop, { input: { value: d.params.value }, after: [quick] });
  return d.task('never', act.noop, { input: { value: slow.value } });
});

const inner = dag('inner', { params: { value: WAITS } }, (d) =>
  d.task('slow', act.noop, { input: { value: d.params.value } }),
);
const outer = dag('outer', { params: {} }, (d) =>
  d.task('inside', inner, { input: { partition: '2022-W23', params: { value: WAITS } } }),
);

let engine: EngineEnvironment;
let layout: HomeLayout;
let flakyTries = 0;

beforeAll(async () => {
  layout = await temporaryHome();
  const compute = createCompute({
    layout,
    setupDir: installation.setupDir,
    entry: fileURLToPath(new URL('endless-child.mjs', import.meta.url)),
  });
  engine = await startEngine({
    layout,
    dags: [chain, fan, faulty, patient, inner, outer],
    noop: async ({ value }) => {
      if (value === DAMAGED) throw fault('FLOW_FILE_DAMAGED');
      if (value === FLAKY && ++flakyTries < 3) throw fault('MLFLOW_HTTP');
      if (value === WAITS) {
        const beats = setInterval(() => Context.current().heartbeat(), 200);
        await Context.current().cancelled.finally(() => clearInterval(beats));
      }
      if (value === COMPUTES) await compute('planSplit', {} as never, async () => undefined); // this child reads no input
      return { value };
    },
  });
}, 60_000);
afterAll(() => engine.stop());

test('a run returns the output of its DAG, and stands under its DAG id as workflow type', async () => {
  const handle = await engine.start('chain', 'chain/2022-W22', { params: { from: 7 } });
  expect(await handle.result()).toEqual({ value: 7 });
  const { type, status } = await handle.describe();
  expect([type, status.name]).toEqual(['chain', 'COMPLETED']);
});

test('a run carries DAG, partition, plan hash and state as search attributes', async () => {
  const handle = await engine.start('chain', 'chain/2022-W23');
  await handle.result();
  const { typedSearchAttributes } = await handle.describe();
  const value = (name: string) =>
    typedSearchAttributes.get(defineSearchAttributeKey(name, 'KEYWORD'));
  expect(value('SentinelDag')).toBe('chain');
  expect(value('SentinelPartition')).toBe('2022-W23');
  expect(value('SentinelPlanHash')).toMatch(/^[0-9a-f]{64}$/);
  expect(value('SentinelState')).toBe('success');
});

test('the Temporal UI is shown a summary of each activity and a table of the tasks', async () => {
  const handle = await engine.start('chain', 'chain/summary', { params: { from: 5 } });
  await handle.result();
  expect(await summaries(handle)).toEqual(['hand 5 on', 'second']);
  const { currentDetails } = await handle.query<{ currentDetails: string }>(
    '__temporal_workflow_metadata',
  );
  expect(currentDetails.split('\n')).toEqual([
    '| task | state | done | note |',
    '| --- | --- | --- | --- |',
    '| first | success | 1/1 |  |',
    '| second | success | 1/1 |  |',
  ]);
});

test('a plan named by its hash runs although the DAG has another one now', async () => {
  const old = { ...planOf(chain), params: { from: 42 } };
  const planHash = await engine.storePlan(old);
  const handle = await engine.start('chain', 'chain/old-plan', { planHash });
  expect(await handle.result()).toEqual({ value: 42 });
});

test('a workflow type that is no DAG fails at once with DAG_UNKNOWN', async () => {
  const handle = await engine.start('weakly', 'weakly');
  expect(await failureOf(handle)).toMatchObject({ type: 'DAG_UNKNOWN', nonRetryable: true });
});

test('a plan hash that no file has fails with PLAN_NOT_FOUND', async () => {
  const handle = await engine.start('chain', 'chain/lost', { planHash: 'f'.repeat(64) });
  expect(await failureOf(handle)).toMatchObject({ type: 'PLAN_NOT_FOUND' });
});

test('a parameter that the DAG does not declare fails with DAG_BAD_PARAM', async () => {
  const handle = await engine.start('chain', 'chain/param', { params: { form: 1 } });
  expect(await failureOf(handle)).toMatchObject({ type: 'DAG_BAD_PARAM' });
});

test('a plan compiled against another contract fails with TASK_CONTRACT_CHANGED', async () => {
  const plan = planOf(chain);
  const planHash = await engine.storePlan({
    ...plan,
    tasks: plan.tasks.map((task) =>
      task.target.kind === 'activity'
        ? { ...task, target: { ...task.target, contract: '0'.repeat(64) } }
        : task,
    ),
  });
  const handle = await engine.start('chain', 'chain/contract', { planHash });
  expect((await failureOf(handle)).message).toMatch(/first: .*TASK_CONTRACT_CHANGED/);
  expect(await taskRows('chain/contract')).toMatchObject([
    { task: 'first', state: 'failed', tries: 1 },
    { task: 'second', state: 'upstream_failed', tries: 0 },
  ]);
});

test('a fault of the input is tried once, and the failure carries its code', async () => {
  const handle = await engine.start('faulty', 'faulty/final');
  const failure = await failureOf(handle);
  expect(failure.type).toBe('DAG_RUN_FAILED');
  expect(failure.message).toMatch(/bad: .*FLOW_FILE_DAMAGED a\.csv: .* Fix: /);
  expect(await taskRows('faulty/final')).toMatchObject([
    { task: 'after', state: 'upstream_failed', tries: 0 },
    { task: 'bad', state: 'failed', tries: 1 },
  ]);
});

test('a fault of the surroundings is tried again', async () => {
  const handle = await engine.start('faulty', 'faulty/retry', { params: { value: FLAKY } });
  expect(await handle.result()).toEqual({ value: FLAKY });
  expect(await taskRows('faulty/retry')).toMatchObject([
    { task: 'after', state: 'success', tries: 1 },
    { task: 'bad', state: 'success', tries: 3 },
  ]);
});

test('a mapped task runs once for each element and hands on the outputs in order', async () => {
  const values = Array.from({ length: 10 }, (_, index) => index);
  const handle = await engine.start('fan', 'fan/ten', { params: { values } });
  expect(await handle.result()).toEqual(values.map((value) => ({ value })));
  expect(await summaries(handle)).toContain('number 9');
  const rows = await taskRows('fan/ten');
  expect(rows.map((row) => row['map_index'])).toEqual(values);
});

test('a mapped task over nothing is skipped', async () => {
  const handle = await engine.start('fan', 'fan/none');
  expect(await handle.result()).toEqual([]);
  expect(await taskRows('fan/none')).toMatchObject([{ task: 'each', state: 'skipped' }]);
});

test('a cancelled run cancels the activity in flight and is recorded as cancelled', async () => {
  const handle = await engine.start('patient', 'patient/cancel');
  await until(async () => (await stateOf(handle, 'slow')) === 'running');
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
  expect((await handle.describe()).status.name).toBe('CANCELLED');
  expect(await runRows('patient/cancel')).toMatchObject([{ state: 'cancelled' }]);
  expect(await taskRows('patient/cancel')).toMatchObject([
    { task: 'never', state: 'skipped', reason: 'the run was cancelled' },
    { task: 'quick', state: 'success' },
    { task: 'slow', state: 'failed', reason: 'cancelled' },
  ]);
});

test('a cancelled run cancels the DAGs that its tasks run', async () => {
  const handle = await engine.start('outer', 'outer/cancel');
  const child = engine.server.client.workflow.getHandle('inner/2022-W23');
  await until(async () => (await stateOf(child, 'slow')) === 'running');
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
  expect(await runRows('inner/2022-W23')).toMatchObject([{ state: 'cancelled' }]);
  expect(await runRows('outer/cancel')).toMatchObject([{ state: 'cancelled' }]);
});

test('a cancel ends a compute child in a native call within 5 s, and its staging folder goes', async () => {
  const handle = await engine.start('patient', 'patient/compute', { params: { value: COMPUTES } });
  const pid = await childPid();
  expect(startTicksOf(pid)).toBeDefined();
  const cancelledMs = Date.now();
  await handle.cancel();
  await until(async () => startTicksOf(pid) === undefined);
  expect(Date.now() - cancelledMs).toBeLessThan(5_000);
  await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
  const left = await readdir(layout.staging);
  expect(left.filter((name) => name.startsWith('patient'))).toEqual([]);
});

test('a closed run is recorded once, with plan, code version and times', async () => {
  const handle = await engine.start('chain', 'chain/2022-W30');
  await handle.result();
  const [row, ...more] = await runRows('chain/2022-W30');
  expect(more).toEqual([]);
  expect(row).toMatchObject({ dag: 'chain', partition: '2022-W30', code_version: 'test' });
  expect(existsSync(join(layout.plans, `${String(row?.['plan_hash'])}.json`))).toBe(true);
});

test('a run that closed while nobody listened is recorded later, from its history', async () => {
  await (await engine.start('chain', 'chain/2022-W31')).result();
  const rows = async () => [await runRows('chain/2022-W31'), await taskRows('chain/2022-W31')];
  const recorded = await rows();
  for (const table of ['runs', 'task_runs'])
    await rm(join(layout.tables, table), { recursive: true });
  await vi.waitFor(
    async () => {
      await engine.recorder.catchUp(); // the list of closed runs may be a moment behind
      expect(await rows()).toEqual(recorded);
    },
    { timeout: 10_000 },
  );
});

test('a run that cannot be recorded keeps no other from the tables', async () => {
  const handle = await engine.start('chain', 'chain/2022-W32');
  await handle.result();
  const { runId } = await handle.describe();
  const run = await handle.query<ClosedRun<RunRecord>>(CLOSED_RUN_QUERY);
  const recorded = await runRows('chain/2022-W32');
  for (const table of ['runs', 'task_runs'])
    await rm(join(layout.tables, table), { recursive: true });
  const said: string[] = [];
  const recorder = runRecorder(layout, engine.server.client, (line) => said.push(line));
  const broken = { ...run, record: { ...run.record, tasks: { first: null as never } } };
  recorder.sinks.runs.closed.fn({ workflowId: 'chain/broken', runId: 'broken' }, broken);
  recorder.sinks.runs.closed.fn({ workflowId: 'chain/2022-W32', runId }, run);
  await recorder.settled();
  expect(said).toEqual([expect.stringMatching(/^chain\/broken: not recorded yet: /)]);
  expect(await runRows('chain/2022-W32')).toEqual(recorded);
});

function fault(code: 'FLOW_FILE_DAMAGED' | 'MLFLOW_HTTP'): PipelineError {
  return new PipelineError({ code, file: 'a.csv', found: 'a fault made here', fix: 'none needed' });
}

async function failureOf(handle: WorkflowHandle) {
  const error: unknown = await handle.result().catch((thrown: unknown) => thrown);
  if (!(error instanceof WorkflowFailedError)) throw new Error(`no failure: ${String(error)}`);
  let cause: unknown = error.cause;
  // the failure of an activity wraps what the activity threw
  while (cause instanceof Error && !('type' in cause)) cause = cause.cause;
  return cause as Error & { type: string; nonRetryable: boolean }; // Temporal's ApplicationFailure
}

async function stateOf(handle: WorkflowHandle, task: string): Promise<string | undefined> {
  const view = await handle.query<RunView>(RUN_QUERY).catch(() => undefined); // not started yet
  return view?.tasks.find((of) => of.task === task)?.state;
}

async function summaries(handle: WorkflowHandle): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes, userMetadata }) =>
    activityTaskScheduledEventAttributes != null && userMetadata?.summary != null
      ? [defaultPayloadConverter.fromPayload<string>(userMetadata.summary)]
      : [],
  );
}

function runRows(dagRunId: string) {
  return engine.rows(`SELECT * FROM runs WHERE dag_run_id = '${dagRunId}'`);
}

function taskRows(dagRunId: string) {
  return engine.rows(
    `SELECT * FROM task_runs WHERE dag_run_id = '${dagRunId}' ORDER BY task, map_index`,
  );
}

async function childPid(): Promise<number> {
  let pid = 0;
  await until(async () => {
    const files = existsSync(layout.staging)
      ? await readdir(layout.staging, { recursive: true })
      : [];
    const file = files.find((name) => name.endsWith('/pid'));
    if (file !== undefined) pid = Number(await readFile(join(layout.staging, file), 'utf8'));
    return pid > 0;
  });
  return pid;
}

function until(holds: () => Promise<boolean>): Promise<void> {
  return vi.waitFor(
    async () => {
      if (!(await holds())) throw new Error('not yet');
    },
    { timeout: 15_000, interval: 50 },
  );
}
