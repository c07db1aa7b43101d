import { expect, test } from 'vitest';
import {
  dateOfDay,
  dayOfDate,
  isHoliday,
  isoWeekOf,
  mondayOfIsoWeek,
  pragueHours,
} from '../../../domain/traffic/generator-calendar.js';

test.each([
  ['2022-01-01', '2021-W52'],
  ['2022-01-03', '2022-W01'],
  ['2020-12-31', '2020-W53'],
  ['2000-01-01', '1999-W52'],
  ['1970-01-01', '1970-W01'],
])('%s lies in %s', (date, week) => {
  expect(isoWeekOf(dayOfDate(date))).toBe(week);
});

test.each([
  ['2022-W22', '2022-05-30'],
  ['2020-W53', '2020-12-28'],
  ['2022-W01', '2022-01-03'],
])('%s begins on %s', (week, date) => {
  expect(dateOfDay(mondayOfIsoWeek(week))).toBe(date);
});

test.each(['2022-W53', '2022-W00', '2022-22', 'W22'])('%s is no week', (week) => {
  expect(() => mondayOfIsoWeek(week)).toThrow(/GENERATE_BAD_WEEK/);
});

test.each([
  ['2022-06-06', 24, '2022-06-05T22:00'],
  ['2022-12-06', 24, '2022-12-05T23:00'],
  ['2022-03-27', 23, '2022-03-26T23:00'],
  ['2022-10-30', 25, '2022-10-29T22:00'],
])('%s has %i hours in Prague and begins at %s UTC', (date, hours, start) => {
  const got = pragueHours(dayOfDate(date));
  expect(got).toHaveLength(hours);
  expect(new Date(got[0]!.startMs).toISOString().slice(0, 16)).toBe(start); // at least 23 hours
});

test('5 July is a Czech holiday, 4 July is none', () => {
  expect([isHoliday(dayOfDate('2022-07-05')), isHoliday(dayOfDate('2022-07-04'))]).toEqual([
    true,
    false,
  ]);
});
