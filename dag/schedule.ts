/**
 * When runs start by themselves: at times, or when data has been updated. A schedule is plain JSON
 * with Temporal's meaning: it fires when a clock in the zone shows a matching time. A time in the hour
 * that summer time leaves out does not fire on that day. One in the repeated hour fires in the second
 * copy in zones east of Greenwich and in both copies in zones west of it; a partition still runs once.
 */
import type { AssetCondition } from './assets.js';

/** Any of `cron`, `every`, `calendar` and `assets` starts a run; several of them add up. */
export interface Schedule {
  /**
   * Lines as in crontab: minute, hour, day of month, month, day of week; a sixth field is the year, and
   * with seven the first is the second. All fields must match, the two days as well. `@hourly`,
   * `@daily`, `@weekly`, `@monthly` and `@yearly` are known.
   */
  readonly cron?: string | readonly string[];
  /** Whole seconds; counted from 1970-01-01T00:00:00Z plus `offsetMs`, whatever the zone. */
  readonly every?: { readonly intervalMs: number; readonly offsetMs?: number };
  readonly calendar?: readonly Calendar[];
  /** Times that match one of these do not fire. */
  readonly skip?: readonly Calendar[];
  /** IANA name of the zone that `cron`, `calendar` and `skip` are read in. @default 'UTC' */
  readonly timeZone?: string;
  /** Each time is put off by a random span up to this. @default 0 */
  readonly jitterMs?: number;
  /** Ticks missed while the server was away are made up for, no older than this. @default 30 days @minimum 10_000 */
  readonly catchupWindowMs?: number;
  /** What becomes of a tick while the run of an earlier one is under way. @default 'buffer_all' */
  readonly overlap?: Overlap;
  /** Nothing fires before this instant; ISO 8601 with a zone. */
  readonly startAt?: string;
  /** Nothing fires after this instant. */
  readonly endAt?: string;
  /** A run starts when these have been updated. */
  readonly assets?: AssetCondition;
}

/** What becomes of a tick that meets a run under way. */
export const OVERLAPS = ['skip', 'buffer_one', 'buffer_all', 'allow_all', 'cancel_other'] as const;

/** Skip it, keep one or all of them for later, run both, or cancel the earlier one. */
export type Overlap = (typeof OVERLAPS)[number];

/** A value, or all from `start` to `end` (both included, `end` is `start` by default) in steps. */
export type CalendarRange =
  number | { readonly start: number; readonly end?: number; readonly step?: number };

/** One range, several of them, or every value. */
export type CalendarField = '*' | CalendarRange | readonly CalendarRange[];

/** Times of the calendar; a time matches when all fields do. */
export interface Calendar {
  /** 0 to 59. @default 0 */
  readonly second?: CalendarField;
  /** 0 to 59. @default 0 */
  readonly minute?: CalendarField;
  /** 0 to 23. @default 0 */
  readonly hour?: CalendarField;
  /** 1 to 31. @default every day */
  readonly dayOfMonth?: CalendarField;
  /** 1 to 12. @default every month */
  readonly month?: CalendarField;
  /** 0 (Sunday) to 6. @default every day */
  readonly dayOfWeek?: CalendarField;
  /** 2000 to 2100. @default every year */
  readonly year?: CalendarField;
  readonly comment?: string;
}

/** Ticks missed for longer than this are not made up for, unless the schedule says otherwise. */
export const CATCHUP_WINDOW_MS = 30 * 86_400_000;

/** Whether time alone starts runs; a schedule of assets only needs no Temporal Schedule. */
export function firesByTime({ cron, every, calendar }: Schedule): boolean {
  return cronLines(cron).length > 0 || every !== undefined || (calendar ?? []).length > 0;
}

/** The cron lines of a schedule. */
export function cronLines(cron: Schedule['cron']): readonly string[] {
  if (cron === undefined) return [];
  return typeof cron === 'string' ? [cron] : cron;
}
