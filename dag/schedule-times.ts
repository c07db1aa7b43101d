/** The times at which a schedule fires, and what each is about. Not for the workflow sandbox: see wall-clock.ts. */
import { calendarsOf, fullCalendar, matches, type FullCalendar } from './calendar.js';
import {
  isPartition,
  lastEndedPartition,
  partitionInterval,
  previousPartition,
  type PartitionKind,
} from './partitions.js';
import type { Schedule } from './schedule.js';
import { instantsOf, wallClock } from './wall-clock.js';

const HOUR_MS = 3_600_000;
const SECOND_MS = 1_000;

/** Calendars end with it, as Temporal's do. */
const LAST_YEAR = 2100;

/** A schedule that leaves out this many times in a row is taken to fire no more. */
const MAX_SKIPPED = 100_000;

/**
 * The instants after `afterMs` up to `untilMs`, included, at which a schedule fires, in order and
 * without jitter: the same as Temporal's own.
 *
 * @throws PipelineError DAG_BAD_SCHEDULE
 */
export function nextTimes(schedule: Schedule, afterMs: number, untilMs: number): number[] {
  return [...timesOf(schedule, afterMs, untilMs)];
}

/** The first `count` instants after `afterMs` at which a schedule fires; fewer when it ends. */
export function firstTimes(schedule: Schedule, afterMs: number, count: number): number[] {
  const times: number[] = [];
  for (const time of timesOf(schedule, afterMs, Date.UTC(LAST_YEAR + 1, 0, 1))) {
    if (times.length === count) break;
    times.push(time);
  }
  return times;
}

/**
 * The partition that a tick at `atMs` is about: the last one that had ended by the clocks of the
 * schedule's zone. At 00:30 on a Monday in Prague that is the week that has just ended there, although
 * it is Sunday in UTC.
 */
export function tickPartition(kind: PartitionKind, atMs: number, timeZone = 'UTC'): string {
  let partition = lastEndedPartition(kind, wallClock(atMs, timeZone));
  while (kind !== 'none' && !occurs(kind, partition, timeZone)) {
    partition = previousPartition(kind, partition) ?? partition;
  }
  return partition;
}

/** Not the hour that summer time leaves out. */
function occurs(kind: PartitionKind, partition: string, timeZone: string): boolean {
  const span = isPartition(kind, partition) ? partitionInterval(kind, partition) : null;
  if (span === null) return true;
  return [span.startMs, span.endMs - SECOND_MS].some(
    (clock) => instantsOf(clock, timeZone).length > 0,
  );
}

function* timesOf(schedule: Schedule, afterMs: number, untilMs: number): Generator<number> {
  const { timeZone = 'UTC', every, startAt, endAt } = schedule;
  const until = Math.min(untilMs, endAt === undefined ? Infinity : Date.parse(endAt));
  const calendars = calendarsOf(schedule);
  const skips = (schedule.skip ?? []).map(fullCalendar);
  const start = startAt === undefined ? -Infinity : Date.parse(startAt) - SECOND_MS;
  let time = floor(Math.max(afterMs, start));
  for (let skipped = 0; skipped < MAX_SKIPPED;) {
    const next = [
      ...calendars.map((calendar) => nextOfCalendar(calendar, time, timeZone)),
      ...(every === undefined ? [] : [nextOfInterval(every, time)]),
    ];
    time = Math.min(...next);
    if (time > until || time === Infinity) return;
    const clock = fieldsOf(wallClock(time, timeZone));
    if (skips.some((skip) => matchesAll(skip, clock))) skipped += 1;
    else {
      skipped = 0;
      yield time;
    }
  }
}

function nextOfInterval(
  { intervalMs, offsetMs = 0 }: NonNullable<Schedule['every']>,
  afterMs: number,
): number {
  return (Math.floor((afterMs - offsetMs) / intervalMs) + 1) * intervalMs + offsetMs;
}

/** What a clock shows; months from 1. */
interface ClockFields {
  readonly year: number;
  readonly month: number;
  readonly dayOfMonth: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly dayOfWeek: number;
}

/**
 * The first instant after `afterMs` that matches, Infinity without one: `compiledCalendar.next` of
 * Temporal's server step by step, its choices in the repeated hour included.
 */
function nextOfCalendar(calendar: FullCalendar, afterMs: number, timeZone: string): number {
  const from = fieldsOf(wallClock(afterMs, timeZone));
  const instant = (): number =>
    goInstant(clockOf(year, month, day, hour, minute, second), timeZone);
  const hourStart = (): number => goInstant(clockOf(year, month, day, hour, 0, 0), timeZone);
  const weekday = (): number => fieldsOf(wallClock(instant(), timeZone)).dayOfWeek;
  let { year, month, dayOfMonth: day, hour, minute, second } = from;
  let repeatMs = fieldsOf(wallClock(afterMs - HOUR_MS, timeZone)).hour === hour ? HOUR_MS : 0; // the second copy of a repeated hour
  second += 1;
  search: for (;;) {
    if (second >= 60) [minute, second] = [minute + 1, 0];
    if (minute >= 60) {
      const previous = hourStart();
      [hour, minute] = [hour + 1, 0];
      if (repeatMs === 0 && hourStart() - previous > HOUR_MS)
        [hour, repeatMs] = [hour - 1, HOUR_MS];
      else repeatMs = 0;
    }
    if (hour >= 24) [day, hour] = [day + 1, 0];
    if (day > daysIn(year, month)) [month, day] = [month + 1, 1];
    if (month > 12) [year, month] = [year + 1, 1];
    if (year > LAST_YEAR) return Infinity;
    if (!matches(calendar.year, year)) {
      [year, month, day, hour, minute, second, repeatMs] = [year + 1, 1, 1, 0, 0, 0, 0];
      continue;
    }
    while (!matches(calendar.month, month)) {
      [month, day, hour, minute, second, repeatMs] = [month + 1, 1, 0, 0, 0, 0];
      if (month > 12) continue search;
    }
    while (!(matches(calendar.dayOfMonth, day) && matches(calendar.dayOfWeek, weekday()))) {
      [day, hour, minute, second, repeatMs] = [day + 1, 0, 0, 0, 0];
      if (day > daysIn(year, month)) continue search;
    }
    while (!matches(calendar.hour, hour)) {
      [hour, minute, second, repeatMs] = [hour + 1, 0, 0, 0];
      if (hour >= 24) continue search;
    }
    while (!matches(calendar.minute, minute)) {
      [minute, second] = [minute + 1, 0];
      if (minute >= 60) continue search;
    }
    while (!matches(calendar.second, second)) {
      second += 1;
      if (second >= 60) continue search;
    }
    const time = instant();
    if (fieldsOf(wallClock(time, timeZone)).hour === hour) return time + repeatMs;
    [hour, minute, second] = [hour + 1, 0, 0]; // the hour that summer time leaves out
  }
}

/** The instant that Go's `time.Date` makes of what a clock shows: in a repeated hour the second one east of Greenwich, the first one west of it. */
function goInstant(clockMs: number, timeZone: string): number {
  const offset = wallClock(clockMs, timeZone) - clockMs;
  if (offset === 0) return clockMs;
  const guess = clockMs - offset;
  return clockMs - (wallClock(guess, timeZone) - guess);
}

function matchesAll(calendar: FullCalendar, clock: ClockFields): boolean {
  return (Object.keys(clock) as (keyof ClockFields)[]) // its own fields
    .every((field) => matches(calendar[field], clock[field]));
}

function fieldsOf(clockMs: number): ClockFields {
  const clock = new Date(clockMs);
  return {
    year: clock.getUTCFullYear(),
    month: clock.getUTCMonth() + 1,
    dayOfMonth: clock.getUTCDate(),
    hour: clock.getUTCHours(),
    minute: clock.getUTCMinutes(),
    second: clock.getUTCSeconds(),
    dayOfWeek: clock.getUTCDay(),
  };
}

function clockOf(
  year: number,
  month: number,
  ...rest: [day: number, hour: number, minute: number, second: number]
): number {
  return Date.UTC(year, month - 1, ...rest);
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function floor(ms: number): number {
  return Math.floor(ms / SECOND_MS) * SECOND_MS;
}
