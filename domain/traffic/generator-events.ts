/**
 * Scripted events of the generated traffic: what happens, from when, and the ground truth about it.
 *
 * An event is written `kind@2022-W26`, or `kind@2022-W26-3` to start on a Wednesday.
 */
import { PipelineError } from '../../contracts/errors.js';
import { dateOfDay, mondayOfIsoWeek } from './generator-calendar.js';
import { GENERATOR } from './generator-parameters.js';

const { events } = GENERATOR;

/**
 * What can happen: the ground truth that goes into events.json, how many days it lasts (null = for
 * ever), and its numbers.
 */
const EVENT_KINDS = {
  exporter: {
    what: 'The flow exporter starts to report a 6-byte client record after the server flight in half of the flows: PPI positions 3..30 move.',
    days: null,
    parameters: events.exporter,
  },
  certificate: {
    what: 'The second largest provider sends a larger certificate and flips the split of its server flight, rolled out over three nights.',
    days: null,
    parameters: events.certificate,
  },
  volume: {
    what: 'Traffic falls, and the mix of the apps changes; no app behaves differently.',
    days: 7 * events.volume.weeks,
    parameters: events.volume,
  },
  'new-app': {
    what: 'A new app of a provider with many apps appears and grows over four weeks.',
    days: null,
    parameters: events.newApp,
  },
  'new-app-far': {
    what: 'A new app of a new provider and category appears and grows over four weeks.',
    days: null,
    parameters: events.newApp,
  },
  rename: {
    what: 'The largest provider moves its hosts to new registrable domains; its flows stay as they are.',
    days: null,
    parameters: events.rename,
  },
  tls13: {
    what: 'The share of TLS 1.3 grows at every provider over four weeks.',
    days: null,
    parameters: events.tls13,
  },
  vpn: {
    what: 'VPN tunnels appear: one host name, long flows that carry two or three other apps.',
    days: null,
    parameters: events.vpn,
  },
  'missing-day': { what: 'The day has no file.', days: 1, parameters: {} },
  'half-week': {
    what: 'Less than half of the traffic was recorded for seven days.',
    days: 7,
    parameters: events.halfWeek,
  },
} as const;

/** Name of the script of a whole year, and its events: what is known of 2022 in CESNET-TLS-Year22, and our own. */
/** The kinds of events, as in `--event KIND@WEEK`. */
type EventKind = keyof typeof EVENT_KINDS;

/** Name of the script of a whole year, and its events: what is known of 2022 in CESNET-TLS-Year22, and our own tests of it. */
const YEAR_SCRIPT = 'tls-year22';
const YEAR_EVENTS = [
  ...['vpn@2022-W01', 'exporter@2022-W10-3', 'certificate@2022-W14', 'new-app@2022-W20'],
  ...['volume@2022-W27', 'new-app-far@2022-W30', 'tls13@2022-W40', 'rename@2022-W45'],
  ...['half-week@2022-W50', 'half-week@2022-W52'],
  // 28-30 January, 12-13 and 29-31 December
  ...['missing-day@2022-W04-5', 'missing-day@2022-W04-6', 'missing-day@2022-W04-7'],
  ...['missing-day@2022-W50-1', 'missing-day@2022-W50-2'],
  ...['missing-day@2022-W52-4', 'missing-day@2022-W52-5', 'missing-day@2022-W52-6'],
];

/** One scripted event; days count from 1970-01-01, `untilDay` is excluded and null means for ever. */
export interface TrafficEvent {
  readonly name: string;
  readonly kind: EventKind;
  readonly week: string;
  readonly fromDay: number;
  readonly untilDay: number | null;
}

/**
 * Reads the events of a world; `tls-year22` stands for the events of that year.
 *
 * @throws PipelineError GENERATE_BAD_EVENT
 */
export function parseTrafficEvents(texts: readonly string[]): TrafficEvent[] {
  return texts
    .flatMap((text) => (text === YEAR_SCRIPT ? YEAR_EVENTS : text))
    .map(parseTrafficEvent);
}

/**
 * Reads `kind@YYYY-Www` or `kind@YYYY-Www-D` (D: 1 = Monday .. 7 = Sunday; without it Monday).
 *
 * @throws PipelineError GENERATE_BAD_EVENT
 */
function parseTrafficEvent(text: string): TrafficEvent {
  const match = /^([a-z0-9-]+)@(\d{4}-W\d{2})(?:-([1-7]))?$/.exec(text);
  const kind = match?.[1];
  const week = match?.[2];
  if (kind === undefined || week === undefined || !isEventKind(kind)) {
    throw new PipelineError({
      code: 'GENERATE_BAD_EVENT',
      found: `"${text}"`,
      expected: `KIND@YYYY-Www or KIND@YYYY-Www-D with KIND one of ${Object.keys(EVENT_KINDS).join(', ')}; or ${YEAR_SCRIPT}`,
      fix: 'Write for example exporter@2022-W26, or exporter@2022-W26-3 for its Wednesday.',
    });
  }
  const fromDay = mondayOfIsoWeek(week) + Number(match?.[3] ?? 1) - 1;
  const { days } = EVENT_KINDS[kind];
  return { name: text, kind, week, fromDay, untilDay: days === null ? null : fromDay + days };
}

/** Whether the event is in force on the day. */
export function isActive(event: TrafficEvent, day: number): boolean {
  return day >= event.fromDay && (event.untilDay === null || day < event.untilDay);
}

/** How far an event that grows has come at the end of a day, [0, 1]. */
export function rampOf(event: TrafficEvent, day: number, weeks: number): number {
  return Math.min(1, (day - event.fromDay + 1) / (7 * weeks));
}

/** One entry of events.json. */
export interface EventRecord {
  readonly event: string;
  readonly kind: EventKind;
  readonly week: string;
  readonly from: string;
  readonly until: string | null;
  readonly what: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** The ground truth about an event, as events.json tells it; `until` is excluded. */
export function recordEvent(event: TrafficEvent): EventRecord {
  return {
    event: event.name,
    kind: event.kind,
    week: event.week,
    from: dateOfDay(event.fromDay),
    until: event.untilDay === null ? null : dateOfDay(event.untilDay),
    what: EVENT_KINDS[event.kind].what,
    parameters: EVENT_KINDS[event.kind].parameters,
  };
}

function isEventKind(text: string): text is EventKind {
  return Object.hasOwn(EVENT_KINDS, text);
}
