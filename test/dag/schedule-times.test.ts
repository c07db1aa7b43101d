import { describe, expect, it, test } from 'vitest';
import type { Schedule } from '../../dag/schedule.js';
import { firstTimes, nextTimes, tickPartition } from '../../dag/schedule-times.js';
import type { PartitionKind } from '../../dag/partitions.js';

const PRAGUE = 'Europe/Prague';

/** The times of a schedule on a span of UTC, as ISO texts. */
function times(schedule: Schedule, from: string, to: string): string[] {
  return nextTimes(schedule, Date.parse(from), Date.parse(to)).map((time) =>
    new Date(time).toISOString().replace(':00.000Z', 'Z'),
  );
}

describe('times', () => {
  it.each<[string, Schedule, string, string, string[]]>([
    [
      'a Monday in Prague is another hour of UTC in winter and in summer',
      { cron: '0 4 * * 1', timeZone: PRAGUE },
      '2022-03-20T00:00Z',
      '2022-03-29T00:00Z',
      ['2022-03-21T03:00Z', '2022-03-28T02:00Z'],
    ],
    [
      'a time in the hour that summer time leaves out does not fire on that day',
      { cron: '30 2 * * *', timeZone: PRAGUE },
      '2022-03-26T00:00Z',
      '2022-03-28T12:00Z',
      ['2022-03-26T01:30Z', '2022-03-28T00:30Z'],
    ],
    [
      'a time in the repeated hour fires in its second copy east of Greenwich',
      { cron: '30 2 * * *', timeZone: PRAGUE },
      '2022-10-29T12:00Z',
      '2022-10-30T12:00Z',
      ['2022-10-30T01:30Z'],
    ],
    [
      'and in both copies west of it',
      { cron: '30 1 * * *', timeZone: 'America/New_York' },
      '2022-11-06T00:00Z',
      '2022-11-07T00:00Z',
      ['2022-11-06T05:30Z', '2022-11-06T06:30Z'],
    ],
    [
      'an interval counts from 1970 and knows no zones',
      { every: { intervalMs: 6 * 3_600_000, offsetMs: 60_000 }, timeZone: PRAGUE },
      '2022-03-27T00:00Z',
      '2022-03-27T12:00Z',
      ['2022-03-27T00:01Z', '2022-03-27T06:01Z'],
    ],
    [
      'day of month and weekday must both match',
      { cron: '0 0 13 * 5' },
      '2022-01-01T00:00Z',
      '2023-01-31T00:00Z',
      ['2022-05-13T00:00Z', '2023-01-13T00:00Z'],
    ],
    [
      'several ways to fire add up, and the same instant fires once',
      { cron: ['0 0 * * *', '0 12 * * *'], every: { intervalMs: 43_200_000 } },
      '2022-06-05T00:00Z',
      '2022-06-06T00:00Z',
      ['2022-06-05T12:00Z', '2022-06-06T00:00Z'],
    ],
    [
      'skipped times do not fire',
      { cron: '@daily', skip: [{ month: 12, dayOfMonth: { start: 24, end: 26 } }] },
      '2022-12-23T00:00Z',
      '2022-12-28T00:00Z',
      ['2022-12-27T00:00Z', '2022-12-28T00:00Z'],
    ],
    [
      'both ends of the allowed span may fire',
      { cron: '@daily', startAt: '2022-06-05T00:00:00Z', endAt: '2022-06-06T00:00:00Z' },
      '2022-01-01T00:00Z',
      '2023-01-01T00:00Z',
      ['2022-06-05T00:00Z', '2022-06-06T00:00Z'],
    ],
    [
      'a year and a second',
      { cron: '30 15 6 29 2 * 2024', timeZone: 'UTC' },
      '2022-01-01T00:00Z',
      '2030-01-01T00:00Z',
      ['2024-02-29T06:15:30.000Z'],
    ],
  ])('%s', (_, schedule, from, to, expected) => {
    expect(times(schedule, from, to)).toEqual(expected);
  });

  it('the first few of a schedule without end, and all of one that ends', () => {
    expect(firstTimes({ cron: '0 0 29 2 *' }, Date.UTC(1996, 1, 29), 2)).toEqual([
      Date.UTC(2000, 1, 29),
      Date.UTC(2004, 1, 29),
    ]);
    expect(firstTimes({ cron: '0 0 1 1 * 2022' }, 0, 3)).toEqual([Date.UTC(2022, 0, 1)]);
    expect(firstTimes({ cron: '* * * * *', skip: [{ hour: '*', minute: '*' }] }, 0, 1)).toEqual([]);
  });
});

test.each<[PartitionKind, string, string, string]>([
  // Monday 00:30 in Prague is Sunday 22:30 UTC
  ['iso-week', '2022-06-05T22:30Z', PRAGUE, '2022-W22'],
  ['iso-week', '2022-06-05T22:30Z', 'UTC', '2022-W21'],
  ['iso-week', '2021-01-04T03:00Z', PRAGUE, '2020-W53'],
  ['day', '2022-06-05T22:30Z', PRAGUE, '2022-06-05'],
  ['day', '2022-03-27T22:00Z', PRAGUE, '2022-03-27'],
  ['day', '2022-10-29T22:00Z', PRAGUE, '2022-10-29'],
  // Samoa had no 30 December 2011
  ['day', '2011-12-30T10:00Z', 'Pacific/Apia', '2011-12-29'],
  ['month', '2022-03-31T21:00Z', PRAGUE, '2022-02'],
  ['month', '2022-03-31T22:00Z', PRAGUE, '2022-03'],
  ['hour', '2022-06-05T11:00Z', PRAGUE, '2022-06-05T12'],
  // 02:00 to 03:00 does not exist, and later in the year comes twice
  ['hour', '2022-03-27T01:00Z', PRAGUE, '2022-03-27T01'],
  ['hour', '2022-10-30T00:00Z', PRAGUE, '2022-10-30T01'],
  ['hour', '2022-10-30T01:00Z', PRAGUE, '2022-10-30T01'],
  ['hour', '2022-10-30T02:00Z', PRAGUE, '2022-10-30T02'],
  ['none', '2022-06-05T22:30Z', PRAGUE, ''],
])('a tick of %o at %s in %s is about %s', (kind, at, zone, expected) => {
  expect(tickPartition(kind, Date.parse(at), zone)).toBe(expected);
});
