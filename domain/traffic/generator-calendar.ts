/**
 * Days, ISO weeks and Prague time for the generator, by plain arithmetic.
 *
 * A day is a count of days since 1970-01-01 (a Thursday); the Czech zone is UTC+1, and UTC+2 from the
 * last Sunday of March 01:00 UTC to the last Sunday of October 01:00 UTC (the rule since 1996).
 */
import { PipelineError } from '../../contracts/errors.js';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Monday 2022-01-03, the first day of 2022-W01: week 0 of every generated world. */
export const WORLD_EPOCH_DAY = 18_995;

/** Days since 1970-01-01 of a proleptic Gregorian date `YYYY-MM-DD`. */
export function dayOfDate(date: string): number {
  return Math.floor(
    Date.UTC(+date.slice(0, 4), +date.slice(5, 7) - 1, +date.slice(8, 10)) / DAY_MS,
  );
}

/** `YYYY-MM-DD` of a day. */
export function dateOfDay(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** Weekday of a day, 0 = Monday .. 6 = Sunday. */
export function weekdayOf(day: number): number {
  return (((day + 3) % 7) + 7) % 7;
}

/** Weeks since 2022-W01 of a day; negative before. */
export function worldWeekOf(day: number): number {
  return Math.floor((day - WORLD_EPOCH_DAY) / 7);
}

/**
 * Monday of an ISO week such as `2022-W22`, as a day. 4 January lies in week 1.
 *
 * @throws PipelineError GENERATE_BAD_WEEK when the text is no ISO week, or the year has no week 53
 */
export function mondayOfIsoWeek(week: string): number {
  const match = /^(\d{4})-W(\d{2})$/.exec(week);
  const number = Number(match?.[2] ?? 0);
  if (match !== null && number >= 1) {
    const fourth = dayOfDate(`${match[1]}-01-04`);
    const monday = fourth - weekdayOf(fourth) + (number - 1) * 7;
    if (isoWeekOf(monday) === week) return monday;
  }
  throw new PipelineError({
    code: 'GENERATE_BAD_WEEK',
    found: `"${week}"`,
    expected: 'an ISO week such as 2022-W22',
    fix: 'Name the weeks as YYYY-Www, or a range as 2022-W22..2022-W27.',
  });
}

/** ISO week of a day: `YYYY-Www`, where Thursday decides the year. */
export function isoWeekOf(day: number): string {
  const thursday = day - weekdayOf(day) + 3;
  const year = dateOfDay(thursday).slice(0, 4);
  const week = Math.floor((thursday - dayOfDate(`${year}-01-01`)) / 7) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}

/** The ISO weeks from first to last, both included. */
export function isoWeeksBetween(first: string, last: string): string[] {
  const weeks: string[] = [];
  for (let day = mondayOfIsoWeek(first); day <= mondayOfIsoWeek(last); day += 7) {
    weeks.push(isoWeekOf(day));
  }
  return weeks;
}

/** The instants (epoch ms) at which the local hours of a Prague day start: 24 of them, 23 or 25 when clocks change. */
export function pragueHours(day: number): { readonly startMs: number; readonly hour: number }[] {
  const hours: { startMs: number; hour: number }[] = [];
  const localStart = day * DAY_MS;
  for (let ms = localStart - 2 * HOUR_MS; ms < localStart + DAY_MS; ms += HOUR_MS) {
    const local = ms + pragueOffsetMs(ms);
    if (Math.floor(local / DAY_MS) === day) {
      hours.push({ startMs: ms, hour: (local - localStart) / HOUR_MS });
    }
  }
  return hours;
}

/** Czech public holidays with a fixed date, as `MM-DD`. */
const HOLIDAYS = new Set(
  '01-01 05-01 05-08 07-05 07-06 09-28 10-28 11-17 12-24 12-25 12-26'.split(' '),
);

/** Whether the day is a Czech public holiday: a fixed date, Good Friday (since 2016) or Easter Monday. */
export function isHoliday(day: number): boolean {
  const date = dateOfDay(day);
  const fromEaster = day - easterSunday(Number(date.slice(0, 4)));
  return HOLIDAYS.has(date.slice(5)) || fromEaster === -2 || fromEaster === 1;
}

/** Easter Sunday of a Gregorian year, as a day (the anonymous algorithm; Meeus, "Astronomical Algorithms", ch. 8). */
export function easterSunday(year: number): number {
  const a = year % 19;
  const b = Math.floor(year / 100);
  const c = year % 100;
  const f = Math.floor((b + 8) / 25);
  const g = Math.floor((b - f + 1) / 3);
  const h = (19 * a + b - Math.floor(b / 4) - g + 15) % 30;
  const l = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - h - (c % 4)) % 7;
  const m = Math.floor((a + 11 * h + 22 * l) / 451);
  const sinceMarch = h + l - 7 * m + 21; // days after 1 March
  return dayOfDate(`${year}-03-01`) + sinceMarch;
}

function pragueOffsetMs(epochMs: number): number {
  const year = new Date(epochMs).getUTCFullYear();
  const start = lastSunday(year, 3) * DAY_MS + HOUR_MS;
  const end = lastSunday(year, 10) * DAY_MS + HOUR_MS;
  return epochMs >= start && epochMs < end ? 2 * HOUR_MS : HOUR_MS;
}

/** Last Sunday of a month with 31 days. */
function lastSunday(year: number, month: number): number {
  const last = dayOfDate(`${year}-${String(month).padStart(2, '0')}-31`);
  return last - ((weekdayOf(last) + 1) % 7);
}
