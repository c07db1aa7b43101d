import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../contracts/errors.js';
import { PipelineError } from '../../contracts/errors.js';
import {
  isoWeekOf,
  isPartition,
  lastEndedPartition,
  nextPartition,
  partitionInterval,
  partitionRange,
  previousPartition,
  weekRange,
  weekStart,
  type PartitionKind,
  type TimePartition,
} from '../../dag/partitions.js';

const DAY_MS = 86_400_000;

describe('ISO weeks', () => {
  it.each([
    ['1999-12-31T23:59:59Z', '1999-W52'],
    ['2000-01-01T00:00:00Z', '1999-W52'],
    ['2000-01-03T00:00:00Z', '2000-W01'],
    ['2020-12-31T12:00:00Z', '2020-W53'],
    ['2021-01-03T23:59:59Z', '2020-W53'],
    ['1970-01-01T00:00:35Z', '1970-W01'],
    ['2022-01-01T00:00:00Z', '2021-W52'],
  ])('%s lies in %s', (time, week) => {
    expect(isoWeekOf(new Date(time))).toBe(week);
  });

  it('start on the Monday from which all seven days have the same week', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }),
        (time) => {
          const week = isoWeekOf(time);
          const start = weekStart(week);
          expect(start.getUTCDay()).toBe(1);
          expect(start.toISOString()).toContain('T00:00:00.000Z');
          for (const day of [0, 6]) {
            expect(isoWeekOf(new Date(start.getTime() + day * DAY_MS))).toBe(week);
          }
          expect(isoWeekOf(new Date(start.getTime() - 1))).not.toBe(week);
        },
      ),
    );
  });

  it('ranges include both ends and cross years', () => {
    expect(weekRange('2020-W52', '2021-W02')).toEqual([
      '2020-W52',
      '2020-W53',
      '2021-W01',
      '2021-W02',
    ]);
    expect(weekRange('2022-W05', '2022-W04')).toEqual([]);
  });
});

const REGIONS: PartitionKind = { keys: ['eu', 'us', 'asia'] };
const TIMES: readonly TimePartition[] = ['hour', 'day', 'iso-week', 'month'];

it.each<[PartitionKind, string, boolean]>([
  ['iso-week', '2022-W23', true],
  ['iso-week', '2020-W53', true],
  ['iso-week', '2022-W53', false],
  ['iso-week', '2022-W1', false],
  ['day', '2022-06-05', true],
  ['day', '2022-02-29', false],
  ['day', '2022-06-05T13', false],
  ['hour', '2022-06-05T23', true],
  ['hour', '2022-06-05T24', false],
  ['month', '2022-12', true],
  ['month', '2022-13', false],
  ['month', '', false],
  ['none', '', true],
  ['none', '2022-06', false],
  [REGIONS, 'us', true],
  [REGIONS, '', false],
])('of kind %o, %j is a partition: %s', (kind, key, expected) => {
  expect(isPartition(kind, key)).toBe(expected);
});

describe('ranges', () => {
  it.each<[PartitionKind, string, string, string[]]>([
    ['day', '2022-02-27', '2022-03-01', ['2022-02-27', '2022-02-28', '2022-03-01']],
    ['hour', '2021-12-31T23', '2022-01-01T00', ['2021-12-31T23', '2022-01-01T00']],
    ['month', '2021-12', '2022-02', ['2021-12', '2022-01', '2022-02']],
    ['iso-week', '2022-W23', '2022-W23', ['2022-W23']],
    [REGIONS, 'us', 'asia', ['us', 'asia']],
    ['none', '', '', ['']],
  ])('of kind %o from %s to %s', (kind, from, to, expected) => {
    expect(partitionRange(kind, from, to)).toEqual(expected);
  });

  it.each<[PartitionKind, string, string, RegExp]>([
    ['day', '2022-W23', '2022-06-05', /partition "2022-W23".*a day, such as/],
    ['iso-week', '2022-W23', '', /no partition/],
    ['month', '2022-06', '2022-05', /from 2022-06 to 2022-05.*from 2022-05 to 2022-06/],
    [REGIONS, 'us', 'eu', /from us to eu/],
    [REGIONS, 'us', 'mars', /one of eu, us, asia/],
  ])('of kind %o from %s to %s are refused', (kind, from, to, message) => {
    const fault = faultOf(() => partitionRange(kind, from, to));
    expect(fault.code).toBe('DAG_BAD_PARTITION');
    expect(Object.values(fault).join(' ')).toMatch(message);
  });

  it('are in the order of their names, each next to the one before, without a gap in time', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...TIMES),
        fc.date({ min: new Date(0), max: new Date('2099-01-01'), noInvalidDate: true }),
        fc.integer({ min: 1, max: 60 }),
        (kind, time, length) => {
          const from = lastEndedPartition(kind, time.getTime());
          const keys = [from];
          for (let i = 1; i < length; i += 1) keys.push(nextPartition(kind, keys.at(-1)!)!); // never the last
          const last = keys.at(-1)!; // not empty
          expect(partitionRange(kind, from, last)).toEqual(keys);
          expect([...keys].sort()).toEqual(keys);
          keys.slice(1).forEach((key, index) => {
            expect(previousPartition(kind, key)).toBe(keys[index]);
            expect(partitionInterval(kind, key)?.startMs).toBe(
              partitionInterval(kind, keys[index]!)?.endMs, // as many as before
            );
          });
        },
      ),
    );
  });
});

it('the last ended partition has ended, and the next one has not', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...TIMES),
      fc.date({ min: new Date(0), max: new Date('2099-01-01'), noInvalidDate: true }),
      (kind, time) => {
        const key = lastEndedPartition(kind, time.getTime());
        const span = partitionInterval(kind, key)!; // a time partition has one
        expect(span.endMs).toBeLessThanOrEqual(time.getTime());
        const next = partitionInterval(kind, nextPartition(kind, key)!)!; // time has no end
        expect(next.endMs).toBeGreaterThan(time.getTime());
      },
    ),
  );
});

it('neighbours of a list end with it', () => {
  expect(nextPartition(REGIONS, 'eu')).toBe('us');
  expect(nextPartition(REGIONS, 'asia')).toBeUndefined();
  expect(previousPartition(REGIONS, 'eu')).toBeUndefined();
  expect(nextPartition('none', '')).toBeUndefined();
  expect(partitionInterval(REGIONS, 'eu')).toBeNull();
  expect(faultOf(() => lastEndedPartition(REGIONS, 0)).code).toBe('DAG_BAD_PARTITION');
});

function faultOf(call: () => unknown): Fault {
  try {
    call();
  } catch (error) {
    if (error instanceof PipelineError) return error.fault;
    throw error;
  }
  throw new Error('nothing was thrown');
}
