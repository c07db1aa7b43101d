import { rm } from 'node:fs/promises';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { deploySchedules } from '../../cli/deploy-schedule.js';
import { PipelineError } from '../../contracts/errors.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { activities, dag } from '../../dag/declare.js';
import { nextTimes } from '../../dag/schedule-times.js';
import type { TickResult } from '../../workflows/schedule-tick.js';
import { planOf, startEngine, type EngineEnvironment } from './engine-environment.js';

const act = activities<Tasks>();
const FAILS = 101;

const schedule = { cron: '0 4 * * 1', timeZone: 'Europe/Prague' };
const monday = dag('monday', { params: { value: 1 }, partitions: 'iso-week', schedule }, (d) =>
  d.task('only', act.noop, { input: { value: d.params.value } }),
);
const daily = dag(
  'daily',
  { params: {}, partitions: 'day', schedule: { cron: '30 0 * * *', timeZone: 'Europe/Prague' } },
  (d) => d.task('only', act.noop, { input: { value: 1 } }),
);
const timeless = dag('timeless', { params: {} }, (d) =>
  d.task('only', act.noop, { input: { value: 1 } }),
);
const listed = dag('listed', { params: {}, partitions: { keys: ['eu', 'us'] } }, (d) =>
  d.task('only', act.noop, { input: { value: 1 } }),
);

let engine: EngineEnvironment;
beforeAll(async () => {
  engine = await startEngine({
    dags: [monday, daily, timeless, listed],
    noop: async ({ value }) => {
      if (value !== FAILS) return { value };
      throw new PipelineError({ code: 'FLOW_FILE_EMPTY', found: 'nothing', fix: 'none needed' });
    },
  });
  await deploySchedules(engine.server.client, [planOf(monday), planOf(daily)], { pause: true });
}, 60_000);
afterAll(() => engine.stop());

test('a tick on Monday runs the ISO week that has just ended, by the zone of the schedule', async () => {
  // 04:00 in Prague is 02:00 UTC in summer
  expect(await tickOn('2022-06-06T02:00:00Z')).toEqual({
    dagRunId: 'monday/2022-W22',
    state: 'success',
  });
  expect(await states('2022-W22')).toEqual(['success']);
});

test('in winter the hour is another, the week is the one that ended', async () => {
  expect(await tickOn('2022-12-05T03:00:00Z')).toMatchObject({ dagRunId: 'monday/2022-W48' });
});

test('a second tick for a week that has succeeded runs nothing', async () => {
  const expected = { dagRunId: 'monday/2022-W23', state: 'already-run' };
  await tickOn('2022-06-13T02:00:00Z');
  expect(await tickOn('2022-06-13T02:00:00Z')).toEqual(expected);
  expect(await states('2022-W23')).toEqual(['success']);
});

test('a tick for a week whose run failed runs it again', async () => {
  const failed = await engine.start('monday', 'monday/2022-W24', { params: { value: FAILS } });
  await expect(failed.result()).rejects.toThrow(WorkflowFailedError);
  expect(await tickOn('2022-06-20T02:00:00Z')).toMatchObject({ state: 'success' });
  expect(await states('2022-W24')).toEqual(['failed', 'success']);
});

test('a tick for a DAG that no worker knows fails with DAG_UNKNOWN', async () => {
  const tick = await engine.start('schedule-tick', 'schedule-tick/nobody', { dag: 'nobody' });
  expect(await causeOf(tick)).toMatchObject({ type: 'DAG_UNKNOWN' });
});

test('each tick of a DAG without partitions is a run of its own', async () => {
  for (const time of ['1', '2']) {
    const tick = await engine.start('schedule-tick', `schedule-tick/timeless-${time}`, {
      dag: 'timeless',
    });
    expect(await tick.result()).toEqual({ dagRunId: 'timeless', state: 'success' });
  }
});

test('a tick for a DAG with listed partitions fails with DAG_BAD_PARTITION and the mend', async () => {
  const tick = await engine.start('schedule-tick', 'schedule-tick/listed', { dag: 'listed' });
  const { type, message } = await causeOf(tick);
  expect(type).toBe('DAG_BAD_PARTITION');
  expect(message).toMatch(/Fix: start runs of listed partitions with `sentinel run`/);
});

test.each([
  ['summer time begins', '2022-03-25', ['2022-03-25', '2022-03-26', '2022-03-27', '2022-03-28']],
  ['summer time ends', '2022-10-28', ['2022-10-28', '2022-10-29', '2022-10-30', '2022-10-31']],
])('a backfill of ticks while %s runs each day once', async (_, from, days) => {
  const start = new Date(`${from}T12:00:00Z`);
  const end = new Date(start.getTime() + days.length * 86_400_000);
  const times = nextTimes(daily.declaration.schedule!, start.getTime(), end.getTime()); // declared above
  const expected = (state: string) => days.map((day) => ({ dagRunId: `daily/${day}`, state }));
  expect(await ticksOf(start, end, times)).toEqual(expected('success'));
  expect(await ticksOf(start, end, times)).toEqual(expected('already-run'));
});

test('a run that is closed but not in the tables yet is not run again', async () => {
  const run = await engine.start('monday', 'monday/2022-W30');
  await run.result();
  await rm(engine.layout.tables, { recursive: true });
  expect(await tickOn('2022-08-01T02:00:00Z')).toMatchObject({ state: 'already-run' });
});

/** Lets `daily` tick for all past times of a span, and waits for the ends of the ticks. */
async function ticksOf(start: Date, end: Date, times: readonly number[]): Promise<unknown[]> {
  const { client } = engine.server;
  const ids = times.map((time) => `schedule-tick/daily-${new Date(time).toISOString().replace('.000Z', 'Z')}`); // prettier-ignore
  const runIds = () =>
    Promise.all(
      ids.map((id) =>
        client.workflow
          .getHandle(id)
          .describe()
          .then(
            ({ runId }) => runId,
            () => 'none yet',
          ),
      ),
    );
  const before = await runIds();
  await client.schedule.getHandle('daily').backfill({ start, end, overlap: 'BUFFER_ALL' });
  await vi.waitFor(
    async () => {
      const now = await runIds();
      expect(now.filter((runId, index) => runId === before[index])).toEqual([]);
    },
    { timeout: 20_000 },
  );
  return Promise.all(ids.map((id) => client.workflow.getHandle(id).result()));
}

/** Lets the schedule tick for one past time, and waits for the tick's end. */
async function tickOn(time: string): Promise<TickResult> {
  const { client } = engine.server;
  const handle = client.workflow.getHandle(`schedule-tick/monday-${time}`);
  const runId = async () =>
    handle.describe().then(
      (execution) => execution.runId,
      () => undefined, // the first tick for this time
    );
  const before = await runId();
  const at = new Date(time);
  await client.schedule
    .getHandle('monday')
    .backfill({ start: new Date(at.getTime() - 1_000), end: at, overlap: 'ALLOW_ALL' });
  await vi.waitFor(async () => expect(await runId()).not.toBe(before), { timeout: 10_000 });
  return (await handle.result()) as TickResult; // the workflow's own type
}

async function states(week: string): Promise<unknown[]> {
  const rows = await engine.rows(
    `SELECT state FROM runs WHERE dag = 'monday' AND partition = '${week}' ORDER BY started_at`,
  );
  return rows.map((row) => row['state']);
}

async function causeOf(handle: WorkflowHandle): Promise<{ type: string; message: string }> {
  const error: unknown = await handle.result().catch((thrown: unknown) => thrown);
  if (!(error instanceof WorkflowFailedError)) throw new Error(`no failure: ${String(error)}`);
  return error.cause?.cause as { type: string; message: string }; // activity failure -> what it threw
}
