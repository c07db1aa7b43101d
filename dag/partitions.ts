/** Partitions: ISO weeks (Monday to Sunday, UTC; Thursday decides the year). */
import { UTCDate } from '@date-fns/utc';
import { addDays, format, parse, startOfISOWeek, subWeeks } from 'date-fns';

const WEEK = "RRRR-'W'II";

/** `2022-W31` of an instant. */
export function isoWeekOf(time: Date): string {
  return format(new UTCDate(time), WEEK);
}

/** Monday 00:00 UTC of a week. */
export function weekStart(week: string): Date {
  return new Date(parse(week, WEEK, new UTCDate(0)).getTime());
}

/** The week that had ended when `time` came: what a schedule's tick at `time` is about. */
export function lastEndedWeek(time: Date): string {
  return isoWeekOf(subWeeks(new UTCDate(time), 1));
}

/** The weeks from `from` to `to`, both included. */
export function weekRange(from: string, to: string): string[] {
  const weeks: string[] = [];
  for (let day = startOfISOWeek(new UTCDate(weekStart(from))); ; day = addDays(day, 7)) {
    const week = format(day, WEEK);
    if (week > to) return weeks;
    weeks.push(week);
  }
}
