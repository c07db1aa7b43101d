/**
 * The Temporal Schedules of the DAGs that declare times. A tick goes to the queue `triggers`, where it
 * waits until somebody serves that: `up` does so when its main job has ended, so the ticks that the
 * server makes up for when it comes back never run beside the main job, not even after a `kill -9`.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  ScheduleNotFoundError,
  type CalendarSpec,
  type Client,
  type ScheduleDescription,
  type ScheduleOptions,
  type ScheduleOverlapPolicy,
} from '@temporalio/client';
import { calendarsOf, fullCalendar, type FullCalendar, type FullRange } from '../dag/calendar.js';
import { describeSchedule } from '../dag/describe-schedule.js';
import type { Plan } from '../dag/plan.js';
import { CATCHUP_WINDOW_MS, firesByTime, type Schedule } from '../dag/schedule.js';
import { firstTimes } from '../dag/schedule-times.js';

/** The start of the notes by which a pause of ours is told from one of the user's. */
const OURS = 'Paused by sentinel';
const PAUSED = `${OURS} until \`sentinel up\` stays up`;
const RUNNING = 'Unpaused by sentinel: `sentinel up` stays up';
const NEXT_TIMES = 3;

/** What a DAG's Temporal Schedule needs to be made. */
export type Scheduled = Pick<Plan, 'dag' | 'schedule'>;

/** What deploying has done, or would do, to one Schedule; its id is the DAG's. */
export interface DeployedSchedule {
  readonly dag: string;
  /** `orphaned`: no DAG of this code declares it, and it was left as it is. */
  readonly change: 'created' | 'updated' | 'unchanged' | 'orphaned' | 'deleted';
  /** In words; empty for one that no DAG declares. */
  readonly schedule: string;
  /** The next three times without jitter, ISO 8601 in UTC. */
  readonly next: readonly string[];
  /** Why it does not tick; empty when it does. */
  readonly paused: string;
}

/** How to deploy. */
export interface DeployOptions {
  /** Change nothing, only say what would change. @default false */
  readonly dryRun?: boolean;
  /** Look at the Schedules of `plans` only, not at those that no DAG declares. @default false */
  readonly only?: boolean;
  /** Delete the Schedules that no DAG declares any more. @default false */
  readonly prune?: boolean;
  /**
   * Pause the Schedules, or end the pause that an earlier call made; a pause of the user's stays. By
   * default a new Schedule ticks and the others stay as they are.
   */
  readonly pause?: boolean;
}

/** Makes the server's Schedules those of `plans`. */
export async function deploySchedules(
  client: Client,
  plans: Iterable<Scheduled>,
  options: DeployOptions = {},
): Promise<DeployedSchedule[]> {
  const deployed: DeployedSchedule[] = [];
  for (const { dag, schedule } of plans) {
    if (schedule === null || !firesByTime(schedule)) continue;
    deployed.push(await deploySchedule(client, { dag, schedule }, options));
  }
  if (options.only) return deployed;
  const declared = new Set(deployed.map(({ dag }) => dag));
  for (const dag of await ourSchedules(client)) {
    if (declared.has(dag)) continue;
    if (options.prune && !options.dryRun) await client.schedule.getHandle(dag).delete();
    const change = options.prune ? 'deleted' : 'orphaned';
    deployed.push({ dag, change, schedule: '', next: [], paused: '' });
  }
  return deployed;
}

async function deploySchedule(
  client: Client,
  { dag, schedule }: { dag: string; schedule: Schedule },
  { dryRun = false, pause }: DeployOptions,
): Promise<DeployedSchedule> {
  const wanted = definitionOf(dag, schedule);
  const handle = client.schedule.getHandle(dag);
  const previous = await handle.describe().catch((error: unknown) => {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  });
  const state = pauseOf(previous?.state, pause);
  const change =
    previous === undefined
      ? 'created'
      : isDeepStrictEqual(comparable(previous), comparable(wanted))
        ? 'unchanged'
        : 'updated';
  if (!dryRun) {
    if (previous === undefined) await client.schedule.create({ ...wanted, state });
    else if (change === 'updated' || state.note !== previous.state.note) {
      await handle.update((newest) => ({
        ...newest,
        ...wanted,
        state: pauseOf(newest.state, pause),
      }));
    }
  }
  return {
    dag,
    change,
    schedule: describeSchedule(schedule),
    next: firstTimes(schedule, Date.now(), NEXT_TIMES).map((time) => new Date(time).toISOString()),
    paused: state.paused ? (state.note ?? '') : '',
  };
}

type State = Pick<ScheduleDescription['state'], 'paused' | 'note' | 'remainingActions'>;

/** Paused or not, and why; the user's own pause stays. */
function pauseOf(state: State | undefined, pause: boolean | undefined): State {
  const isOurs = state?.note?.startsWith(OURS) ?? false;
  if (pause === undefined || (state?.paused && !isOurs)) return state ?? { paused: false };
  if (pause) return { ...state, paused: true, note: PAUSED };
  return state?.paused ? { ...state, paused: false, note: RUNNING } : (state ?? { paused: false });
}

type Definition = Omit<ScheduleOptions, 'state' | 'memo'>;

/** The whole of a Schedule but its state. */
function definitionOf(dag: string, schedule: Schedule): Definition {
  const { every, jitterMs, startAt, endAt, timeZone = 'UTC' } = schedule;
  return {
    scheduleId: dag,
    spec: {
      calendars: calendarsOf(schedule).map(calendarSpec),
      intervals:
        every === undefined ? [] : [{ every: every.intervalMs, offset: every.offsetMs ?? 0 }],
      skip: (schedule.skip ?? []).map((skip) => calendarSpec(fullCalendar(skip))),
      timezone: timeZone,
      ...(jitterMs !== undefined && { jitter: jitterMs }),
      ...(startAt !== undefined && { startAt: new Date(startAt) }),
      ...(endAt !== undefined && { endAt: new Date(endAt) }),
    },
    action: {
      type: 'startWorkflow',
      workflowType: 'schedule-tick',
      workflowId: `schedule-tick/${dag}`,
      taskQueue: 'triggers',
      args: [{ dag }],
    },
    policies: {
      overlap: (schedule.overlap ?? 'buffer_all').toUpperCase() as ScheduleOverlapPolicy, // the same names in capitals
      catchupWindow: schedule.catchupWindowMs ?? CATCHUP_WINDOW_MS,
    },
  };
}

/** What a change of is a change of the Schedule; the server adds defaults and repeats our numbers in its own form. */
function comparable({ spec, action, policies }: Definition | ScheduleDescription): unknown {
  const { workflowType, workflowId, taskQueue, args } = action;
  return {
    calendars: spec.calendars,
    intervals: spec.intervals,
    skip: spec.skip,
    times: [spec.startAt, spec.endAt, spec.jitter ?? 0, spec.timezone],
    action: [workflowType, workflowId, taskQueue, args],
    policies: [policies?.overlap, policies?.catchupWindow],
  };
}

const MONTHS = [
  'JANUARY',
  'FEBRUARY',
  'MARCH',
  'APRIL',
  'MAY',
  'JUNE',
  'JULY',
  'AUGUST',
  'SEPTEMBER',
  'OCTOBER',
  'NOVEMBER',
  'DECEMBER',
] as const;
const DAYS = [
  'SUNDAY',
  'MONDAY',
  'TUESDAY',
  'WEDNESDAY',
  'THURSDAY',
  'FRIDAY',
  'SATURDAY',
] as const;

/** The client has names where a calendar of ours, and the server, have numbers. */
function calendarSpec({ month, dayOfWeek, comment, ...fields }: FullCalendar): CalendarSpec {
  const named = <T>(ranges: readonly FullRange[], names: readonly T[], first: number) =>
    ranges.map(({ start, end, step }) => ({
      start: names[start - first]!, // checked to be in range
      end: names[end - first]!,
      step,
    }));
  const copied = Object.fromEntries(
    Object.entries(fields).map(([name, ranges]) => [name, ranges.map((range) => ({ ...range }))]),
  );
  return {
    ...copied,
    month: named(month, MONTHS, 1),
    dayOfWeek: named(dayOfWeek, DAYS, 0),
    comment,
  };
}

/** Ids of the Schedules that start ticks. */
async function ourSchedules(client: Client): Promise<string[]> {
  const ids: string[] = [];
  for await (const { scheduleId, action } of client.schedule.list()) {
    if (action?.workflowType === 'schedule-tick') ids.push(scheduleId);
  }
  return ids.sort();
}
