import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { activities, dag } from '../../dag/declare.js';
import { required } from '../../dag/param.js';
import { startEngine, type EngineEnvironment } from './engine-environment.js';

const act = activities<Tasks>();
const retry = { maximumAttempts: 3, initialIntervalMs: 10 };

/** Its parameter says nothing of its type, so only the task itself can refuse a value. */
const takes = dag('takes', { params: { value: null as unknown as number } }, (d) =>
  d.task('taker', act.noop, { input: { value: d.params.value }, retry }),
);
const maps = dag('maps', { params: { values: [] as number[] } }, (d) =>
  d.map('each', act.noop, { over: d.params.values, input: (value) => ({ value }), retry }),
);
const asks = dag('asks', { params: { weeks: required<number>({ type: 'integer' }) } }, (d) =>
  d.task('asked', act.noop, { input: { value: d.params.weeks } }),
);

/** A value that `noop` answers with something that is no number. */
const LIES = 7;

let engine: EngineEnvironment;
let calls = 0;

beforeAll(async () => {
  engine = await startEngine({
    dags: [takes, maps, asks],
    noop: async ({ value }) => {
      calls += 1;
      return value === LIES ? ({ value: { seven: 7 } } as unknown as { value: number }) : { value };
    },
  });
});
afterAll(() => engine.stop());

test.each([
  [
    'takes',
    { value: 'two' },
    'TASK_INPUT_INVALID: input of task "taker" (noop) at $.value: "two", expected number',
    0,
  ],
  [
    'takes',
    { value: 1.5 },
    'TASK_INPUT_INVALID: input of task "taker" (noop) at $.value: 1.5, expected a whole number',
    0,
  ],
  [
    'maps',
    { values: [1, [2]] },
    'TASK_INPUT_INVALID: input of task "each[1]" (noop) at $.value: [2] (a list), expected number',
    1,
  ],
  [
    'takes',
    { value: LIES },
    'TASK_OUTPUT_INVALID: output of task "taker" (noop) at $.value: {"seven":7} (an object), expected number',
    1,
  ],
])(
  '%s with %j fails with task, place, found and expected, and is not tried again',
  async (type, params, message, tries) => {
    calls = 0;
    const run = await engine.start(type, `${type}/${JSON.stringify(params)}`, { params });
    await expect(run.result()).rejects.toMatchObject({
      cause: { message: expect.stringContaining(message) as string },
    });
    expect(calls).toBe(tries);
  },
);

test.each([
  [{}, 'DAG_BAD_PARAM asks: parameter "weeks" is missing'],
  [{ weeks: 'all' }, 'DAG_BAD_PARAM asks: parameter "weeks" at $: "all", expected integer'],
])('a run with parameters %j ends before its first task', async (params, message) => {
  calls = 0;
  const run = await engine.start('asks', `asks/${JSON.stringify(params)}`, { params });
  const failure = await run.result().then(String, (error: Error) => deepest(error).message);
  expect(failure).toContain(message);
  expect(calls).toBe(0);
});

function deepest(error: Error): Error {
  return error.cause instanceof Error ? deepest(error.cause) : error;
}
