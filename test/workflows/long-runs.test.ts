/** Runs that are too long or too wide for one history: one run to whoever looks at it. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Context } from '@temporalio/activity';
import { RUN_QUERY, type RunView } from '../../contracts/engine.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { activities, dag } from '../../dag/declare.js';
import type { MapBatch } from '../../workflows/map-batch.js';
import { startEngine, type EngineEnvironment } from './engine-environment.js';

const act = activities<Tasks>();
const WIDE = 1_200;
const WAITS = -1;
const LONG = 30;
const CLEANS = 5_000;

const wide = dag('wide', { params: {} }, (d) => {
  const slow = d.task('beside', act.noop, { input: { value: WIDE + 1 } });
  const all = d.map('each', act.noop, {
    over: Array.from({ length: WIDE }, (_, value) => value),
    input: (value) => ({ value }),
    width: 1_000,
  });
  return d.task('join', act.noop, { input: { value: WIDE }, after: [all, slow] });
});
const stuck = dag('stuck', { params: {} }, (d) =>
  d.map('each', act.noop, {
    over: Array.from({ length: WIDE }, () => WAITS),
    input: (value) => ({ value }),
    width: 20,
  }),
);
const long = dag('long', { params: {} }, (d) => {
  let last = d.task('t0', act.noop, { input: { value: 0 } });
  for (let index = 1; index < LONG; index += 1) {
    last = d.task(`t${index}`, act.noop, { input: { value: last.value } });
  }
  return last;
});
/** Cannot continue as new while the outside is being told of its tasks. */
const declareTold = (url: string) =>
  dag('told', { params: {} }, (d) => {
    const made = d.setup('make', act.noop, { input: { value: 0 } });
    const callbacks = [{ on: ['success' as const], notify: { kind: 'webhook' as const, url } }];
    let last = d.task('t0', act.noop, { input: { value: 0 }, after: [made], callbacks });
    for (let index = 1; index < LONG; index += 1) {
      last = d.task(`t${index}`, act.noop, { input: { value: last.value }, callbacks });
    }
    d.teardown('clean', act.noop, { input: { value: CLEANS }, setups: [made], after: [last] });
    return last;
  });

const held: ServerResponse[] = [];
const receiver = createServer((_, response) => held.push(response)).listen(0, '127.0.0.1');
let engine: EngineEnvironment;
const ran = new Map<number, number>();
let waiting = 0;

beforeAll(async () => {
  await vi.waitUntil(() => receiver.listening);
  engine = await startEngine({
    dags: [
      wide,
      stuck,
      long,
      declareTold(`http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`),
    ],
    noop: async ({ value }) => {
      ran.set(value, (ran.get(value) ?? 0) + 1);
      if (value === WAITS) {
        waiting += 1;
        await Context.current().cancelled.finally(() => (waiting -= 1));
      }
      return { value };
    },
    serverArgs: ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=60'],
  });
}, 60_000);

afterAll(async () => {
  await engine.stop();
  receiver.close();
});

test('a wide map runs in batches, each instance once, and hands on all outputs', async () => {
  ran.clear();
  const handle = await engine.start('wide', 'wide/1');
  expect(await handle.result()).toEqual({ value: WIDE });
  expect(ran.size).toBe(WIDE + 2);
  expect([...ran.values()].every((times) => times === 1)).toBe(true);
  const rows = await engine.rows(
    `SELECT count(*) AS n, min(map_index) AS first, max(map_index) AS last
     FROM task_runs WHERE dag_run_id = 'wide/1' AND task = 'each' AND state = 'success'`,
  );
  expect(rows).toEqual([{ n: WIDE, first: 0, last: WIDE - 1 }]);
  const { events } = await handle.fetchHistory();
  expect(events?.length).toBeLessThan(200);
  const batches = (events ?? []).flatMap(
    ({ startChildWorkflowExecutionInitiatedEventAttributes: child }) =>
      child?.input?.payloads ?? [],
  );
  const lists = batches.map(
    ({ data }) => (JSON.parse(Buffer.from(data ?? []).toString()) as MapBatch).task.map?.over,
  );
  expect(lists, 'no batch carries the elements of the others').toEqual([null, null, null]);
}, 60_000);

test('a cancelled wide map leaves no batch behind', async () => {
  const handle = await engine.start('stuck', 'stuck/1');
  await vi.waitUntil(() => waiting === 20, 20_000);
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow();
  expect(waiting).toBe(0);
  const open = engine.server.client.workflow.list({ query: "ExecutionStatus = 'Running'" });
  for await (const { workflowId } of open) expect(workflowId).not.toContain('stuck/1');
}, 60_000);

test('a long run continues as new and stays one run', async () => {
  const { client } = engine.server;
  const handle = await client.workflow.start('long', {
    ...{ workflowId: 'long/1', taskQueue: 'control' },
  });
  expect(await handle.result()).toEqual({ value: 0 });
  const { tasks } = await handle.query<RunView>(RUN_QUERY);
  expect(tasks.map(({ state }) => state)).toEqual(Array.from({ length: LONG }, () => 'success'));
  expect((await handle.fetchHistory()).events?.length).toBeLessThan(120);
  const runs = await engine.rows(
    "SELECT temporal_run_id AS id FROM runs WHERE dag_run_id = 'long/1'",
  );
  expect(runs).toEqual([{ id: handle.firstExecutionRunId }]);
}, 60_000);

test('a cancel finds a run that is about to continue as new: nothing but its teardowns starts any more', async () => {
  const handle = await engine.start('told', 'told/1');
  const running = async () =>
    (await handle.query<RunView>(RUN_QUERY)).tasks.find(({ state }) => state === 'running')?.task;
  const next = await vi.waitFor(async () => {
    const before = await running();
    const { pendingActivities } = (await handle.describe()).raw;
    expect(before).toBeDefined();
    expect(pendingActivities?.some(({ activityType }) => activityType?.name === 'noop')).toBe(
      false,
    );
    expect(await running()).toBe(before);
    return String(before);
  }, 20_000);
  ran.clear();
  await handle.cancel();
  await vi.waitUntil(() => ran.has(CLEANS), 20_000);
  held.forEach((response) => response.writeHead(204).end());
  await expect(handle.result()).rejects.toThrow();
  expect([...ran.keys()]).toEqual([CLEANS]);
  expect((await handle.describe()).status.name).toBe('CANCELLED');
  const { tasks } = await handle.query<RunView>(RUN_QUERY);
  expect(tasks.find(({ task }) => task === next)).toMatchObject({ state: 'failed' });
}, 60_000);
