import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { dayOfDate, easterSunday, isHoliday } from '../../../domain/traffic/generator-calendar.js';
import { createWorld, type Popularity } from '../../../domain/traffic/generator-world.js';
import { AsciiWriter } from '../../../domain/traffic/generator-writer.js';

/** Made by test/golden/generator.py. */
interface Golden {
  readonly tolerance: number;
  readonly easter: Readonly<Record<string, number>>;
  readonly balanced: readonly number[];
  readonly zipf: readonly number[];
  readonly decimals: readonly [number, string][];
}

const golden = JSON.parse(
  readFileSync(new URL('../../golden/generator.json', import.meta.url), 'utf8'),
) as Golden; // the script beside it writes this shape

test('Easter is that of dateutil in 230 years', () => {
  for (const [year, day] of Object.entries(golden.easter)) {
    expect([year, easterSunday(Number(year))]).toEqual([year, day]);
  }
});

test.each([
  ['2022-04-15', true],
  ['2022-04-17', false],
  ['2022-04-18', true],
  ['2022-11-17', true],
  ['2022-11-18', false],
])('%s is a Czech holiday: %s', (date, holiday) => {
  expect(isHoliday(dayOfDate(date))).toBe(holiday);
});

describe.each(['balanced', 'zipf'] as const)('apps of %s popularity', (popularity: Popularity) => {
  const { apps } = createWorld({ seed: 7, popularity }).stateOn(0);

  test('have the shares of their ranks', () => {
    const shares = apps.map((app) => app.popularity).sort((a, b) => b - a);
    shares.forEach((share, rank) => {
      expect(Math.abs(share - golden[popularity][rank]!)).toBeLessThan(golden.tolerance); // 180 ranks
    });
  });
});

test('in balanced traffic the ranks are within a fifth of those of week 1 of the data set', () => {
  const first = golden.balanced[0]!; // 180 ranks
  const published = { 20: 2757, 40: 1387, 60: 730, 100: 313, 140: 167 };
  for (const [rank, rows] of Object.entries(published)) {
    const ours = (golden.balanced[Number(rank)]! / first) * 5875; // 180 ranks
    expect(Math.abs(ours / rows - 1)).toBeLessThan(0.2);
  }
});

test('in raw traffic more than 40 apps have under 100 flows of 100,000', () => {
  expect(golden.zipf.filter((share) => share * 100_000 < 100).length).toBeGreaterThan(40);
});

test('a decimal is written as Python and JavaScript print it', () => {
  for (const [units, text] of golden.decimals) {
    expect(written((to) => to.decimal(units, 6))).toBe(text);
    expect(String(units / 1e6)).toBe(text);
  }
});

test.each([
  [0, '0'],
  [-1, '-1'],
  [9, '9'],
  [10, '10'],
  [1460, '1460'],
  [Number.MAX_SAFE_INTEGER, '9007199254740991'],
])('the integer %s is written as %s', (value, text) => {
  expect(written((to) => to.integer(value))).toBe(text);
});

test('times are naive UTC with microseconds, addresses dotted', () => {
  const us = Date.UTC(2022, 11, 31, 23, 59, 59, 999) * 1000 + 7;
  expect(written((to) => to.time(us))).toBe('2022-12-31T23:59:59.999007');
  expect(written((to) => to.address(0xc6120001))).toBe('198.18.0.1');
});

function written(write: (to: AsciiWriter) => void): string {
  const to = new AsciiWriter(64);
  write(to);
  return new TextDecoder().decode(to.take());
}
