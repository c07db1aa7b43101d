/** A schedule in one line, for lists. */
import { describeAssets } from './assets.js';
import { cronLines, type Calendar, type CalendarField, type Schedule } from './schedule.js';

/** From the longest: a span is told in the longest of these that measures it exactly. */
const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** `0 4 * * 1 Europe/Prague`, `every 6 h`, `assets a and (b or c)`; empty for none. */
export function describeSchedule(schedule: Schedule | null): string {
  if (schedule === null) return '';
  const { cron, every, calendar = [], skip = [], timeZone, assets } = schedule;
  const zone = timeZone === undefined || timeZone === 'UTC' ? '' : ` ${timeZone}`;
  const starts = [
    ...cronLines(cron).map((line) => `${line}${zone}`),
    ...calendar.map((times) => `${describeCalendar(times)}${zone}`),
    ...(every === undefined ? [] : [describeEvery(every)]),
    ...(assets === undefined ? [] : [`assets ${describeAssets(assets)}`]),
  ];
  const except = skip.map((times) => ` except ${describeCalendar(times)}`).join('');
  return `${starts.join(', or ')}${except}`;
}

/** A span of time in its longest exact unit: `6 h`. */
function describeSpan(ms: number): string {
  const [unit, size] = UNITS.find(([, length]) => ms % length === 0) ?? UNITS[4];
  return `${ms / size} ${unit}`;
}

function describeEvery({ intervalMs, offsetMs = 0 }: NonNullable<Schedule['every']>): string {
  const offset = offsetMs === 0 ? '' : ` + ${describeSpan(offsetMs)}`;
  return `every ${describeSpan(intervalMs)}${offset}`;
}

/** `month=12 dayOfMonth=24-26`, in the order of declaration. */
function describeCalendar({ comment, ...fields }: Calendar): string {
  if (comment !== undefined && comment !== '') return comment;
  return Object.entries(fields)
    .map(([name, field]) => `${name}=${describeField(field)}`)
    .join(' ');
}

function describeField(field: CalendarField): string {
  if (typeof field !== 'object') return String(field);
  if (Array.isArray(field))
    return field.map((range: CalendarField) => describeField(range)).join(',');
  const { start, end = start, step = 1 } = field as { start: number; end?: number; step?: number }; // no list, so a range
  return `${start}${end === start ? '' : `-${end}`}${step === 1 ? '' : `/${step}`}`;
}
