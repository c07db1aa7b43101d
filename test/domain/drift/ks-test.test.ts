import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kolmogorovSurvival } from '../../../domain/drift/kolmogorov.js';
import { ksTest } from '../../../domain/drift/ks-test.js';

interface KsCase<Sample> {
  a: Sample;
  b: Sample;
  method: 'auto' | 'asymp';
  statistic: number;
  pValue: number;
}
/** n, levels, shift, seed: see ks-test.py. */
type Recipe = [number, number, number, number];
interface Golden {
  tolerance: number;
  listed: KsCase<number[]>[];
  drawn: KsCase<Recipe>[];
  /** n, d, chance. */
  survival: [number, number, number][];
}
const golden = JSON.parse(
  readFileSync(new URL('../../golden/ks-test.json', import.meta.url), 'utf8'),
) as Golden; // written by ks-test.py

describe('the test agrees with scipy', () => {
  test.each(golden.listed)('on listed samples, $method', ({ a, b, ...want }) => {
    expectResult(a, b, want);
  });

  test.each(golden.drawn)('on samples of $a and $b, $method', ({ a, b, ...want }) => {
    expectResult(sampleOf(a), sampleOf(b), want);
  });
});

test('published: D .25, exact p .79556, asymptotic .84460, not the .88489 of the limit', () => {
  const a = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const b = [2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
  expect(ksTest(a, b).statistic).toBe(0.25);
  expect(ksTest(a, b).pValue).toBeCloseTo(0.7955589302338527, 12);
  expect(ksTest(a, b, 'asymptotic').pValue).toBeCloseTo(0.8446, 4);
});

test("Kolmogorov's distribution agrees with scipy for every size and distance", () => {
  const worst = { n: 0, d: 0, got: 0, want: 0, difference: -1 };
  for (const [n, d, want] of golden.survival) {
    const got = kolmogorovSurvival(n, d);
    const difference = relative(got, want);
    if (!(difference <= worst.difference)) Object.assign(worst, { n, d, got, want, difference });
  }
  expect(golden.survival.length).toBeGreaterThan(300);
  expect(worst.difference, JSON.stringify(worst)).toBeLessThanOrEqual(golden.tolerance);
});

test('the exact p-value is the share of the ways to mingle two samples that give as large a D', () => {
  for (const [n, m] of [
    [4, 4],
    [3, 5],
    [4, 6],
    [1, 7],
  ] as const) {
    const all = mingled(n, m).map(({ a, b }) => ({ a, b, ...ksTest(a, b) }));
    for (const { statistic, pValue } of all) {
      const asLarge = all.filter((other) => other.statistic >= statistic - 1e-12);
      expect(pValue).toBeCloseTo(asLarge.length / all.length, 12);
    }
  }
});

test('D and p do not care which side is which, nor about the order or scale of values', () => {
  const sample = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(sample, sample, (a, b) => {
      const result = ksTest(a, b);
      expect(ksTest(b, a)).toEqual(result);
      const turned = (values: number[]): number[] => values.map((x) => 3 - 2 * x).reverse();
      const again = ksTest(turned(a), turned(b));
      expect(again.statistic).toBeCloseTo(result.statistic, 12);
      expect(again.pValue).toBeCloseTo(result.pValue, 9);
    }),
  );
});

test('equal samples have D 0 and p 1', () => {
  expect(ksTest([1, 2, 3], [3, 2, 1])).toEqual({ statistic: 0, pValue: 1 });
});

test('an empty sample and a NaN are refused', () => {
  expect(() => ksTest([], [1])).toThrow(/DRIFT_INPUT.*empty/s);
  expect(() => ksTest([1], [1, NaN])).toThrow(/DRIFT_INPUT.*NaN/s);
});

function expectResult(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  want: Pick<KsCase<unknown>, 'method' | 'statistic' | 'pValue'>,
): void {
  const got = ksTest(a, b, want.method === 'asymp' ? 'asymptotic' : 'auto');
  expect(got.statistic).toBeCloseTo(want.statistic, 14);
  const found = `p: got ${got.pValue}, want ${want.pValue}`;
  expect(relative(got.pValue, want.pValue), found).toBeLessThanOrEqual(golden.tolerance);
}

function relative(got: number, want: number): number {
  return want === 0 ? got : Math.abs(got / want - 1);
}

function sampleOf([n, levels, shift, seed]: Recipe): Float64Array {
  let state = seed;
  return Float64Array.from({ length: n }, () => {
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * levels) + shift;
  });
}

/** All ways in which n and m different values can stand in one order. */
function mingled(n: number, m: number): { a: number[]; b: number[] }[] {
  const ways: { a: number[]; b: number[] }[] = [];
  for (let bits = 0; bits < 2 ** (n + m); bits++) {
    const ranks = Array.from({ length: n + m }, (_, rank) => rank);
    const a = ranks.filter((rank) => (bits >> rank) % 2 === 1);
    if (a.length === n) ways.push({ a, b: ranks.filter((rank) => !a.includes(rank)) });
  }
  return ways;
}
