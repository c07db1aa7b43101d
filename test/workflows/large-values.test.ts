/** Values larger than Temporal takes: they go through runs, and what looks at runs shows them. */
import { execFile } from 'node:child_process';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Context } from '@temporalio/activity';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import proto from '@temporalio/proto';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { installation } from '../../activities/installation.js';
import { payloadReferences } from '../../cli/payload-references.js';
import type { Json } from '../../contracts/json.js';
import type { Expression } from '../../dag/expression.js';
import type { Plan, PlanTask } from '../../dag/plan.js';
import { localBlobStore } from '../../payloads/blob-store.js';
import { startCodecServer } from '../../payloads/codec-server.js';
import { dataConverter } from '../../payloads/payload-codec.js';
import { resolveJson } from '../../payloads/reference.js';
import { temporalConfig } from '../../temporal.config.js';
import { aPlan } from '../builders/plan.js';
import { startEngine, type EngineEnvironment } from './engine-environment.js';

const MB = 1_000_000;

let engine: EngineEnvironment;
beforeAll(async () => {
  engine = await startEngine({
    dags: [],
    noop: async (input) => input,
    others: {
      makeRows: async (rows) =>
        Array.from({ length: Number(rows) }, (_, row) => ({ row, name: `name-${row}`.padEnd(60) })),
      countRows: async (rows) => (Array.isArray(rows) ? rows.length : -1),
      waits: () => Context.current().cancelled,
    },
  });
}, 60_000);
afterAll(() => engine.stop());

/** About 100 bytes as JSON. */
const ROWS_PER_MB = MB / 100;

function task(id: string, name: string, input: Expression): PlanTask {
  const [sketch] = aPlan({ [id]: {} }).tasks as [PlanTask];
  const target = { ...sketch.target, name } as PlanTask['target']; // an activity
  return { ...sketch, target, input };
}

/** `make` hands a table on to `count`. */
const PIPE: Plan = {
  ...aPlan({}, 'pipe'),
  params: { rows: 1 },
  tasks: [
    task('make', 'makeRows', { $param: 'rows', path: [] }),
    { ...task('count', 'countRows', { $task: 'make', path: [] }), upstream: ['make'] },
  ],
  output: { $task: 'count', path: [] },
};

async function run(plan: Plan, id: string, params = {}): Promise<WorkflowHandle> {
  return engine.start(plan.dag, id, { planHash: await engine.storePlan(plan), params });
}

async function historyBytes(handle: WorkflowHandle): Promise<number> {
  return proto.temporal.api.history.v1.History.encode(await handle.fetchHistory()).finish().length;
}

test('5 MB go from one task to the next, and stay out of the history', async () => {
  const rows = 5 * ROWS_PER_MB;
  const handle = await run(PIPE, 'pipe/5-mb', { rows });
  expect(await handle.result()).toBe(rows);
  expect(await historyBytes(handle)).toBeLessThan(100_000);

  const [row] = await engine.rows(
    `SELECT output FROM task_runs WHERE dag_run_id = 'pipe/5-mb' AND task = 'make'`,
  );
  const text = String(row?.['output']);
  expect(text.length).toBeLessThan(150);
  const value = await resolveJson(localBlobStore(engine.layout.payloads), text);
  expect((value as Json[]).length).toBe(rows); // made above
});

test('50 MB go from one task to the next', async () => {
  const rows = 50 * ROWS_PER_MB;
  const handle = await run(PIPE, 'pipe/50-mb', { rows });
  expect(await handle.result()).toBe(rows);
});

test('200 tasks that start at once have 100 KB each: more than one message takes', async () => {
  const [each] = aPlan({ each: { over: 200, width: 200 } }).tasks as [PlanTask];
  const input: Expression = { item: { $item: true, path: [] }, table: 'x'.repeat(100_000) };
  const target = { ...each.target, name: 'countRows' } as PlanTask['target']; // an activity
  const wide: Plan = { ...aPlan({}, 'wide'), tasks: [{ ...each, target, input }] };
  const handle = await run(wide, 'wide');
  expect(await handle.result()).toBeNull();
  expect(await historyBytes(handle)).toBeLessThan(2 * MB);
});

test('a history is read whose page is larger than a gRPC message by default', async () => {
  const { connection } = temporalConfig(engine.server.address);
  const client = new Client({ connection: await Connection.connect(connection) }); // stores nothing aside
  onTestFinished(() => client.connection.close());
  const handle = await client.workflow.start('unserved', {
    ...{ workflowId: 'unserved', taskQueue: 'unserved' },
  });
  onTestFinished(async () => {
    await handle.terminate();
  });
  for (let megabyte = 0; megabyte < 5; megabyte += 1) {
    await handle.signal('text', 'x'.repeat(MB));
  }
  expect(await historyBytes(handle)).toBeGreaterThan(5 * MB);
});

test("Temporal's own command line shows the value by the codec endpoint, the reference without", async () => {
  const rows = 5 * ROWS_PER_MB;
  await (await run(PIPE, 'pipe/shown', { rows })).result();
  const [codec] = dataConverter(engine.layout).payloadCodecs;
  const server = await startCodecServer({ codec, port: 0, uiPort: () => undefined });
  onTestFinished(() => server.close());
  /** The results of the run's activities. */
  const results = async (...options: string[]): Promise<Json[]> => {
    const { stdout } = await promisify(execFile)(
      installation.temporal,
      [
        ...['workflow', 'show', '--workflow-id', 'pipe/shown', '--output', 'json'],
        ...['--address', engine.server.address, ...options],
      ],
      { maxBuffer: 100 * MB },
    );
    const { events } = JSON.parse(stdout) as {
      events: {
        activityTaskCompletedEventAttributes?: { result?: { payloads: { data?: string }[] } };
      }[];
    }; // a history in proto3's JSON form
    return events
      .flatMap((event) => event.activityTaskCompletedEventAttributes?.result?.payloads ?? [])
      .map(
        ({ data }) => JSON.parse(Buffer.from(data ?? '', 'base64').toString() || 'null') as Json,
      );
  };
  const [table] = await results('--codec-endpoint', `http://127.0.0.1:${server.port}`);
  expect((table as Json[]).length).toBe(rows); // of `make`
  const [reference] = await results();
  expect(reference).toEqual({
    $payload: expect.any(String) as string,
    bytes: expect.any(Number) as number,
  });
});

test('what an open run refers to is found, however long ago it was put', async () => {
  const open: Plan = {
    ...aPlan({}, 'open'),
    params: { text: '' },
    tasks: [task('waits', 'waits', { $param: 'text', path: [] })],
  };
  const text = 'an input of its own '.repeat(20_000);
  const handle = await run(open, 'open', { text });
  onTestFinished(async () => {
    await handle.terminate();
  });
  const store = localBlobStore(engine.layout.payloads);
  const hash = await store.put(Buffer.from(JSON.stringify(text)));
  await utimes(join(engine.layout.payloads, hash.slice(0, 2), `${hash}.br`), 1, 1);
  await expect
    .poll(() => payloadReferences(engine.server.client, engine.layout, 1_000), { timeout: 9_000 })
    .toContain(hash);
});
