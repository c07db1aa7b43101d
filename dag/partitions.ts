/**
 * Partitions: what a run is about. Time partitions are written so that their order is the order of
 * their names: `2022-06`, `2022-W23` (ISO week; Thursday decides the year), `2022-06-05`,
 * `2022-06-05T13`.
 */
import { UTCDate } from '@date-fns/utc';
import { addDays, addHours, addMonths, addWeeks, format, isValid, parse } from 'date-fns';
import { PipelineError } from '../contracts/errors.js';

/** What a run is about: a span of time, one of the listed keys (in their order), or nothing in particular. */
export type PartitionKind = 'none' | TimePartition | { readonly keys: readonly string[] };

/** Partitions that are spans of the calendar. */
export type TimePartition = 'iso-week' | 'day' | 'hour' | 'month';

interface Unit {
  readonly pattern: string;
  readonly add: (time: UTCDate, count: number) => UTCDate;
  readonly example: string;
}

const UNITS: Record<TimePartition, Unit> = {
  'iso-week': { pattern: "RRRR-'W'II", add: addWeeks, example: 'an ISO week, such as 2022-W23' },
  day: { pattern: 'yyyy-MM-dd', add: addDays, example: 'a day, such as 2022-06-05' },
  hour: { pattern: "yyyy-MM-dd'T'HH", add: addHours, example: 'an hour, such as 2022-06-05T13' },
  month: { pattern: 'yyyy-MM', add: addMonths, example: 'a month, such as 2022-06' },
};

/** Whether `key` names a partition of this kind; the only one of kind `none` is the empty text. */
export function isPartition(kind: PartitionKind, key: string): boolean {
  if (kind === 'none') return key === '';
  if (typeof kind === 'object') return kind.keys.includes(key);
  const start = startOf(UNITS[kind], key);
  return isValid(start) && format(start, UNITS[kind].pattern) === key;
}

/**
 * Says nothing of a partition of this kind, and why of anything else.
 *
 * @throws PipelineError DAG_BAD_PARTITION
 */
export function checkPartition(kind: PartitionKind, key: string): void {
  if (isPartition(kind, key)) return;
  throw new PipelineError({
    code: 'DAG_BAD_PARTITION',
    found: key === '' ? 'no partition' : `partition "${key}"`,
    expected: describePartitions(kind),
    fix: 'name a partition of the kind that `sentinel dags list` shows for this DAG',
  });
}

/** What partitions of a kind look like, in words. */
export function describePartitions(kind: PartitionKind): string {
  if (kind === 'none') return 'none: runs of this DAG have no partition';
  return typeof kind === 'object' ? `one of ${kind.keys.join(', ')}` : UNITS[kind].example;
}

/**
 * The partitions from `from` to `to`, both included, in order.
 *
 * @throws PipelineError DAG_BAD_PARTITION when an end is of another kind, or `from` comes after `to`
 */
export function partitionRange(kind: PartitionKind, from: string, to: string): string[] {
  checkPartition(kind, from);
  checkPartition(kind, to);
  if (kind === 'none') return [''];
  const order = (key: string): string | number =>
    typeof kind === 'object' ? kind.keys.indexOf(key) : key;
  if (order(from) > order(to)) {
    throw new PipelineError({
      code: 'DAG_BAD_PARTITION',
      found: `a range from ${from} to ${to}`,
      expected: 'the earlier partition first',
      fix: `write it from ${to} to ${from}`,
    });
  }
  if (typeof kind === 'object') {
    return kind.keys.slice(kind.keys.indexOf(from), kind.keys.indexOf(to) + 1);
  }
  const { add, pattern } = UNITS[kind];
  const keys: string[] = [];
  for (let time = startOf(UNITS[kind], from); ; time = add(time, 1)) {
    const key = format(time, pattern);
    if (key > to) return keys;
    keys.push(key);
  }
}

/** The partition after `key`; undefined after the last of a list, and for kind `none`. */
export function nextPartition(kind: PartitionKind, key: string): string | undefined {
  return neighbour(kind, key, 1);
}

/** The partition before `key`; undefined before the first of a list, and for kind `none`. */
export function previousPartition(kind: PartitionKind, key: string): string | undefined {
  return neighbour(kind, key, -1);
}

function neighbour(kind: PartitionKind, key: string, step: 1 | -1): string | undefined {
  checkPartition(kind, key);
  if (kind === 'none') return undefined;
  if (typeof kind === 'object') return kind.keys[kind.keys.indexOf(key) + step];
  const unit = UNITS[kind];
  return format(unit.add(startOf(unit, key), step), unit.pattern);
}

/**
 * The span of a time partition in UTC, `startMs` included and `endMs` not; null for the other kinds.
 *
 * @throws PipelineError DAG_BAD_PARTITION
 */
export function partitionInterval(
  kind: PartitionKind,
  key: string,
): { startMs: number; endMs: number } | null {
  checkPartition(kind, key);
  if (kind === 'none' || typeof kind === 'object') return null;
  const start = startOf(UNITS[kind], key);
  return { startMs: start.getTime(), endMs: UNITS[kind].add(start, 1).getTime() };
}

/**
 * The partition that had ended when a clock on the wall showed `wallClockMs`.
 *
 * @param wallClockMs what the clock showed, in ms since 1970 as if it were UTC (`wallClock` in dag/wall-clock.ts)
 * @throws PipelineError DAG_BAD_PARTITION for listed keys, which no clock can choose from
 */
export function lastEndedPartition(kind: PartitionKind, wallClockMs: number): string {
  if (kind === 'none') return '';
  if (typeof kind === 'object') {
    throw new PipelineError({
      code: 'DAG_BAD_PARTITION',
      found: 'a point in time, to choose from listed partitions by',
      expected: 'time partitions',
      fix: 'start runs of listed partitions with `sentinel run` or `sentinel backfill`, or schedule them by assets',
    });
  }
  const { add, pattern } = UNITS[kind];
  return format(add(new UTCDate(wallClockMs), -1), pattern);
}

/** `2022-W31` of an instant, by UTC. */
export function isoWeekOf(time: Date): string {
  return format(new UTCDate(time), UNITS['iso-week'].pattern);
}

/** Monday 00:00 UTC of a week. */
export function weekStart(week: string): Date {
  return new Date(startOf(UNITS['iso-week'], week).getTime());
}

/** The weeks from `from` to `to`, both included; none when `from` comes after `to`. */
export function weekRange(from: string, to: string): string[] {
  return from > to ? [] : partitionRange('iso-week', from, to);
}

function startOf({ pattern }: Unit, key: string): UTCDate {
  return new UTCDate(parse(key, pattern, new UTCDate(0)).getTime());
}
