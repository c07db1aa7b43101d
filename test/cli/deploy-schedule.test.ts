import { msToTs, tsToMs } from '@temporalio/common/lib/time.js';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { installation } from '../../activities/installation.js';
import {
  deploySchedules,
  type DeployOptions,
  type DeployedSchedule,
  type Scheduled,
} from '../../cli/deploy-schedule.js';
import { nextTimes } from '../../dag/schedule-times.js';
import type { Schedule } from '../../dag/schedule.js';

const MONDAYS: Schedule = { cron: '0 4 * * 1', timeZone: 'Europe/Prague' };

/** Clocks change east and west of Greenwich, at Greenwich, in the south, at midnight, and by half an hour. */
const ZONES = [
  'Europe/Prague',
  'America/New_York',
  'Europe/London',
  'Australia/Sydney',
  'America/Havana',
  'Asia/Beirut',
  'Australia/Lord_Howe',
];

let server: TestWorkflowEnvironment;
beforeAll(async () => {
  server = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'existing-path', path: installation.temporal } },
  });
}, 60_000);
afterAll(() => server.teardown());

describe('deploying', () => {
  it('creates, leaves alone, updates, and reports what no DAG declares', async () => {
    expect(await changes({ a: MONDAYS, b: { every: { intervalMs: 60_000 } } })).toEqual({
      a: 'created',
      b: 'created',
    });
    expect(await changes({ a: MONDAYS, b: { every: { intervalMs: 60_000 } } })).toEqual({
      a: 'unchanged',
      b: 'unchanged',
    });
    const later: Schedule = { ...MONDAYS, cron: '0 5 * * 1' };
    expect(await changes({ a: later })).toEqual({ a: 'updated', b: 'orphaned' });
    expect(await changes({ a: later }, { prune: true })).toEqual({ a: 'unchanged', b: 'deleted' });
    expect(await changes({ a: later })).toEqual({ a: 'unchanged' });
    expect(await changes({ a: null }, { prune: true })).toEqual({ a: 'deleted' });
  });

  it('a dry run says the same and changes nothing', async () => {
    const dryRun = { dryRun: true };
    expect(await changes({ a: MONDAYS }, dryRun)).toEqual({ a: 'created' });
    expect(await changes({ a: MONDAYS }, dryRun)).toEqual({ a: 'created' });
    await changes({ a: MONDAYS });
    expect(await changes({ a: { cron: '@daily' } }, dryRun)).toEqual({ a: 'updated' });
    expect(await changes({}, { ...dryRun, prune: true })).toEqual({ a: 'deleted' });
    expect(await changes({ a: MONDAYS })).toEqual({ a: 'unchanged' });
    await changes({}, { prune: true });
  });

  it.each<[string, Schedule]>([
    ['one that the user has changed in Temporal', MONDAYS],
    ['policies', { ...MONDAYS, overlap: 'skip', catchupWindowMs: 60_000, jitterMs: 5_000 }],
    [
      'every field of a calendar',
      {
        calendar: [
          { second: 5, minute: '*', hour: [1, { start: 4, end: 20, step: 4 }], year: 2030 },
        ],
        skip: [{ month: [1, 12], dayOfWeek: { start: 1, end: 5 }, comment: 'winter' }],
        startAt: '2022-06-06T04:00:00Z',
        endAt: '2031-06-06T04:00:00+02:00',
      },
    ],
  ])('brings back what was declared: %s', async (_, schedule) => {
    await changes({ a: schedule });
    expect(await changes({ a: schedule })).toEqual({ a: 'unchanged' });
    await handle().update((previous) => ({
      ...previous,
      spec: { ...previous.spec, timezone: 'Asia/Tokyo' },
    }));
    expect(await changes({ a: schedule })).toEqual({ a: 'updated' });
    expect(await changes({ a: schedule })).toEqual({ a: 'unchanged' });
    await changes({}, { prune: true });
  });

  it('one that waits for assets only has no Temporal Schedule', async () => {
    expect(await changes({ a: { assets: 'flows' } })).toEqual({});
  });

  it('says when it will tick next', async () => {
    const [line] = await deploy({ a: { every: { intervalMs: 3_600_000 } } }, { dryRun: true });
    expect(line?.next).toHaveLength(3);
    expect(line?.next[0]).toMatch(/:00:00\.000Z$/);
    expect(line?.schedule).toBe('every 1 h');
  });
});

describe('pauses', () => {
  it('end when `up` stays up, and the notes say who made them', async () => {
    await deploy({ a: MONDAYS }, { pause: true });
    expect(await state()).toMatch(/^paused: Paused by sentinel until/);
    await deploy({ a: MONDAYS });
    expect(await state()).toMatch(/^paused: Paused by sentinel until/);
    await deploy({ a: MONDAYS }, { pause: false });
    expect(await state()).toMatch(/^ticking: Unpaused by sentinel/);
    await deploy({ a: MONDAYS }, { pause: true });
    expect(await state()).toMatch(/^paused: Paused by sentinel/);
    await deploy({ a: MONDAYS }, { pause: false });
  });

  it('of the user stay, with the note of the user', async () => {
    await handle().pause('holidays');
    for (const pause of [true, false]) {
      const [line] = await deploy({ a: { cron: '@daily' } }, { pause });
      expect(line).toMatchObject({ paused: 'holidays' });
    }
    await deploy({ a: MONDAYS });
    expect(await state()).toBe('paused: holidays');
  });
});

test.each<[string, Schedule]>([
  ['a cron line across both changes of the clocks', { cron: '*/20 1-3 * * *' }],
  ['a daily time that one change leaves out and the other repeats', { cron: '30 2 * * *' }],
  ['an hour that comes twice', { cron: '0 2 * * 0,7' }],
  ['three cron lines', { cron: ['0 4 * * MON', '15 6 1-7/2 * 3', '@monthly'] }],
  ['day and weekday', { cron: '0 0 13 * FRI' }],
  ['names, lists and steps', { cron: '5/25 */9 1,15,31 jan-jun/2,december tue-7/2' }],
  ['an interval', { every: { intervalMs: 7 * 3_600_000, offsetMs: 1_800_000 } }],
  [
    'calendars with gaps',
    {
      calendar: [
        { hour: [2, 3], minute: { start: 0, end: 59, step: 30 }, month: [3, 10] },
        { dayOfMonth: 31, hour: 23, minute: 59, second: 59 },
      ],
      skip: [
        { dayOfWeek: 6, hour: '*', minute: '*' },
        { month: 5, hour: '*' },
      ],
    },
  ],
  [
    'all of them, within bounds',
    {
      cron: '0 */6 * * *',
      every: { intervalMs: 86_400_000 },
      calendar: [{ hour: 2, minute: 30 }],
      startAt: '2022-03-20T00:00:00Z',
      endAt: '2022-10-30T01:30:00Z',
    },
  ],
])(
  'Temporal ticks in 2022 when `nextTimes` says: %s',
  async (_, times) => {
    for (const timeZone of ZONES) {
      const schedule = { ...times, timeZone };
      await deploy({ matching: schedule }, { pause: true });
      const expected = await matchingTimes(Date.UTC(2022, 0, 1), Date.UTC(2023, 0, 1));
      expect(expected.length).toBeGreaterThan(0);
      const ours = nextTimes(schedule, Date.UTC(2022, 0, 1), Date.UTC(2023, 0, 1));
      expect(ours.map(iso)).toEqual(expected.map(iso));
    }
  },
  30_000,
);

/** The server's own times of the schedule `matching`; it lists at most 1,000 in a call. */
async function matchingTimes(afterMs: number, untilMs: number): Promise<number[]> {
  const times: number[] = [];
  const step = 14 * 86_400_000;
  for (let from = afterMs; from < untilMs; from += step) {
    const { startTime } = await server.client.workflowService.listScheduleMatchingTimes({
      namespace: 'default',
      scheduleId: 'matching',
      startTime: msToTs(from),
      endTime: msToTs(Math.min(from + step, untilMs)),
    });
    times.push(...startTime.map((time) => tsToMs(time)));
  }
  return times;
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

function deploy(
  schedules: Record<string, Schedule | null>,
  options?: DeployOptions,
): Promise<DeployedSchedule[]> {
  const plans = Object.entries(schedules).map(([dag, schedule]): Scheduled => ({ dag, schedule }));
  return deploySchedules(server.client, plans, options);
}

/** What deploying says it changes, by DAG. */
async function changes(
  schedules: Record<string, Schedule | null>,
  options?: DeployOptions,
): Promise<Record<string, string>> {
  const deployed = await deploy(schedules, options);
  return Object.fromEntries(deployed.map(({ dag, change }) => [dag, change]));
}

function handle() {
  return server.client.schedule.getHandle('a');
}

async function state(): Promise<string> {
  const { state } = await handle().describe();
  return `${state.paused ? 'paused' : 'ticking'}: ${state.note}`;
}
