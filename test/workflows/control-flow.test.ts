/** Branches, approvals, teardowns, callbacks, pauses and marks on a real server. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  APPROVE_UPDATE,
  MARK_UPDATE,
  PAUSE_SIGNAL,
  RESUME_SIGNAL,
  RUN_QUERY,
  type Choice,
  type Mark,
  type Notice,
  type RunView,
} from '../../contracts/engine.js';
import { PipelineError } from '../../contracts/errors.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { activities, dag } from '../../dag/declare.js';
import { Context } from '@temporalio/activity';
import { startEngine, type EngineEnvironment } from './engine-environment.js';

const act = activities<Tasks>();
const FAILS = 101;
const WAITS = 102;
const SKIPS = 103;

const notices: { notice: Notice; key: string }[] = [];
let refusals = 0;
let receiver: Server;
let url: string;
let engine: EngineEnvironment;
const ran: number[] = [];

const declare = (webhook: string) => {
  const routed = dag('routed', { params: { word: 'left' } }, (d) => {
    const route = d.branch('route', d.params.word, ['left', 'right']);
    const left = d.task('left', act.noop, { input: { value: 1 }, after: [route.case('left')] });
    d.task('right', act.noop, { input: { value: 2 }, after: [route.case('right')] });
    return d.task('join', act.noop, {
      input: { value: 3 },
      after: [left, route.case('right')],
      triggerRule: 'none_failed_min_one_success',
    });
  });
  const gated = dag('gated', { params: { open: false } }, (d) => {
    const gate = d.shortCircuit('gate', d.params.open);
    const inside = d.group('inside', (g) => g.task('first', act.noop, { input: { value: 1 } }), {
      after: [gate],
    });
    d.task('last', act.noop, { input: { value: 2 }, after: [inside], triggerRule: 'all_done' });
    return {};
  });
  const asked = dag('asked', { params: {} }, (d) => {
    const answer = d.approval('promote', {
      question: 'promote the challenger?',
      options: ['yes', 'no'],
      expiresMs: 300,
      onExpiry: 'no',
    });
    return { option: answer.option, expired: answer.expired };
  });
  const patient = dag('patient', { params: {} }, (d) => {
    const answer = d.approval('promote', { question: 'promote?', options: ['yes', 'no'] });
    d.task('after', act.noop, { input: { value: 1 }, after: [answer] });
    return { option: answer.option, by: answer.by };
  });
  const cleaned = dag('cleaned', { params: { value: 1 } }, (d) => {
    const made = d.setup('make', act.noop, { input: { value: 50 } });
    const work = d.task('work', act.noop, { input: { value: d.params.value }, after: [made] });
    d.teardown('clean', act.noop, { input: { value: 51 }, setups: [made], after: [work] });
    return work;
  });
  const told = dag(
    'told',
    {
      params: { value: 1 },
      callbacks: [{ on: ['success', 'failed'], notify: { kind: 'webhook', url: webhook } }],
    },
    (d) => {
      const callbacks = [
        {
          on: ['failed' as const, 'success' as const],
          notify: { kind: 'webhook' as const, url: webhook },
        },
      ];
      return d.task('work', act.noop, { input: { value: d.params.value }, callbacks });
    },
  );
  const chained = dag('chained', { params: { value: WAITS } }, (d) => {
    const first = d.task('first', act.noop, { input: { value: d.params.value } });
    return d.task('second', act.noop, { input: { value: first.value } });
  });
  const limited = dag('limited', { params: {}, timeoutMs: 300 }, (d) =>
    d.task('slow', act.noop, { input: { value: WAITS } }),
  );
  const watched = dag(
    'watched',
    {
      params: {},
      callbacks: [{ on: ['cancelled'], notify: { kind: 'webhook', url: webhook } }],
    },
    (d) =>
      d.task('work', act.noop, {
        input: { value: WAITS },
        callbacks: [{ on: ['failed'], notify: { kind: 'webhook', url: webhook } }],
      }),
  );
  const deaf = dag(
    'deaf',
    {
      params: {},
      callbacks: [{ on: ['success'], notify: { kind: 'command', command: ['false'] } }],
    },
    (d) => d.task('work', act.noop, { input: { value: 1 } }),
  );
  const skipping = dag('skipping', { params: {} }, (d) => {
    const skipped = d.task('skipped', act.noop, { input: { value: SKIPS } });
    return d.task('after', act.noop, { input: { value: 1 }, after: [skipped] });
  });
  return [routed, gated, asked, patient, cleaned, told, chained, limited, watched, deaf, skipping];
};

beforeAll(async () => {
  receiver = createServer((request, response) => {
    void json(request).then((notice) => {
      const refuse = refusals > 0;
      refusals -= 1;
      if (!refuse) {
        notices.push({ notice: notice as Notice, key: String(request.headers['idempotency-key']) });
      }
      response.writeHead(refuse ? 503 : 204).end();
    });
  }).listen(0, '127.0.0.1');
  await vi.waitUntil(() => receiver.listening);
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`; // it listens
  engine = await startEngine({
    dags: declare(url),
    noop: async ({ value }) => {
      ran.push(value);
      if (value === FAILS) {
        throw new PipelineError({ code: 'FLOW_FILE_EMPTY', found: 'nothing', fix: 'nothing' });
      }
      if (value === SKIPS) {
        throw new PipelineError({
          code: 'TASK_SKIPPED',
          found: 'no new files',
          fix: 'none needed',
        });
      }
      if (value === WAITS) await Context.current().cancelled;
      return { value };
    },
  });
}, 60_000);

afterAll(async () => {
  await engine.stop();
  receiver.close();
});

async function states(handle: WorkflowHandle): Promise<Record<string, string>> {
  const { tasks } = await handle.query<RunView>(RUN_QUERY);
  return Object.fromEntries(tasks.map(({ task, state }) => [task, state]));
}

async function stateIs(handle: WorkflowHandle, task: string, state: string): Promise<void> {
  // a run answers queries once it has its plan
  await vi.waitFor(async () => expect((await states(handle))[task]).toBe(state), 15_000);
}

test.each([
  ['left', { left: 'success', right: 'skipped', join: 'success' }],
  ['right', { left: 'skipped', right: 'success', join: 'success' }],
])('a branch that chooses %s skips the other side', async (word, expected) => {
  const handle = await engine.start('routed', `routed/${word}`, { params: { word } });
  await handle.result();
  expect(await states(handle)).toMatchObject(expected);
});

test('a short circuit skips all that is downstream, a group included, whatever its rules', async () => {
  const closed = await engine.start('gated', 'gated/closed');
  await closed.result();
  expect(await states(closed)).toEqual({
    gate: 'success',
    'inside.first': 'skipped',
    last: 'skipped',
  });
  const open = await engine.start('gated', 'gated/open', { params: { open: true } });
  await open.result();
  expect(await states(open)).toEqual({
    gate: 'success',
    'inside.first': 'success',
    last: 'success',
  });
});

test('an approval expires to its default', async () => {
  const handle = await engine.start('asked', 'asked/1');
  expect(await handle.result()).toEqual({ option: 'no', expired: true });
});

test('an approval takes one of its options, once, and refuses anything else', async () => {
  const handle = await engine.start('patient', 'patient/1');
  await stateIs(handle, 'promote', 'running');
  const approve = (option: string, task = 'promote') =>
    handle.executeUpdate<void, [Choice]>(APPROVE_UPDATE, { args: [{ task, option, by: 'ada' }] });
  await expect(approve('maybe')).rejects.toMatchObject({
    cause: { message: expect.stringContaining('expected one of yes, no') as string },
  });
  await expect(approve('yes', 'nothing')).rejects.toMatchObject({
    cause: { type: 'TASK_UNKNOWN' },
  });
  await approve('yes');
  expect(await handle.result()).toEqual({ option: 'yes', by: 'ada' });
});

test('a teardown runs after a failure, and does not hide it', async () => {
  const handle = await engine.start('cleaned', 'cleaned/fails', { params: { value: FAILS } });
  await expect(handle.result()).rejects.toThrow();
  expect(await states(handle)).toEqual({ make: 'success', work: 'failed', clean: 'success' });
});

test('a teardown runs after a cancel', async () => {
  const handle = await engine.start('cleaned', 'cleaned/cancel', { params: { value: WAITS } });
  await stateIs(handle, 'work', 'running');
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow();
  expect(await states(handle)).toEqual({ make: 'success', work: 'failed', clean: 'success' });
  expect((await handle.describe()).status.name).toBe('CANCELLED');
});

test('a run that takes too long fails, and what ran is cancelled', async () => {
  const handle = await engine.start('limited', 'limited/1');
  await expect(handle.result()).rejects.toThrow();
  expect(await states(handle)).toEqual({ slow: 'failed' });
  expect((await handle.describe()).status.name).toBe('FAILED');
});

test('a task that says it has nothing to do is skipped', async () => {
  const handle = await engine.start('skipping', 'skipping/1');
  await handle.result();
  expect(await states(handle)).toEqual({ skipped: 'skipped', after: 'skipped' });
});

test('a callback tells each transition once, again while the receiver refuses it', async () => {
  notices.length = 0;
  refusals = 1;
  const good = await engine.start('told', 'told/good');
  await good.result();
  const bad = await engine.start('told', 'told/bad', { params: { value: FAILS } });
  await expect(bad.result()).rejects.toThrow();
  expect(
    notices.map(({ notice: { dagRunId, task, state } }) => [dagRunId, task, state]).sort(),
  ).toEqual([
    ['told/bad', undefined, 'failed'],
    ['told/bad', 'work', 'failed'],
    ['told/good', undefined, 'success'],
    ['told/good', 'work', 'success'],
  ]);
  expect(new Set(notices.map(({ key }) => key)).size).toBe(4);
});

test('a callback tells of a cancelled run and of what the cancel ended', async () => {
  notices.length = 0;
  const handle = await engine.start('watched', 'watched/1');
  await stateIs(handle, 'work', 'running');
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow();
  expect(notices.map(({ notice: { task, state } }) => [task, state]).sort()).toEqual([
    [undefined, 'cancelled'],
    ['work', 'failed'],
  ]);
});

test('a run ends without a callback that nobody takes', async () => {
  const handle = await engine.start('deaf', 'deaf/1');
  expect(await handle.result()).toEqual({ value: 1 });
}, 30_000);

test('a paused run starts nothing more until it is resumed', async () => {
  const handle = await engine.start('patient', 'patient/2');
  await stateIs(handle, 'promote', 'running');
  await handle.signal(PAUSE_SIGNAL);
  expect((await handle.query<RunView>(RUN_QUERY)).paused).toBe(true);
  await handle.executeUpdate<void, [Choice]>(APPROVE_UPDATE, {
    args: [{ task: 'promote', option: 'no', by: 'ada' }],
  });
  await stateIs(handle, 'promote', 'success');
  expect((await handle.describe()).status.name).toBe('RUNNING');
  expect(await states(handle)).toMatchObject({ after: 'none' });
  await handle.signal(RESUME_SIGNAL);
  expect(await handle.result()).toEqual({ option: 'no', by: 'ada' });
});

test('a task that is marked is cancelled, and its downstream goes on with the output it was given', async () => {
  const handle = await engine.start('chained', 'chained/1');
  await stateIs(handle, 'first', 'running');
  const mark = (task: string, output: { value: number }) =>
    handle.executeUpdate<void, [Mark]>(MARK_UPDATE, {
      args: [{ task, state: 'success', output, by: 'ada' }],
    });
  await expect(mark('nothing', { value: 1 })).rejects.toMatchObject({
    cause: { type: 'TASK_UNKNOWN' },
  });
  await mark('first', { value: 7 });
  expect(await handle.result()).toEqual({ value: 7 });
  const { tasks } = await handle.query<RunView>(RUN_QUERY);
  expect(tasks[0]).toMatchObject({ state: 'success', note: 'marked success by ada' });
});
