import { Context } from '@temporalio/activity';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import proto from '@temporalio/proto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { resolveBackfill } from '../../activities/backfill.js';
import {
  BACKFILL_PAUSE,
  BACKFILL_QUERY,
  BACKFILL_RESUME,
  backfillId,
  type BackfillInput,
  type BackfillPlan,
  type BackfillView,
} from '../../contracts/backfill.js';
import { dagRunId, partitionOf } from '../../contracts/engine.js';
import { PipelineError } from '../../contracts/errors.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { activities, dag } from '../../dag/declare.js';
import { weekRange } from '../../dag/partitions.js';
import { startEngine, planOf, type EngineEnvironment } from './engine-environment.js';

const act = activities<Tasks>();
const FAILS = 101;

const weeks = dag('weeks', { params: { value: 1 }, partitions: 'iso-week' }, (d) =>
  d.task('only', act.noop, { input: { value: d.params.value } }),
);
const timeless = dag('timeless', { params: {} }, (d) =>
  d.task('only', act.noop, { input: { value: 1 } }),
);

/** Partitions in the order in which their task ran; twice when it ran twice. */
const ran: string[] = [];
/** Partitions whose task waits until it is let go, and those whose task fails. */
const held = new Map<string, { promise: Promise<void>; release: () => void }>();
const failing = new Set<string>();
let active = 0;
let widest = 0;

let engine: EngineEnvironment;
beforeAll(async () => {
  engine = await startEngine({
    dags: [weeks, timeless],
    serverArgs: [
      // the workflow is told early that its history is long, so that a short backfill continues as new
      ...['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=150'],
      // a closed execution is deleted once it is known to be in the visibility store
      ...['transfer', 'visibility'].flatMap((queue) => [
        ...['--dynamic-config-value', `history.${queue}ProcessorUpdateAckInterval="1s"`],
      ]),
    ],
    noop: async ({ value }) => {
      const partition = partitionOf(Context.current().info.workflowExecution?.workflowId ?? '');
      ran.push(partition);
      active += 1;
      widest = Math.max(widest, active);
      try {
        const hold = held.get(partition);
        if (hold !== undefined) await Promise.race([hold.promise, Context.current().cancelled]);
        if (value !== FAILS && !failing.has(partition)) return { value };
        throw new PipelineError({ code: 'FLOW_FILE_EMPTY', found: 'nothing', fix: 'none needed' });
      } finally {
        active -= 1;
      }
    },
  });
}, 60_000);
afterAll(() => engine.stop());

test('the dry run lists what then runs, oldest first, and never more than maxActive at a time', async () => {
  const input: BackfillInput = { dag: 'weeks', from: '2010-W01', to: '2010-W08', maxActive: 3 };
  const dry = await engine.start('backfill-dry-run', 'dry/2010', { ...input });
  const { runs } = (await dry.result()) as BackfillPlan;
  expect(ranIn('2010')).toEqual([]);
  expect(runs).toEqual(
    weekRange('2010-W01', '2010-W08').map((partition) => {
      return { dag: 'weeks', partition, action: 'run', reason: 'never run' };
    }),
  );
  widest = 0;
  const handle = await start(input);
  expect(await handle.result()).toEqual({ success: 8 });
  expect(ranIn('2010').toSorted()).toEqual(runs.map(({ partition }) => partition));
  expect(widest).toBeLessThanOrEqual(3);
  expect(await recorded('2010')).toEqual(runs.map(({ partition }) => [partition, 'success']));
});

test('reverse starts with the newest partition', async () => {
  await (await start({ from: '2011-W01', to: '2011-W05', reverse: true, maxActive: 1 })).result();
  expect(ranIn('2011')).toEqual(weekRange('2011-W01', '2011-W05').reverse());
});

test('runs and their activities have the lowest priority, and the Temporal UI shows the table', async () => {
  const handle = await start({ from: '2012-W01', to: '2012-W02' });
  await handle.result();
  const run = engine.server.client.workflow.getHandle('weeks/2012-W01');
  const { events } = await run.fetchHistory();
  const attributes = events?.[0]?.workflowExecutionStartedEventAttributes;
  expect(attributes?.priority?.priorityKey).toBe(5);
  const { currentDetails } = await handle.query<{ currentDetails: string }>(
    '__temporal_workflow_metadata',
  );
  expect(currentDetails).toMatch(/^success: 2 success\n/);
});

test('after a failure nothing new starts, what runs ends, and the rest is not run', async () => {
  failing.add('2013-W02');
  hold('2013-W01');
  const handle = await start({ from: '2013-W01', to: '2013-W06', maxActive: 2 });
  await until(async () => expect(await stateOf(handle, '2013-W02')).toBe('failed'));
  release('2013-W01');
  await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
  expect((await view(handle)).rows.map(({ state }) => state)).toEqual([
    ...['success', 'failed'],
    ...['not_run', 'not_run', 'not_run', 'not_run'],
  ]);
  expect((await view(handle)).rows[3]?.reason).toBe('stopped after weeks/2013-W02 failed');
  failing.clear();
});

test('each policy runs what it says, and says why', async () => {
  const range = { from: '2014-W01', to: '2014-W03' };
  failing.add('2014-W02');
  await engine.start('weeks', 'weeks/2014-W01').then((run) => run.result());
  const failed = await engine.start('weeks', 'weeks/2014-W02');
  await expect(failed.result()).rejects.toThrow(WorkflowFailedError);
  failing.clear();
  const plan = async (reprocess: BackfillInput['reprocess'], value?: number) => {
    const params = value === undefined ? {} : { params: { value } };
    const { runs } = await resolve({ ...range, ...params, ...(reprocess && { reprocess }) });
    return runs.map(({ action, reason }) => `${action}: ${reason}`);
  };
  expect(await plan('none')).toEqual([
    'skip: its newest run ended as success; --reprocess none runs no partition twice',
    'skip: its newest run ended as failed; --reprocess none runs no partition twice',
    'run: never run',
  ]);
  expect(await plan('failed')).toEqual([
    'skip: its newest run ended as success',
    'run: its newest run ended as failed',
    'run: never run',
  ]);
  expect(await plan('completed')).toEqual([
    'run: its newest run ended as success',
    'run: its newest run ended as failed',
    'run: never run',
  ]);
  expect(await plan('stale')).toEqual([
    'skip: a run has succeeded, and nothing it used has changed',
    'run: its newest run ended as failed',
    'run: never run',
  ]);
  expect(await plan('stale', 2)).toEqual([
    'run: parameter value changed: 1 -> 2',
    'run: its newest run ended as failed',
    'run: never run',
  ]);
  for (const { reprocess, expected } of [
    { reprocess: 'none', expected: ['2014-W03'] },
    { reprocess: 'failed', expected: ['2014-W02'] },
    { reprocess: 'completed', expected: weekRange('2014-W01', '2014-W03') },
    { reprocess: 'stale', expected: [] },
  ] as const) {
    const before = ranIn('2014').length;
    await (await start({ ...range, reprocess, maxActive: 1 })).result();
    expect(ranIn('2014').slice(before), reprocess).toEqual(expected);
  }
});

test('while paused nothing starts, and what runs goes on', async () => {
  hold('2015-W01');
  const handle = await start({ from: '2015-W01', to: '2015-W03', maxActive: 1 });
  await until(() => expect(ranIn('2015')).toEqual(['2015-W01']));
  await handle.signal(BACKFILL_PAUSE);
  release('2015-W01');
  await until(async () => expect(await stateOf(handle, '2015-W01')).toBe('success'));
  expect(await view(handle)).toMatchObject({ state: 'running', paused: true });
  expect(ranIn('2015')).toEqual(['2015-W01']);
  await handle.signal(BACKFILL_RESUME);
  await handle.result();
  expect(ranIn('2015')).toEqual(weekRange('2015-W01', '2015-W03'));
});

test('a cancel ends the runs of the backfill, and leaves none behind', async () => {
  weekRange('2016-W01', '2016-W02').forEach(hold);
  const handle = await start({ from: '2016-W01', to: '2016-W04', maxActive: 2 });
  await until(() => expect(ranIn('2016')).toHaveLength(2));
  await handle.cancel();
  await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
  expect(await recorded('2016')).toEqual([
    ['2016-W01', 'cancelled'],
    ['2016-W02', 'cancelled'],
  ]);
  expect(await openRuns()).toEqual([]);
  expect(await view(handle)).toMatchObject({ state: 'cancelled' });
  expect((await view(handle)).rows.map(({ state }) => state)).toEqual([
    ...['cancelled', 'cancelled'],
    ...['not_run', 'not_run'],
  ]);
});

test('an open run is joined, and goes on when the backfill is cancelled', async () => {
  hold('2017-W01');
  const open = await engine.start('weeks', 'weeks/2017-W01');
  await until(() => expect(ranIn('2017')).toEqual(['2017-W01']));
  const handle = await start({ from: '2017-W01', to: '2017-W02', maxActive: 1 });
  await until(async () => expect((await view(handle)).rows[0]?.joined).toBe(true));
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
  expect((await open.describe()).status.name).toBe('RUNNING');
  const again = await start({ from: '2017-W01', to: '2017-W02', maxActive: 1 });
  await until(async () => expect((await view(again)).rows[0]?.joined).toBe(true));
  release('2017-W01');
  expect(await again.result()).toEqual({ success: 2 });
  expect(ranIn('2017')).toEqual(['2017-W01', '2017-W02']);
});

test('a partition that was run since the backfill was planned is not run again', async () => {
  hold('2018-W01');
  const handle = await start({ from: '2018-W01', to: '2018-W02', maxActive: 1 });
  await until(() => expect(ranIn('2018')).toEqual(['2018-W01']));
  await engine.start('weeks', 'weeks/2018-W02').then((run) => run.result());
  release('2018-W01');
  expect(await handle.result()).toEqual({ success: 2 });
  expect((await view(handle)).rows[1]).toMatchObject({ state: 'success', joined: true });
  expect(ranIn('2018')).toEqual(['2018-W01', '2018-W02']);
});

test('a long backfill continues as new, and workers may come and go: each partition runs once', async () => {
  const handle = await start({ from: '2019-W01', to: '2019-W40', maxActive: 4 });
  await until(() => expect(ranIn('2019').length).toBeGreaterThan(8));
  await engine.restartWorkers();
  expect(await handle.result()).toEqual({ success: 40 });
  const chain = await engine.server.client.workflow.count(`WorkflowId = '${handle.workflowId}'`);
  expect(chain.count).toBeGreaterThan(1);
  expect(ranIn('2019').toSorted()).toEqual(weekRange('2019-W01', '2019-W40'));
});

test('a closed backfill and its runs are known from our tables when Temporal has forgotten them', async () => {
  const input = { from: '2020-W01', to: '2020-W02' };
  const handle = await start(input);
  await handle.result();
  const seen = await view(handle);
  await engine.recorder.settled();
  const before = await resolve(input);
  const { workflowService, options } = engine.server.client;
  for (const workflowId of [handle.workflowId, 'weeks/2020-W01', 'weeks/2020-W02']) {
    await workflowService.deleteWorkflowExecution({
      namespace: options.namespace,
      workflowExecution: proto.temporal.api.common.v1.WorkflowExecution.create({ workflowId }),
    });
    const gone = engine.server.client.workflow.getHandle(workflowId);
    await until(() => expect(gone.describe()).rejects.toThrow());
  }
  expect(await resolve(input)).toEqual(before);
  expect(before.runs.map(({ action }) => action)).toEqual(['skip', 'skip']);
  const [row] = await engine.rows(
    `SELECT * FROM backfills WHERE backfill_id = '${handle.workflowId}'`,
  );
  expect(row).toMatchObject({ dag: 'weeks', state: 'success', first_partition: '2020-W01' });
  expect(JSON.parse(String(row?.['runs']))).toEqual(seen.rows);
});

test('a cascade plans the DAGs that follow by their assets, from what is known of each', async () => {
  await engine.start('weeks', 'weeks/2023-W01').then((run) => run.result());
  const plan = planOf(weeks);
  const tasks = plan.tasks.map((task) => ({ ...task, updates: ['weeks'] }));
  const follower = { ...plan, dag: 'follower', schedule: { assets: 'weeks' } };
  const { runs } = await resolveBackfill(
    {
      ...{ layout: engine.layout, temporal: engine.server.client, params: {} },
      plans: new Map([{ ...plan, tasks }, follower].map((of) => [of.dag, of] as const)),
    },
    { dag: 'weeks', from: '2023-W01', to: '2023-W02', cascade: true },
  );
  expect(
    runs.map(({ dag, partition, action, reason }) => [dag, partition, action, reason]),
  ).toEqual([
    [
      ...['weeks', '2023-W01', 'skip'],
      'its newest run ended as success; --reprocess none runs no partition twice',
    ],
    ['follower', '2023-W01', 'run', 'never run'],
    ['weeks', '2023-W02', 'run', 'never run'],
    ['follower', '2023-W02', 'run', 'follows weeks/2023-W02'],
  ]);
});

test.each([
  { input: { dag: 'nobody', from: '2021-W01', to: '2021-W02' }, type: 'DAG_UNKNOWN' },
  { input: { dag: 'timeless', from: '2021-W01', to: '2021-W02' }, type: 'BACKFILL_INVALID' },
  { input: { dag: 'weeks', from: '2021-W09', to: '2021-W02' }, type: 'DAG_BAD_PARTITION' },
  { input: { dag: 'weeks', from: '2021-W54', to: '2022-W02' }, type: 'DAG_BAD_PARTITION' },
  {
    input: { dag: 'weeks', from: '2021-W01', to: '2021-W02', maxActive: 0 },
    type: 'BACKFILL_INVALID',
  },
  {
    input: { dag: 'weeks', from: '2021-W01', to: '2021-W02', params: { no: 1 } },
    type: 'DAG_BAD_PARAM',
  },
])('what cannot be planned fails at once: $type', async ({ input, type }) => {
  const handle = await engine.start('backfill', backfillId(input), input);
  const error: unknown = await handle.result().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ cause: { cause: { type } } });
});

function start(input: Partial<BackfillInput> & { from: string; to: string }) {
  const request = { dag: 'weeks', ...input };
  return engine.start('backfill', backfillId(request), request);
}

function resolve(input: Partial<BackfillInput> & { from: string; to: string }) {
  return resolveBackfill(
    {
      layout: engine.layout,
      temporal: engine.server.client,
      plans: new Map([['weeks', planOf(weeks)]]),
      params: {},
    },
    { dag: 'weeks', ...input },
  );
}

async function view(handle: WorkflowHandle): Promise<BackfillView> {
  const view = await handle.query<BackfillView | null>(BACKFILL_QUERY);
  if (view === null) throw new Error('not planned yet');
  return view;
}

async function stateOf(handle: WorkflowHandle, partition: string): Promise<string | undefined> {
  return (await view(handle)).rows.find((row) => row.partition === partition)?.state;
}

function hold(partition: string): void {
  let release = (): void => undefined;
  const promise = new Promise<void>((resolve) => (release = resolve));
  held.set(partition, { promise, release });
}

function release(partition: string): void {
  held.get(partition)?.release();
  held.delete(partition);
}

function ranIn(year: string): string[] {
  return ran.filter((partition) => partition.startsWith(year));
}

async function recorded(year: string): Promise<unknown[][]> {
  const rows = await engine.rows(
    `SELECT partition, state FROM runs WHERE dag = 'weeks' AND partition LIKE '${year}%' ORDER BY ALL`,
  );
  return rows.map((row) => [row['partition'], row['state']]);
}

async function openRuns(): Promise<string[]> {
  const open: string[] = [];
  const query = "WorkflowType = 'weeks' AND ExecutionStatus = 'Running'";
  for await (const { workflowId } of engine.server.client.workflow.list({ query })) {
    open.push(workflowId);
  }
  return open.filter((id) => id !== dagRunId('weeks', '2017-W01'));
}

/** Waits, however busy the machine is. */
function until(holds: () => unknown): Promise<unknown> {
  return vi.waitFor(holds, { timeout: 60_000, interval: 50 });
}
