import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { deploySchedule } from '../../cli/deploy-schedule.js';
import { PipelineError } from '../../contracts/errors.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { activities, dag } from '../../dag/declare.js';
import type { TickResult } from '../../workflows/schedule-tick.js';
import { startEngine, type EngineEnvironment } from './engine-environment.js';

const act = activities<Tasks>();
const FAILS = 101;

const schedule = { cron: '0 4 * * 1', timeZone: 'Europe/Prague' };
const monday = dag('monday', { params: { value: 1 }, partitions: 'iso-week', schedule }, (d) =>
  d.task('only', act.noop, { input: { value: d.params.value } }),
);
const timeless = dag('timeless', { params: {} }, (d) =>
  d.task('only', act.noop, { input: { value: 1 } }),
);

let engine: EngineEnvironment;
beforeAll(async () => {
  engine = await startEngine({
    dags: [monday, timeless],
    noop: async ({ value }) => {
      if (value !== FAILS) return { value };
      throw new PipelineError({ code: 'FLOW_FILE_EMPTY', found: 'nothing', fix: 'none needed' });
    },
  });
  await deploySchedule(engine.server.client, monday);
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

test('a tick for a DAG without weeks fails with DAG_INVALID and the mend', async () => {
  const tick = await engine.start('schedule-tick', 'schedule-tick/timeless', { dag: 'timeless' });
  const { type, message } = await causeOf(tick);
  expect(type).toBe('DAG_INVALID');
  expect(message).toMatch(/expected iso-week\. Fix: declare `partitions`/);
});

test('a schedule that is deployed twice is one schedule', async () => {
  await deploySchedule(engine.server.client, monday);
  const { spec, action } = await engine.server.client.schedule.getHandle('monday').describe();
  expect(spec.timezone).toBe('Europe/Prague');
  expect(action).toMatchObject({ workflowType: 'schedule-tick', args: [{ dag: 'monday' }] });
});

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
