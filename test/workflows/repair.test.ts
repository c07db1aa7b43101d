import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { WorkflowNotFoundError, type WorkflowHandle } from '@temporalio/client';
import { Context } from '@temporalio/activity';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { activityCatalogue } from '../../activities/catalogue.js';
import { createCompute } from '../../activities/compute.js';
import { installation } from '../../activities/installation.js';
import { planStore } from '../../activities/plan-store.js';
import { closedRuns } from '../../activities/runs/closed-runs.js';
import { listRuns } from '../../activities/runs/list-runs.js';
import { logReader, type LogLine } from '../../activities/runs/read-logs.js';
import {
  prepareRerun,
  type PreparedRerun,
  type RerunRequest,
  type RerunSources,
} from '../../activities/runs/prepare-rerun.js';
import { showRun, type RunReport } from '../../activities/runs/show-run.js';
import { closedRunToGoOnFrom, startRerun } from '../../activities/runs/start-rerun.js';
import {
  approveTask,
  cancelRun,
  markTask,
  openApprovals,
  pauseRun,
  resumeRun,
} from '../../activities/runs/steer-run.js';
import { taskLog } from '../../activities/task-log.js';
import { runsCommand } from '../../cli/commands/runs.js';
import { PipelineError } from '../../contracts/errors.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { activities, dag, type Dag, type Upstream } from '../../dag/declare.js';
import type { Plan } from '../../dag/plan.js';
import { runCommand } from '../cli/run-command.js';
import { planOf, startEngine, type EngineEnvironment } from './engine-environment.js';

const act = activities<Tasks>();
const retry = { maximumAttempts: 3, initialIntervalMs: 10, backoffCoefficient: 1 };

const chain = dag('chain', { params: { from: 1, note: 'x' } }, (d) => {
  const first = d.task('first', act.noop, { input: { value: d.params.from } });
  const second = d.task('second', act.noop, { input: { value: 20 }, after: [first] });
  const third = d.task('third', act.noop, { input: { value: second.value } });
  d.task('beside', act.noop, {
    input: { value: 40 },
    after: [first],
    summary: d.params.note,
  });
  return { value: third.value };
});

const forked = dag('forked', { params: { side: 'left' } }, (d) => {
  const choose = d.branch('choose', d.params.side, ['left', 'right']);
  const left = d.task('left', act.noop, { input: { value: 50 }, after: [choose.case('left')] });
  const right = d.task('right', act.noop, { input: { value: 60 }, after: [choose.case('right')] });
  d.task('join', act.noop, {
    input: { value: 70 },
    after: [left, right],
    triggerRule: 'none_failed_min_one_success',
  });
});

const wide = dag('wide', { params: { values: [] as number[] } }, (d) =>
  d.map('each', act.noop, {
    over: d.params.values,
    input: (value) => ({ value }),
    width: 500,
    retry,
  }),
);

const long = dag('long', { params: { values: [] as number[] } }, (d) => {
  const over = d.params.values;
  const map = (id: string, after: readonly Upstream[]) =>
    d.map(id, act.noop, { over, input: (value) => ({ value }), width: 500, retry, after });
  map('d', [map('c', [map('b', [map('a', [])])])]);
});

const asked = dag('asked', { params: {} }, (d) => {
  const go = d.approval('go', {
    question: 'promote version 3?',
    options: ['yes', 'no'],
    expiresMs: 3_600_000,
    onExpiry: 'no',
  });
  return { option: go.option };
});

/** How often `noop` ran for each value. */
let ran: Map<number, number>;
/** What it does for some values. */
let faults: Map<number, () => Promise<void> | void>;

let engine: EngineEnvironment;
let sources: RerunSources & { temporal: EngineEnvironment['server']['client'] };

beforeAll(async () => {
  const dags = [chain, forked, wide, long, asked];
  engine = await startEngine({
    dags,
    noop: async ({ value }) => {
      ran.set(value, (ran.get(value) ?? 0) + 1);
      taskLog().write('info', `value ${value}`);
      await faults.get(value)?.();
      return { value };
    },
  });
  sources = sourcesWith(planOf(chain));
}, 60_000);
beforeEach(() => {
  ran = new Map();
  faults = new Map();
});
afterAll(() => engine.stop());

/** Reruns as a worker whose newest plan of `chain` is `latest` sees them. */
function sourcesWith(latest: Plan): typeof sources {
  const plans = new Map(
    [chain, forked, wide].map((one: Dag | Dag<never, unknown>) => [one.type, planOf(one)]),
  );
  plans.set(latest.dag, latest);
  return {
    closed: closedRuns(engine.layout),
    plans: planStore(engine.layout.plans, plans),
    catalogue: activityCatalogue(),
    temporal: engine.server.client,
  };
}

function damaged(): never {
  throw new PipelineError({ code: 'FLOW_FILE_DAMAGED', found: 'a fault made here', fix: 'none' });
}

/** A run that has ended, however it ended. */
async function ended(handle: WorkflowHandle): Promise<WorkflowHandle> {
  await handle.result().catch(() => undefined);
  return handle;
}

async function failedChain(id: string): Promise<void> {
  faults.set(20, damaged);
  await ended(await engine.start('chain', id, { params: { from: 7 } }));
  faults.clear();
  ran.clear();
}

async function rerun(
  id: string,
  request: Partial<RerunRequest> = {},
  of: typeof sources = sources,
): Promise<PreparedRerun> {
  const prepared = await prepareRerun(of, { of: await closedRunToGoOnFrom(of, id), ...request });
  await ended(await startRerun(engine.server.client, prepared));
  return prepared;
}

function states({ tasks }: RunReport): Record<string, string> {
  return Object.fromEntries(tasks.map(({ task, state }) => [task, state]));
}

async function logOf(run: RunReport, task?: string): Promise<LogLine[]> {
  return logReader(engine.layout, run, task === undefined ? {} : { task }).next();
}

describe('a rerun', () => {
  test('runs what did not end well, keeps the rest with its outputs, and names the run before', async () => {
    await failedChain('chain/mend');
    const before = await showRun(sources, 'chain/mend');
    expect(states(before)).toMatchObject({ second: 'failed', third: 'upstream_failed' });
    const { tasks, kept } = await rerun('chain/mend');
    expect([tasks, kept]).toEqual([
      ['second', 'third'],
      ['first', 'beside'],
    ]);
    expect([...ran.keys()]).toEqual([20]); // third hands on what second returned
    const after = await showRun(sources, 'chain/mend');
    expect(after).toMatchObject({
      state: 'success',
      rerunOf: before.temporalRunId,
      planHash: before.planHash,
      params: { from: 7, note: 'x' },
    });
    expect(after.tasks.find(({ task }) => task === 'first')).toMatchObject({
      state: 'success',
      tries: 0,
      note: 'kept from the run before',
    });
    expect(after.tasks.find(({ task }) => task === 'third')).toMatchObject({ tries: 1, note: '' });
  });

  test('from a task runs it and all that follows; with only, it alone', async () => {
    await ended(await engine.start('chain', 'chain/from'));
    await expect(rerun('chain/from')).rejects.toMatchObject({ code: 'RERUN_NOTHING' });
    expect((await rerun('chain/from', { from: ['second'] })).tasks).toEqual(['second', 'third']);
    const only = await rerun('chain/from', { from: ['second'], downstream: false });
    expect(only.tasks).toEqual(['second']);
    await expect(rerun('chain/from', { from: ['nobody'] })).rejects.toMatchObject({
      code: 'TASK_UNKNOWN',
    });
  });

  test('on the latest plan runs what is new or does something else, with the diff to show', async () => {
    await failedChain('chain/latest');
    const changed = dag('chain', { params: { from: 1 } }, (d) => {
      const first = d.task('first', act.noop, { input: { value: d.params.from } });
      const check = d.task('check', act.noop, { input: { value: 15 }, after: [first] });
      const second = d.task('second', act.noop, { input: { value: 20 }, after: [check] });
      d.task('beside', act.noop, { input: { value: 41 }, after: [first] });
      return { value: second.value };
    });
    const latest = sourcesWith(planOf(changed));
    const { diff, tasks, planHash } = await rerun('chain/latest', { plan: 'latest' }, latest);
    expect(diff).toMatchObject({ added: ['check'], removed: ['third'], to: planHash });
    expect(diff?.fields.map(({ field }) => field)).toContain('params.note');
    expect(tasks.toSorted()).toEqual(['beside', 'check', 'second']);
    expect([...ran.keys()].toSorted()).toEqual([15, 20, 41]);
    const after = await showRun(sources, 'chain/latest');
    expect(after).toMatchObject({ state: 'success', planHash, params: { from: 7 } });
  });

  test('whose contract has changed is refused before it starts, and says what mends it', async () => {
    await failedChain('chain/contract');
    const { noop, ...others } = sources.catalogue;
    const catalogue = { ...others, noop: { ...noop!, contract: 'new' } };
    const refused = rerun('chain/contract', {}, { ...sources, catalogue });
    await expect(refused).rejects.toMatchObject({
      code: 'TASK_CONTRACT_CHANGED',
      message: expect.stringMatching(/for second, third .* --plan latest/s) as string,
    });
    expect((await showRun(sources, 'chain/contract')).state).toBe('failed');
  });

  test('of a run that is open is refused', async () => {
    faults.set(20, () => Context.current().cancelled);
    const handle = await engine.start('chain', 'chain/open');
    await expect(rerun('chain/open')).rejects.toMatchObject({ code: 'RUN_ALREADY_OPEN' });
    await handle.cancel();
    await ended(handle);
  });

  test('of a cancelled run runs what the cancel left out', async () => {
    let begun = false;
    faults.set(20, async () => {
      begun = true;
      const beats = setInterval(() => Context.current().heartbeat(), 100);
      await Context.current().cancelled.finally(() => clearInterval(beats));
    });
    const handle = await engine.start('chain', 'chain/cancelled');
    await vi.waitFor(() => expect(begun).toBe(true), 10_000);
    await cancelRun(engine.server.client, 'chain/cancelled');
    await ended(handle);
    faults.clear();
    expect((await rerun('chain/cancelled')).tasks).toEqual(
      expect.arrayContaining(['second', 'third']),
    );
    expect(await showRun(sources, 'chain/cancelled')).toMatchObject({ state: 'success' });
  });

  test('keeps the side that a branch did not choose skipped', async () => {
    faults.set(50, damaged);
    await ended(await engine.start('forked', 'forked/a'));
    faults.clear();
    const { tasks } = await rerun('forked/a');
    expect(tasks).toEqual(['left', 'join']);
    expect(states(await showRun(sources, 'forked/a'))).toEqual({
      choose: 'success',
      left: 'success',
      right: 'skipped',
      join: 'success',
    });
  });

  test('of a run that was killed says that there is no record to go on from', async () => {
    faults.set(20, () => Context.current().cancelled);
    const handle = await engine.start('chain', 'chain/killed');
    await handle.terminate();
    await expect(rerun('chain/killed')).rejects.toMatchObject({
      code: 'RUN_UNKNOWN',
      message: expect.stringContaining('TERMINATED') as string,
    });
    const [listed] = await listRuns(sources, { limit: 5, partition: 'killed' });
    expect(listed).toMatchObject({ run: 'chain/killed', state: 'failed' });
  });
});

test('a run that Temporal has forgotten is listed, shown and rerun as before', async () => {
  await failedChain('chain/forgotten');
  await engine.recorder.settled();
  const filter = { limit: 5, dag: 'chain', partition: 'forgotten' };
  const before = {
    list: await listRuns(sources, filter),
    show: await showRun(sources, 'chain/forgotten'),
    log: await logOf(await showRun(sources, 'chain/forgotten')),
  };
  expect(before.list).toHaveLength(1);
  await forget('chain/forgotten');
  expect({
    list: await listRuns(sources, filter),
    show: await showRun(sources, 'chain/forgotten'),
    log: await logOf(before.show),
  }).toEqual(before);
  const offline = { ...sources, temporal: undefined };
  expect(await showRun(offline, 'chain/forgotten')).toEqual(before.show);
  expect((await rerun('chain/forgotten')).tasks).toEqual(['second', 'third']);
  const after = await showRun(sources, 'chain/forgotten');
  expect(after).toMatchObject({ state: 'success', rerunOf: before.show.temporalRunId });
  expect(await showRun(sources, 'chain/forgotten', before.show.temporalRunId)).toEqual(before.show);
  expect(await listRuns(sources, filter)).toHaveLength(2);
});

describe('a mark', () => {
  const mark = { state: 'success', output: { value: 99 }, by: 'alice' } as const;

  test('of a task of an open run ends it, and what waits goes on with its output', async () => {
    faults.set(20, async () => {
      const beats = setInterval(() => Context.current().heartbeat(), 100);
      await Context.current().cancelled.finally(() => clearInterval(beats));
    });
    const handle = await engine.start('chain', 'chain/mark-open');
    await vi.waitFor(async () => {
      const { tasks } = await showRun(sources, 'chain/mark-open');
      expect(tasks.find(({ task }) => task === 'second')?.state).toBe('running');
    }, 10_000);
    const told = await markTask(engine.server.client, 'chain/mark-open', {
      ...mark,
      task: 'second',
    });
    expect(told.tasks.find(({ task }) => task === 'second')).toMatchObject({
      state: 'success',
      note: 'marked success by alice',
    });
    expect(await handle.result()).toEqual({ value: 99 });
    const unknown = markTask(engine.server.client, 'chain/mark-open', { ...mark, task: 'second' });
    await expect(unknown).rejects.toMatchObject({ code: 'RUN_NOT_OPEN' });
  });

  test('of a task of a closed run starts a rerun with what failed behind it', async () => {
    await failedChain('chain/mark-closed');
    const { output, by } = mark;
    const marks = {
      second: { state: 'success', output, reason: `marked success by ${by}`, atMs: Date.now() },
    } as const;
    const { tasks } = await rerun('chain/mark-closed', { marks });
    expect(tasks).toEqual(['third']);
    expect([...ran.keys()]).toEqual([99]);
    const after = await showRun(sources, 'chain/mark-closed');
    expect(after.state).toBe('success');
    expect(after.tasks.find(({ task }) => task === 'second')?.note).toBe('marked success by alice');
  });
});

test('a run that could not begin says why', async () => {
  const handle = await engine.start('chain', 'chain/unknown', { params: { nothing: 1 } });
  await expect(handle.result()).rejects.toThrow();
  expect(await showRun(sources, 'chain/unknown')).toMatchObject({
    state: 'failed',
    reason: expect.stringContaining('DAG_BAD_PARAM chain: ') as string,
    tasks: [],
  });
});

test('a paused run starts nothing more until it is resumed', async () => {
  const { client } = engine.server;
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  faults.set(1, () => held);
  const handle = await engine.start('chain', 'chain/paused');
  await vi.waitFor(() => expect(ran.get(1)).toBe(1), 10_000);
  expect(await pauseRun(client, 'chain/paused')).toMatchObject({ paused: true });
  release();
  await vi.waitFor(async () => {
    const run = await showRun(sources, 'chain/paused');
    expect(run.paused).toBe(true);
    expect(states(run)).toMatchObject({ first: 'success', second: 'none' });
  }, 10_000);
  expect(await resumeRun(client, 'chain/paused')).toMatchObject({ paused: false });
  await handle.result();
  await expect(pauseRun(client, 'chain/paused')).rejects.toMatchObject({ code: 'RUN_NOT_OPEN' });
});

test('an approval is shown with its question, options and expiry, and refuses other options', async () => {
  const { client } = engine.server;
  const handle = await engine.start('asked', 'asked/a');
  const open = { temporal: client, plans: sources.plans };
  await vi.waitFor(
    async () => expect(await openApprovals(open, 'asked/a')).toHaveLength(1),
    10_000,
  );
  const [approval] = await openApprovals(open, 'asked/a');
  expect(approval).toMatchObject({
    task: 'go',
    question: 'promote version 3?',
    options: ['yes', 'no'],
    onExpiry: 'no',
  });
  expect(Date.parse(approval?.expiresAt ?? '')).toBeGreaterThan(Date.now() + 3_500_000);
  const answer = (option: string) =>
    approveTask(client, 'asked/a', { task: 'go', option, by: 'bob' });
  await expect(answer('maybe')).rejects.toMatchObject({
    code: 'CLI_USAGE',
    fault: { expected: 'one of yes, no' },
  });
  await answer('yes');
  expect(await handle.result()).toEqual({ option: 'yes' });
});

describe('tries', () => {
  test('of batches are those of their run', async () => {
    let left = 2;
    faults.set(555, () => {
      if (left-- > 0) throw new PipelineError({ code: 'MLFLOW_HTTP', found: 'away', fix: 'wait' });
    });
    const values = Array.from({ length: 600 }, (_, index) => index);
    await (await engine.start('wide', 'wide/batches', { params: { values } })).result();
    const { tasks } = await showRun(sources, 'wide/batches');
    expect(tasks).toMatchObject([{ task: 'each', done: 600, total: 600, tries: 602 }]);
  }, 60_000);

  test('of a run that continued as new are those of all its executions', async () => {
    const values = Array.from({ length: 499 }, (_, index) => index);
    const handle = await engine.start('long', 'long/a', { params: { values } });
    await handle.result();
    expect((await handle.describe()).raw.workflowExecutionInfo?.firstRunId).not.toBe(
      (await handle.describe()).runId,
    );
    const { tasks, temporalRunId } = await showRun(sources, 'long/a');
    expect(tasks.map(({ tries }) => tries)).toEqual([499, 499, 499, 499]);
    expect(await listRuns(sources, { limit: 5, dag: 'long' })).toMatchObject([
      { run: 'long/a', state: 'success', temporalRunId },
    ]);
  }, 120_000);
});

describe('the log of a run', () => {
  test('has of each try what the task wrote, its failure with code and stack, and its end', async () => {
    let left = 1;
    faults.set(3, () => {
      if (left-- > 0) throw new PipelineError({ code: 'MLFLOW_HTTP', found: 'away', fix: 'wait' });
    });
    await (await engine.start('wide', 'wide/logged', { params: { values: [3, 4] } })).result();
    const run = await showRun(sources, 'wide/logged');
    const lines = await logOf(run);
    const of = (task: string, attempt: number) =>
      lines.filter((line) => line.task === task && line.try === attempt).map(({ text }) => text);
    expect(of('each[0]', 1)).toEqual([
      expect.stringMatching(/^noop, try 1, process \d+$/),
      'value 3',
      'MLFLOW_HTTP: away. Fix: wait',
      expect.stringMatching(/^ +at .*repair\.test\.ts/),
      ...of('each[0]', 1).slice(4),
    ]);
    expect(of('each[0]', 2)).toEqual([
      expect.stringMatching(/^noop, try 2/),
      'value 3',
      expect.stringMatching(/^done in /),
    ]);
    expect((await logOf(run, 'each[1]')).every(({ task }) => task === 'each[1]')).toBe(true);
    expect(await logOf(run, 'eac')).toEqual([]);
    const times = lines.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    const file = `${engine.layout.runLogs}/wide%2Flogged.${run.temporalRunId}.log`;
    expect(existsSync(file)).toBe(true);
  });
});

test('the log of a task has what its compute child wrote, up to its death', async () => {
  const child = fileURLToPath(new URL('talking-child.mjs', import.meta.url));
  const { layout } = engine;
  const compute = createCompute({ layout, setupDir: installation.setupDir, entry: child });
  faults.set(5, () => compute('planSplit', {} as never, async () => undefined)); // this child reads no input
  await ended(await engine.start('wide', 'wide/child', { params: { values: [5] } }));
  const run = await showRun(sources, 'wide/child');
  expect(run.tasks).toMatchObject([{ state: 'failed', tries: 3 }]);
  const lines = await logOf(run);
  const third = lines.filter((line) => line.try === 3).map(({ level, text }) => `${level} ${text}`);
  expect(third).toEqual(
    expect.arrayContaining([
      'progress planSplit',
      'out a line of the child',
      'err   a warning of the child',
      expect.stringMatching(/^error COMPUTE_CHILD_FAILED: .* exit code 3/),
    ]),
  );
});

describe('the command', () => {
  beforeEach(() => {
    vi.stubEnv('SENTINEL_HOME', engine.layout.home);
    vi.stubEnv('TEMPORAL_ADDRESS', engine.server.address);
  });
  afterEach(() => void vi.unstubAllEnvs());

  test('`runs mark` reruns a closed run with the mark, and marks in an open one', async () => {
    await failedChain('chain/by-command');
    const mark = ['mark', 'chain/by-command', 'second', 'success', '--output', '{"value": 99}'];
    expect(await runCommand(runsCommand, ...mark, '--json')).toMatchObject({
      task: 'second',
      state: 'success',
      rerun: ['third'],
    });
    const handle = engine.server.client.workflow.getHandle('chain/by-command');
    expect(await handle.result()).toEqual({ value: 99 });

    const asking = await engine.start('asked', 'asked/mark');
    const open = { temporal: engine.server.client, plans: sources.plans };
    await vi.waitFor(
      async () => expect(await openApprovals(open, 'asked/mark')).toHaveLength(1),
      10_000,
    );
    const answer = ['asked/mark', 'go', 'success', '--output', '{"option": "no"}'];
    expect(await runCommand(runsCommand, 'mark', ...answer, '--json')).toMatchObject({
      rerun: null,
    });
    expect(await asking.result()).toEqual({ option: 'no' });
  });

  test('`runs approve` shows what waits, and answers the only one without its name', async () => {
    const handle = await engine.start('asked', 'asked/by-command');
    const approve = (...args: string[]) =>
      runCommand(runsCommand, 'approve', 'asked/by-command', ...args);
    await vi.waitFor(
      async () => expect(await approve('--json')).toMatchObject([{ task: 'go' }]),
      10_000,
    );
    expect(await approve('--list')).toMatch(/promote version 3\?.*yes, no.*Z.*no/);
    await approve('--option', 'yes');
    expect(await handle.result()).toEqual({ option: 'yes' });
  });

  test('`runs logs --follow` ends with the run, and has told of it all', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    faults.set(20, () => held);
    await engine.start('chain', 'chain/followed');
    await vi.waitFor(() => expect(ran.get(20)).toBe(1), 10_000);
    const told = runCommand(runsCommand, 'logs', 'chain/followed', '--follow');
    release();
    expect(await told).toMatch(/ second info: value 20\n.* second task: done .* third task: done/s);
  });
});

/** Makes the server forget a closed run, as it does of itself when its time is up. */
async function forget(workflowId: string): Promise<void> {
  const { client } = engine.server;
  const handle = client.workflow.getHandle(workflowId);
  await client.workflowService.deleteWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId },
  });
  await vi.waitFor(
    async () => expect(handle.describe()).rejects.toThrow(WorkflowNotFoundError),
    20_000,
  );
  await vi.waitFor(async () => {
    const left = [];
    const query = `WorkflowId = '${workflowId}'`;
    for await (const execution of client.workflow.list({ query })) left.push(execution);
    expect(left).toEqual([]);
  }, 20_000);
}
