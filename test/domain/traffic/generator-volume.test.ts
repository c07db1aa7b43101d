import { describe, expect, test } from 'vitest';
import { isoWeeksBetween } from '../../../domain/traffic/generator-calendar.js';
import { generateDay } from '../../../domain/traffic/generator-day.js';
import { planWeek, type DayPlan } from '../../../domain/traffic/generator-volume.js';
import { createWorld, type World } from '../../../domain/traffic/generator-world.js';

const SEEDS = [7, 11, 23, 31, 42];
const FLOWS = 1_000_000;

describe('a year', () => {
  test('of one week does not depend on the weeks that were planned before', () => {
    const asked = aWorld();
    yearOf(asked, '2022-W20', '2022-W24');
    expect(yearOf(asked, '2022-W22', '2022-W22')).toEqual(yearOf(aWorld(), '2022-W22', '2022-W22'));
  });

  test('has about the asked flows in a week of June, .64 of them in July, few at Christmas', () => {
    for (const seed of SEEDS) {
      const week = (name: string): number =>
        yearOf(aWorld(seed), name, name).reduce((sum, day) => sum + day.flows, 0) / FLOWS;
      expect(week('2022-W23')).toBeGreaterThan(0.85);
      expect(week('2022-W23')).toBeLessThan(1.2);
      expect(week('2022-W28') / week('2022-W23')).toBeGreaterThan(0.5);
      expect(week('2022-W28') / week('2022-W23')).toBeLessThan(0.8);
      expect(week('2022-W52') / week('2022-W47')).toBeLessThan(0.4);
    }
  });

  test('is as hard to forecast as the real one: last week as forecast misses by 6 to 9 %', () => {
    // two months without a change of the calendar
    const errors = SEEDS.map((seed) => {
      const hours = yearOf(aWorld(seed), '2022-W05', '2022-W12').flatMap((day) => day.hourFlows!); // a year has hours
      const misses = hours.slice(168).map((flows, i) => Math.abs(flows - hours[i]!) / flows); // 168 hours before
      return misses.reduce((sum, miss) => sum + miss, 0) / misses.length;
    });
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    expect(mean).toBeGreaterThan(0.06);
    expect(mean).toBeLessThan(0.09);
  });

  test('has the hours of the day on which clocks change', () => {
    const hoursOn = (week: string, date: string): number =>
      yearOf(aWorld(), week, week).find((day) => day.date === date)!.hourFlows!.length; // a day of the week
    expect(hoursOn('2022-W12', '2022-03-27')).toBe(23);
    expect(hoursOn('2022-W43', '2022-10-30')).toBe(25);
    expect(hoursOn('2022-W43', '2022-10-29')).toBe(24);
  });

  test('puts into each hour the flows that were planned for it, in order', () => {
    const world = aWorld();
    const day = planWeek(world, '2022-W22', 20_000, 'year')[1]!; // seven days
    const starts = Array.from(generateDay(world, day), (flow) => flow.timeFirstUs);
    expect(starts).toHaveLength(day.flows);
    expect(starts.every((start, i) => i === 0 || start >= starts[i - 1]!)).toBe(true);
    const first = Date.UTC(2022, 4, 30, 22) * 1000; // local midnight of 31 May
    const counts = new Array<number>(24).fill(0);
    for (const start of starts) counts[Math.floor((start - first) / 3.6e9)]! += 1; // 24 hours
    expect(counts).toEqual(day.hourFlows);
  });
});

function aWorld(seed = 7): World {
  return createWorld({ seed, apps: 40 });
}

function yearOf(world: World, from: string, to: string): DayPlan[] {
  return isoWeeksBetween(from, to).flatMap((week) => planWeek(world, week, FLOWS, 'year'));
}
