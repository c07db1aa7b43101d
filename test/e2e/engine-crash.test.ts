/**
 * Runs of every kind under a worker that is killed with -9: what it had begun to tell is told again under
 * the same key, what it had told is not, and questions, failures and cancels that come to their end while
 * no worker runs are answered by the next one.
 *
 * `up` is stopped while the worker is dead, so that no new one starts before the test wants it.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { planStore } from '../../activities/plan-store.js';
import { readRecord } from '../../cli/embedded/process-record.js';
import {
  APPROVE_UPDATE,
  RUN_QUERY,
  type Choice,
  type Notice,
  type RunView,
} from '../../contracts/engine.js';
import type { JsonObject } from '../../contracts/json.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { activities, dag, type Dag } from '../../dag/declare.js';
import type { Callback } from '../../dag/plan.js';
import { dataConverter } from '../../payloads/payload-codec.js';
import { planOf } from '../workflows/engine-environment.js';
import { createHome, endNow, type Started, type TestHome } from './sentinel.js';

const act = activities<Tasks>();
const WIDE = 400;
const EXPIRES_MS = 3_000;

/** The worker is killed while this receiver has not answered: each key's first delivery to `/held` waits. */
const HELD = '/held';
const deliveries: { path: string; key: string; notice: Notice }[] = [];
let receiver: Server;

let home: TestHome;
let up: Started;
let client: Client;
let killedMs: number;
const runs = new Map<string, WorkflowHandle>();

/** The DAGs of this test, by what they are about. */
function declare(url: string, command: readonly string[]): (Dag | Dag<never, unknown>)[] {
  const on: Callback['on'] = ['success', 'failed', 'cancelled'];
  const plain: Callback = { on, notify: { kind: 'webhook', url: `${url}/plain` } };
  const held: Callback = { on, notify: { kind: 'webhook', url: `${url}${HELD}` } };
  const run: Callback = { on, notify: { kind: 'command', command } };
  const one = { input: { value: 1 } };
  return [
    dag('telling', { params: {}, callbacks: [plain] }, (d) =>
      d.task('work', act.noop, { ...one, callbacks: [held, run] }),
    ),
    dag('told', { params: {}, callbacks: [plain] }, (d) => {
      const work = d.task('work', act.noop, { ...one, callbacks: [plain] });
      const go = d.approval('go', { question: 'go on?', options: ['yes'], after: [work] });
      return { option: go.option };
    }),
    dag('asked', { params: {} }, (d) => {
      const answer = d.approval('promote', {
        question: 'promote?',
        options: ['yes', 'no'],
        expiresMs: EXPIRES_MS,
        onExpiry: 'no',
      });
      d.task('after', act.noop, { ...one, after: [answer] });
      return { option: answer.option, expired: answer.expired };
    }),
    dag('failing', { params: { value: 1 } }, (d) => {
      const made = d.setup('make', act.noop, one);
      const work = d.task('work', act.noop, { input: { value: d.params.value }, after: [made] });
      const beside = d.approval('beside', { question: 'go on?', options: ['yes'], after: [made] });
      d.teardown('clean', act.noop, { ...one, setups: [made], after: [work, beside] });
      return {};
    }),
    dag('cancelled', { params: {} }, (d) => {
      const made = d.setup('make', act.noop, one);
      const work = d.approval('work', { question: 'go on?', options: ['yes'], after: [made] });
      d.teardown('clean', act.noop, { ...one, setups: [made], after: [work] });
      return {};
    }),
    dag('wide', { params: {} }, (d) =>
      d.map('each', act.noop, {
        over: Array.from({ length: WIDE }, (_, value) => value),
        input: (value) => ({ value }),
        width: 4,
      }),
    ),
  ];
}

beforeAll(async () => {
  home = await createHome({ flows: false });
  await mkdir(home.input);
  receiver = createServer((request, response) => {
    const path = request.url ?? '';
    const key = String(request.headers['idempotency-key']);
    void json(request).then((notice) => {
      const isFirst = !deliveries.some((one) => one.path === path && one.key === key);
      deliveries.push({ path, key, notice: notice as Notice }); // what a worker posts
      if (path !== HELD || !isFirst) response.writeHead(204).end();
    });
  }).listen(0, '127.0.0.1');
  await vi.waitUntil(() => receiver.listening);
  up = home.up();
  await up.says(/Ctrl-C ends it/); // the main job, which finds no files, is over
  const temporal = await readRecord(home.layout.processes, 'temporal');
  client = new Client({
    connection: await Connection.connect({ address: `127.0.0.1:${temporal?.ports['grpc']}` }),
    dataConverter: dataConverter(home.layout),
  });
}, 90_000);
afterAll(async () => {
  await home.remove();
  receiver.closeAllConnections();
  receiver.close();
  await client.connection.close();
});

test('runs of every kind are under way when the worker is killed', async () => {
  const { port } = receiver.address() as AddressInfo; // it listens on a port
  const script = 'echo "$SENTINEL_NOTICE_ID" >> "$0"; until [ -e "$1" ]; do sleep 0.1; done';
  const dags = declare(`http://127.0.0.1:${port}`, ['sh', '-c', script, toldFile(), goFile()]);
  const store = planStore(home.layout.plans, new Map());
  const hashes = await Promise.all(dags.map((one) => store.write(planOf(one))));
  const hashOf = new Map(dags.map(({ type }, index) => [type, hashes[index]]));
  const start = async (type: string, params: JsonObject = {}): Promise<void> => {
    const args = [{ planHash: hashOf.get(type), params }];
    const options = { workflowId: `${type}/1`, taskQueue: 'control', args };
    runs.set(type, await client.workflow.start(type, options));
  };
  await Promise.all([start('telling'), start('told'), start('cancelled')]);
  await start('failing', { value: 0.5 }); // the task takes whole numbers only
  await vi.waitFor(async () => {
    expect(deliveries.filter(({ path }) => path === HELD)).toHaveLength(1);
    expect(await commandKeys()).toHaveLength(1);
    expect(deliveriesOf('told')).toHaveLength(1);
    expect(await states('told')).toEqual({ work: 'success', go: 'running' });
    expect(await states('failing')).toMatchObject({ work: 'failed', beside: 'running' });
    expect(await states('cancelled')).toMatchObject({ make: 'success', work: 'running' });
  }, 20_000);
  await Promise.all([start('asked'), start('wide')]);
  await vi.waitFor(async () => {
    const [each] = (await view('wide')).tasks;
    expect(each?.done).toBeGreaterThan(20);
    expect(await states('asked')).toMatchObject({ promote: 'running' });
  }, 20_000);

  up.process.kill('SIGSTOP');
  endNow((await readRecord(home.layout.processes, 'worker'))?.pid ?? 0);
  killedMs = Date.now();
  expect(await completed('wide')).toBeLessThan(WIDE);
}, 60_000);

test('a question expires and a cancel is asked for while no worker runs; then one is started', async () => {
  await runOf('cancelled').cancel();
  await vi.waitFor(async () => {
    const expired = (await eventsOf('asked')).find((event) => event.timerFiredEventAttributes);
    expect(timeMs(expired)).toBeGreaterThan(killedMs);
  }, 20_000);
  await writeFile(goFile(), '');
  up.process.kill('SIGCONT');
  await up.says(/the worker ended \(signal SIGKILL\); starting it again/);
  await approve('told', 'go');
  await approve('failing', 'beside');
  await Promise.all([...runs.values()].map((run) => run.result().catch(() => undefined)));
}, 60_000);

test('what was on its way when the worker died is told again under the same key', async () => {
  const about = deliveriesOf('telling').map(
    ({ notice: { task, state } }) => `${task ?? 'run'} ${state}`,
  );
  expect(about.toSorted()).toEqual(['run success', 'work success', 'work success']);
  expect(keysOf('telling')).toHaveLength(2);
  const commands = await commandKeys();
  expect(commands).toHaveLength(2);
  expect(new Set(commands).size).toBe(1);
});

test('what had been told before the worker died is told once', () => {
  const about = deliveriesOf('told').map(({ notice: { task, state } }) => [task, state]);
  expect(about).toEqual([
    ['work', 'success'],
    [undefined, 'success'],
  ]);
  expect(keysOf('told')).toHaveLength(2);
});

test('a question that expired while no worker ran is answered with its default', async () => {
  expect(await runOf('asked').result()).toEqual({ option: 'no', expired: true });
  expect(await states('asked')).toEqual({ promote: 'success', after: 'success' });
});

test('a teardown runs after a failure before the kill and after a cancel behind it, once', async () => {
  await expect(runOf('failing').result()).rejects.toMatchObject({
    cause: { type: 'DAG_RUN_FAILED' },
  });
  await expect(runOf('cancelled').result()).rejects.toMatchObject({
    cause: { name: 'CancelledFailure' },
  });
  expect(await states('failing')).toMatchObject({ work: 'failed', clean: 'success' });
  expect(await states('cancelled')).toMatchObject({ work: 'failed', clean: 'success' });
  expect([await completed('failing'), await completed('cancelled')]).toEqual([2, 2]); // make, clean
});

test('a run goes on where it was, with the output of each task once', async () => {
  const all = Array.from({ length: WIDE }, (_, value) => ({ value }));
  expect(await runOf('wide').result()).toEqual(all);
  expect(await completed('wide')).toBe(WIDE);
});

test('each run and each of its tasks is in the tables once', async () => {
  await vi.waitFor(async () => {
    const names = [...runs.keys()].map((type) => `'${type}/1'`).join();
    const [row] = await rows(`SELECT count(*) AS n FROM runs WHERE dag_run_id IN (${names})`);
    expect(row).toEqual({ n: runs.size });
  }, 20_000);
  const sql = `SELECT count(*) AS n, count(DISTINCT map_index) AS instances, max(tries) AS tries
    FROM task_runs WHERE dag_run_id = 'wide/1'`;
  expect(await rows(sql)).toEqual([
    { n: WIDE, instances: WIDE, tries: expect.any(Number) as number },
  ]);
});

function toldFile(): string {
  return join(home.layout.home, '..', 'told.txt');
}

/** The command that was told ends when this is there. */
function goFile(): string {
  return join(home.layout.home, '..', 'go');
}

/** The key of each call of the command. */
async function commandKeys(): Promise<string[]> {
  if (!existsSync(toldFile())) return [];
  return (await readFile(toldFile(), 'utf8')).trimEnd().split('\n');
}

function deliveriesOf(type: string): typeof deliveries {
  return deliveries.filter(({ notice }) => notice.dag === type);
}

function keysOf(type: string): string[] {
  return [...new Set(deliveriesOf(type).map(({ key }) => key))];
}

function runOf(type: string): WorkflowHandle {
  const run = runs.get(type);
  if (run === undefined) throw new Error(`${type} was not started`);
  return run;
}

function view(type: string): Promise<RunView> {
  return runOf(type).query<RunView>(RUN_QUERY);
}

async function states(type: string): Promise<Record<string, string>> {
  const { tasks } = await view(type);
  return Object.fromEntries(tasks.map(({ task, state }) => [task, state]));
}

async function approve(type: string, task: string): Promise<void> {
  const choice: Choice = { task, option: 'yes', by: 'alice' };
  await runOf(type).executeUpdate<void, [Choice]>(APPROVE_UPDATE, { args: [choice] });
}

type Event = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>[number];

async function eventsOf(type: string): Promise<Event[]> {
  return (await runOf(type).fetchHistory()).events ?? [];
}

/** Tasks of a run that have completed; its callbacks left out. */
async function completed(type: string): Promise<number> {
  const events = await eventsOf(type);
  const tasks = events.filter(
    ({ activityTaskScheduledEventAttributes: of }) => of?.activityType?.name === 'noop',
  );
  const ids = new Set(tasks.map(({ eventId }) => String(eventId)));
  return events.filter(({ activityTaskCompletedEventAttributes: of }) =>
    ids.has(String(of?.scheduledEventId)),
  ).length;
}

function timeMs(event: Event | undefined): number {
  const { seconds, nanos } = event?.eventTime ?? {};
  return Number(seconds ?? 0) * 1_000 + Number(nanos ?? 0) / 1e6;
}

async function rows(sql: string): Promise<unknown[]> {
  const { stdout } = await home.run('query', sql, '--json');
  return JSON.parse(stdout) as unknown[]; // the command's own document
}
