/**
 * Scripted events of the generated traffic: what happens, from when, and the ground truth about it.
 *
 * An event is written `kind@2022-W26`, or `kind@2022-W26-3` to start on a Wednesday.
 */
import { PipelineError } from '../../contracts/errors.js';
import { dateOfDay, mondayOfIsoWeek } from './generator-calendar.js';
import { GENERATOR } from './generator-parameters.js';

/** What can happen; the text is the ground truth that goes into events.json. */
const EVENT_KINDS = {
  exporter:
    'The flow exporter starts to report a 6-byte client record after the server flight in half of the flows: PPI positions 3..30 move.',
  certificate:
    'The second largest provider sends a larger certificate and flips the split of its server flight, rolled out over three nights.',
  volume: 'Traffic falls, and the mix of the apps changes; no app behaves differently.',
  'new-app': 'A new app of a provider with many apps appears and grows over four weeks.',
  'new-app-far': 'A new app of a new provider and category appears and grows over four weeks.',
} as const;

/** The kinds of events, as in `--event KIND@WEEK`. */
type EventKind = keyof typeof EVENT_KINDS;

/** One scripted event; days count from 1970-01-01, `untilDay` is excluded and null means for ever. */
export interface TrafficEvent {
  readonly name: string;
  readonly kind: EventKind;
  readonly week: string;
  readonly fromDay: number;
  readonly untilDay: number | null;
}

/**
 * Reads `kind@YYYY-Www` or `kind@YYYY-Www-D` (D: 1 = Monday .. 7 = Sunday; without it Monday).
 *
 * @throws PipelineError GENERATE_BAD_EVENT
 */
export function parseTrafficEvent(text: string): TrafficEvent {
  const match = /^([a-z-]+)@(\d{4}-W\d{2})(?:-([1-7]))?$/.exec(text);
  const kind = match?.[1];
  const week = match?.[2];
  if (kind === undefined || week === undefined || !isEventKind(kind)) {
    throw new PipelineError({
      code: 'GENERATE_BAD_EVENT',
      found: `"${text}"`,
      expected: `KIND@YYYY-Www or KIND@YYYY-Www-D with KIND one of ${Object.keys(EVENT_KINDS).join(', ')}`,
      fix: 'Write for example exporter@2022-W26, or exporter@2022-W26-3 for its Wednesday.',
    });
  }
  const fromDay = mondayOfIsoWeek(week) + Number(match?.[3] ?? 1) - 1;
  const untilDay = kind === 'volume' ? fromDay + 7 * GENERATOR.events.volume.weeks : null;
  return { name: text, kind, week, fromDay, untilDay };
}

/** Whether the event is in force on the day. */
export function isActive(event: TrafficEvent, day: number): boolean {
  return day >= event.fromDay && (event.untilDay === null || day < event.untilDay);
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
    what: EVENT_KINDS[event.kind],
    parameters: eventParameters(event.kind),
  };
}

function eventParameters(kind: EventKind): Readonly<Record<string, unknown>> {
  switch (kind) {
    case 'exporter':
      return GENERATOR.events.exporter;
    case 'certificate':
      return GENERATOR.events.certificate;
    case 'volume':
      return GENERATOR.events.volume;
    case 'new-app':
    case 'new-app-far':
      return GENERATOR.events.newApp;
  }
}

function isEventKind(text: string): text is EventKind {
  return Object.hasOwn(EVENT_KINDS, text);
}
