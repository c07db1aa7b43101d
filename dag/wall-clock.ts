/**
 * What clocks on walls show. Needs the time-zone data of the runtime (`Intl`), which differs between
 * machines: never in the workflow sandbox.
 */

const DAY_MS = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether the runtime knows a zone by this IANA name; offsets such as +02:00 are no names. */
export function isTimeZone(name: string): boolean {
  try {
    return /^[A-Z]/i.test(name) && formatOf(name) !== undefined;
  } catch {
    return false; // Intl throws for names it does not know
  }
}

/** What a clock in `timeZone` shows at `atMs`, to the second, in ms since 1970 as if it were UTC. */
export function wallClock(atMs: number, timeZone: string): number {
  const seconds = Math.floor(atMs / 1_000) * 1_000;
  if (timeZone === 'UTC') return seconds;
  return Date.parse(`${formatOf(timeZone).format(seconds).replace(' ', 'T')}Z`);
}

/**
 * The instants at which a clock in `timeZone` shows `wallClockMs`, in order: none in the hour that a
 * change to summer time leaves out, two in the hour that the change back repeats.
 */
export function instantsOf(wallClockMs: number, timeZone: string): number[] {
  const around = [wallClockMs - DAY_MS, wallClockMs + DAY_MS];
  const offsets = new Set(around.map((atMs) => wallClock(atMs, timeZone) - atMs));
  return [...offsets]
    .map((offset) => wallClockMs - offset)
    .filter((atMs) => wallClock(atMs, timeZone) === wallClockMs)
    .sort((a, b) => a - b);
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format === undefined) {
    // Swedish writes 2022-03-27 01:59:59
    format = new Intl.DateTimeFormat('sv-SE', {
      timeZone,
      dateStyle: 'short',
      timeStyle: 'medium',
    });
    formats.set(timeZone, format);
  }
  return format;
}
