import { describe, expect, test } from 'vitest';
import { formatStats, GENERATED_HEADER } from '../../../domain/traffic/generator-csv.js';
import { dateOfDay, isoWeeksBetween } from '../../../domain/traffic/generator-calendar.js';
import { partitionOf } from '../../../domain/traffic/generator-day.js';
import { planWeek } from '../../../domain/traffic/generator-volume.js';
import {
  createWorld,
  type World,
  type WorldOptions,
} from '../../../domain/traffic/generator-world.js';
import { flowsOf, flowsOfDay, rowsOfWeek } from '../../builders/generated-window.js';

describe('a world', () => {
  test('of one seed is the same every time; of another seed it differs', () => {
    expect(rowsOf(aWorld(), '2022-W22')).toEqual(rowsOf(aWorld(), '2022-W22'));
    expect(rowsOf(aWorld({ seed: 8 }), '2022-W22')).not.toEqual(rowsOf(aWorld(), '2022-W22'));
  });

  test('gives a week the same flows whatever was asked before', () => {
    const asked = aWorld();
    for (const week of isoWeeksBetween('2022-W20', '2022-W30')) rowsOf(asked, week);
    expect(rowsOf(asked, '2022-W24')).toEqual(rowsOf(aWorld(), '2022-W24'));
  });

  test('changes its templates every week, unless drift is off', () => {
    const request = (options: Partial<WorldOptions>, day: number): number =>
      aWorld(options).stateOn(day).apps[0]!.endpoints[0]!.requestBytes; // every app has an endpoint
    expect(request({}, W22)).not.toBe(request({}, W22 + 7));
    expect(request({ weeklyDrift: false }, W22)).toBe(request({ weeklyDrift: false }, W22 + 7));
  });

  test.each([2, 40, 180, 200])('has exactly %i apps with names of their own', (apps) => {
    const names = aWorld({ apps })
      .stateOn(W22)
      .apps.map((app) => app.name);
    expect(new Set(names).size).toBe(apps);
  });

  test('of full size has the provider groups and the categories of the servicemap', () => {
    const { apps } = aWorld({ apps: 180 }).stateOn(W22);
    const groups = [17, 15, 8, 8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2];
    expect(countsOf(apps.map((app) => app.provider))).toEqual([
      ...groups,
      ...new Array<number>(80).fill(1),
    ]);
    expect(countsOf(apps.map((app) => app.category))).toEqual([
      ...[18, 14, 14, 13, 13, 11, 11, 9, 9, 8, 6, 6, 6, 6, 5, 5, 5, 5, 5, 4, 3, 2, 2],
    ]);
  });

  test('keeps the structure of providers when it is small', () => {
    const { apps, providers } = aWorld().stateOn(W22);
    const microsoft = providers.findIndex((provider) => provider.name === 'microsoft');
    expect(apps.filter((app) => app.provider === microsoft)).toHaveLength(4);
    expect(apps.some((app) => app.name === 'microsoft-onedrive')).toBe(true);
  });

  test('of fewer than two apps is refused', () => {
    expect(() => aWorld({ apps: 1 })).toThrow(/GENERATE_BAD_SIZE.*at least 2 apps/);
  });
});

describe('a week', () => {
  test.each([7, 100, 4001])('of %i flows has exactly that many in its seven days', (flows) => {
    expect(total(planWeek(aWorld(), '2022-W22', flows))).toBe(flows);
  });

  test('has most flows on working days, and few on a holiday', () => {
    const days = planWeek(aWorld(), '2022-W27', 4000);
    expect(days.map((day) => day.date)).toEqual([
      ...['2022-07-04', '2022-07-05', '2022-07-06', '2022-07-07'],
      ...['2022-07-08', '2022-07-09', '2022-07-10'],
    ]);
    const [monday, tuesday, , , , saturday] = days.map((day) => day.flows);
    expect(tuesday).toBeLessThan(0.5 * monday!); // 5 July; seven days
    expect(saturday).toBeLessThan(0.5 * monday!); // seven days
  });

  test('begins in Prague: its Monday file holds rows of the week before by UTC', () => {
    const [monday] = planWeek(aWorld(), '2022-W22', 20_000);
    const flows = flowsOfDay(aWorld(), monday!); // seven days
    const early = flows.filter((flow) => partitionOf(flow) === '2022-W21').length / flows.length;
    expect(early).toBeGreaterThan(0.02);
    expect(early).toBeLessThan(0.06);
    expect(flows.every((flow, i) => i === 0 || flow.timeFirstUs >= flows[i - 1]!.timeFirstUs)).toBe(
      true,
    );
  });

  test('that does not exist is refused', () => {
    expect(() => planWeek(aWorld(), '2022-W53', 100)).toThrow(/GENERATE_BAD_WEEK.*"2022-W53"/);
  });
});

describe('a flow', () => {
  const flows = flowsOf(aWorld(), ['2022-W22'], 3000);

  test('has 3 to 30 packets in four lists of one length, sizes 1..1460, first time 0', () => {
    for (const { ppi } of flows) {
      const lengths = [ppi.iptMs, ppi.directions, ppi.sizesBytes, ppi.pushFlags].map(
        (list) => list.length,
      );
      expect(new Set(lengths).size).toBe(1);
      expect(lengths[0]).toBeGreaterThanOrEqual(3);
      expect(lengths[0]).toBeLessThanOrEqual(30);
      expect(ppi.iptMs[0]).toBe(0);
      expect(Math.min(...ppi.sizesBytes)).toBeGreaterThanOrEqual(1);
      expect(Math.max(...ppi.sizesBytes)).toBeLessThanOrEqual(1460);
    }
  });

  test('counts every packet of its PPI in its histograms and totals', () => {
    for (const flow of flows) {
      const inPpi = flow.ppi.directions.filter((direction) => direction === 1).length;
      const counted = sum(flow.phistSrcSizes);
      expect(counted).toBeGreaterThanOrEqual(inPpi);
      expect(flow.packets).toBeGreaterThan(counted);
      expect(flow.durationMs).toBeGreaterThanOrEqual(flow.ppiDurationMs);
    }
  });

  test('of up to 29 packets, none sent twice, has histograms and bytes that follow from its PPI', () => {
    const whole = flows.filter(
      (flow) =>
        flow.ppiLength < 30 && sum(flow.phistSrcSizes) + sum(flow.phistDstSizes) === flow.ppiLength,
    );
    expect(whole.length).toBeGreaterThan(flows.length / 2);
    for (const { ppi, ...flow } of whole) {
      for (const direction of [1, -1]) {
        const sizes = ppi.sizesBytes.filter((_, i) => ppi.directions[i] === direction);
        const bins = new Array<number>(8).fill(0);
        for (const size of sizes) bins[sizeBin(size)]! += 1; // eight bins
        expect(direction === 1 ? flow.phistSrcSizes : flow.phistDstSizes).toEqual(bins);
        const [bytes, packets] =
          direction === 1 ? [flow.bytes, flow.packets] : [flow.bytesRev, flow.packetsRev];
        expect(bytes).toBe(sum(sizes) + 52 * packets); // IP and TCP header with time stamps
      }
      const turns = ppi.directions.filter((d, i) => d === -1 && ppi.directions[i - 1] === 1);
      expect(flow.ppiRoundtrips).toBe(turns.length);
    }
  });
});

describe('a row', () => {
  const [flow] = flowsOf(aWorld(), ['2022-W22'], 7);

  test('has the 45 columns, PPI as four quoted lists, times as naive UTC', () => {
    expect(GENERATED_HEADER.split(',')).toHaveLength(45);
    const [row] = rowsOfWeek(aWorld(), '2022-W22', 7);
    const fields = row!.match(/"[^"]*"|[^,]+/g); // seven flows
    expect(fields).toHaveLength(45);
    const ppi = JSON.parse(fields![40]!.slice(1, -1)) as number[][]; // 45 fields; the PPI column
    expect(ppi).toEqual([
      flow!.ppi.iptMs,
      flow!.ppi.directions,
      flow!.ppi.sizesBytes,
      flow!.ppi.pushFlags,
    ]);
    expect(fields![8]).toMatch(/^2022-05-(29|30)T\d\d:\d\d:\d\d\.\d{6}$/);
    expect(fields![15]).toBe(String(ppi[0]!.length));
  });
});

test('statistics of a day name each app with its rows', () => {
  const stats = formatStats(
    new Map([
      ['b', 2],
      ['a', 1],
    ]),
  );
  expect(stats).toBe('{"global":{"total-saved":3},"apps":{"a":1,"b":2}}\n');
});

/** Monday of 2022-W22, in days since 1970-01-01. */
const W22 = 19_142;

test('2022-W22 begins on 30 May', () => {
  expect(dateOfDay(W22)).toBe('2022-05-30');
});

function aWorld(change: Partial<WorldOptions> = {}): World {
  return createWorld({ seed: 7, apps: 40, ...change });
}

function rowsOf(world: World, week: string): string[] {
  return rowsOfWeek(world, week, 70);
}

/** How often each value occurs, most frequent first. */
function countsOf(values: readonly unknown[]): number[] {
  const counts = new Map<unknown, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts.values()].sort((a, b) => b - a);
}

/** 0-15, 16-31, 32-63 … >= 1024: by the data set's description, not by the code under test. */
function sizeBin(bytes: number): number {
  return [16, 32, 64, 128, 256, 512, 1024].filter((edge) => bytes >= edge).length;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function total(days: readonly { readonly flows: number }[]): number {
  return days.reduce((sum, day) => sum + day.flows, 0);
}
