/** Calendars with every field filled in, from cron lines (in the dialect of Temporal) and from declarations. */
import { PipelineError } from '../contracts/errors.js';
import { cronLines, type Calendar, type CalendarField, type Schedule } from './schedule.js';

/** All from `start` to `end`, both included, in steps. */
export interface FullRange {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** A field of a calendar. */
export type FieldName = Exclude<keyof Calendar, 'comment'>;

/** A calendar that leaves nothing to defaults; for the year no range at all means every year. */
export type FullCalendar = Readonly<Record<FieldName, readonly FullRange[]>> & {
  readonly comment: string;
};

const MONTHS =
  'january february march april may june july august september october november december';
const DAYS = 'sunday monday tuesday wednesday thursday friday saturday';

interface Field {
  readonly min: number;
  readonly max: number;
  /** Without a value: this one, or all. */
  readonly absent: 0 | 'all';
  /** Names, the first one for `min`. */
  readonly names?: readonly string[];
}

const FIELDS: Record<FieldName, Field> = {
  second: { min: 0, max: 59, absent: 0 },
  minute: { min: 0, max: 59, absent: 0 },
  hour: { min: 0, max: 23, absent: 0 },
  dayOfMonth: { min: 1, max: 31, absent: 'all' },
  month: { min: 1, max: 12, absent: 'all', names: MONTHS.split(' ') },
  dayOfWeek: { min: 0, max: 6, absent: 'all', names: DAYS.split(' ') },
  year: { min: 2000, max: 2100, absent: 'all' },
};
const NAMES = Object.keys(FIELDS) as FieldName[]; // the keys of the record

const NICKNAMES: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/** By number of fields: which fields the words of a cron line are. */
const CRON_FIELDS: Readonly<Record<number, readonly FieldName[]>> = {
  5: ['minute', 'hour', 'dayOfMonth', 'month', 'dayOfWeek'],
  6: ['minute', 'hour', 'dayOfMonth', 'month', 'dayOfWeek', 'year'],
  7: ['second', 'minute', 'hour', 'dayOfMonth', 'month', 'dayOfWeek', 'year'],
};

/**
 * The calendars at which a schedule fires, its cron lines first.
 *
 * @throws PipelineError DAG_BAD_SCHEDULE
 */
export function calendarsOf({ cron, calendar }: Schedule): FullCalendar[] {
  return [...cronLines(cron).map(cronCalendar), ...(calendar ?? []).map(fullCalendar)];
}

/**
 * The calendar of a cron line; the line is its comment.
 *
 * @throws PipelineError DAG_BAD_SCHEDULE
 */
export function cronCalendar(line: string): FullCalendar {
  const words = (NICKNAMES[line.trim()] ?? line).trim().split(/\s+/);
  const fields = CRON_FIELDS[words.length];
  if (fields === undefined || words[0]?.startsWith('@') || line.includes('=')) {
    throw badSchedule(
      `cron "${line}"`,
      '5 fields (minute hour day month weekday), 6 with the year, 7 with second and year, or @hourly, @daily, @weekly, @monthly, @yearly',
      'write `every` for @every, and `timeZone` for TZ=',
    );
  }
  const ranges = NAMES.map((name): [FieldName, readonly FullRange[]] => {
    const position = fields.indexOf(name);
    if (position < 0) return [name, ranged(name, undefined)];
    return [name, cronField(name, words[position]!, line)]; // as many words as fields
  });
  return { ...(Object.fromEntries(ranges) as Record<FieldName, FullRange[]>), comment: line }; // one entry for each name
}

/**
 * A declared calendar with its defaults.
 *
 * @throws PipelineError DAG_BAD_SCHEDULE
 */
export function fullCalendar(calendar: Calendar): FullCalendar {
  const ranges = NAMES.map((name) => [name, ranged(name, calendar[name])]);
  const full = Object.fromEntries(ranges) as Record<FieldName, FullRange[]>; // one entry for each name
  return { ...full, comment: calendar.comment ?? '' };
}

/** Whether a value of a field matches. */
export function matches(ranges: readonly FullRange[], value: number): boolean {
  if (ranges.length === 0) return true; // every year
  return ranges.some(
    ({ start, end, step }) => value >= start && value <= end && (value - start) % step === 0,
  );
}

function ranged(name: FieldName, field: CalendarField | undefined): readonly FullRange[] {
  const { min, max, absent } = FIELDS[name];
  if (field === '*' || (field === undefined && absent === 'all')) {
    return name === 'year' ? [] : [{ start: min, end: max, step: 1 }];
  }
  if (field === undefined) return [{ start: 0, end: 0, step: 1 }];
  const list = Array.isArray(field) ? (field as readonly CalendarField[]) : [field]; // Array.isArray forgets readonly
  return list.map((range) => {
    const {
      start,
      end = start,
      step = 1,
    } = typeof range === 'object' ? (range as Partial<FullRange>) : { start: Number(range) }; // plain JSON of a plan: checked next
    const whole = [start, end, step].every(Number.isInteger);
    if (start !== undefined && end !== undefined && whole) {
      if (min <= start && start <= end && end <= max && step >= 1) return { start, end, step };
    }
    throw badSchedule(
      `${name} ${JSON.stringify(range)} in a calendar`,
      `whole numbers from ${min} to ${max}, start before end, step from 1`,
      'correct the range',
    );
  });
}

function cronField(name: FieldName, word: string, line: string): readonly FullRange[] {
  if (word === '*') return ranged(name, '*');
  return word.split(',').flatMap((part) => {
    const bad = (): PipelineError =>
      badSchedule(
        `${name} "${part}" in cron "${line}"`,
        expectedIn(name),
        'write *, a value, a-b, a-b/step or a list of these',
      );
    const [, first, last, step = '1'] =
      /^(\*|[a-z\d]+)(?:-([a-z\d]+))?(?:\/(\d+))?$/i.exec(part) ?? [];
    if (first === undefined || (first === '*' && last !== undefined)) throw bad();
    const { min, max } = FIELDS[name];
    const top = name === 'dayOfWeek' ? 7 : max; // Sunday has two numbers
    const start = first === '*' ? min : valueOf(name, first);
    const open = first === '*' || part.includes('/'); // 3/5 goes on to the greatest value
    const end = last === undefined ? (open ? max : start) : valueOf(name, last);
    if (!(min <= start && start <= end && end <= top && Number(step) >= 1)) throw bad();
    const range = { start, end, step: Number(step) };
    if (end <= max) return [range];
    const days = Array.from({ length: 8 }, (_, day) => day).filter((day) => matches([range], day));
    return days.map((day) => ({ start: day % 7, end: day % 7, step: 1 }));
  });
}

function expectedIn(name: FieldName): string {
  const { min, max, names } = FIELDS[name];
  const words = names === undefined ? '' : `, or ${names[0]?.slice(0, 3)} and so on`;
  return `values from ${min} to ${max}${words}`;
}

/** NaN for what is no value. */
function valueOf(name: FieldName, word: string): number {
  if (/^\d+$/.test(word)) return Number(word);
  const { min, names = [] } = FIELDS[name];
  const wanted = word.toLowerCase();
  const index = names.findIndex((full) => full === wanted || full.slice(0, 3) === wanted);
  return index < 0 ? NaN : min + index;
}

function badSchedule(found: string, expected: string, fix: string): PipelineError {
  return new PipelineError({ code: 'DAG_BAD_SCHEDULE', found, expected, fix });
}
