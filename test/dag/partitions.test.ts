import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isoWeekOf, lastEndedWeek, weekRange, weekStart } from '../../dag/partitions.js';

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

  it('a tick on Monday is about the week that has just ended', () => {
    expect(lastEndedWeek(new Date('2022-06-06T02:00:00Z'))).toBe('2022-W22');
    expect(lastEndedWeek(new Date('2021-01-04T02:00:00Z'))).toBe('2020-W53');
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
