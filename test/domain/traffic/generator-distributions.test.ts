import { expect, test } from 'vitest';
import { seededRandom, type SeededRandom } from '../../../contracts/seeded-random.js';
import {
  cumulativeShares,
  drawBeta,
  drawDirichlet,
  drawExponential,
  drawFromCumulative,
  drawGamma,
  drawGeometric,
  drawIndex,
  drawLognormal,
  drawNormal,
  drawPermutation,
} from '../../../domain/traffic/generator-distributions.js';

const N = 40_000;

/** Variate, its mean and its variance by the textbook. */
const CASES: [string, (random: SeededRandom) => number, number, number][] = [
  ['uniform', (r) => r.uniform(), 1 / 2, 1 / 12],
  ['normal', drawNormal, 0, 1],
  ['exponential, mean 3', (r) => drawExponential(r, 3), 3, 9],
  ['geometric, p .2', (r) => drawGeometric(r, 0.2), 5, 20],
  ['gamma, shape .5', (r) => drawGamma(r, 0.5), 0.5, 0.5],
  ['gamma, shape 4', (r) => drawGamma(r, 4), 4, 4],
  ['beta 5, 2', (r) => drawBeta(r, 5, 2), 5 / 7, 10 / (49 * 8)],
  ['log of lognormal', (r) => Math.log(drawLognormal(r, 14, 0.6)), Math.log(14), 0.36],
  ['index of shares', (r) => drawIndex(r, [0.3, 0.4, 0.3]), 1, 0.6],
  ['cumulative', (r) => drawFromCumulative(r, cumulativeShares([3, 4, 3])), 1, 0.6],
  ['first of Dirichlet 2, 1, 1', (r) => drawDirichlet(r, [2, 1, 1])[0]!, 0.5, 0.05],
];

test.each(CASES)('%s has its mean and variance', (name, draw, mean, variance) => {
  const random = seededRandom('moments', name);
  const values = Array.from({ length: N }, () => draw(random));
  const gotMean = values.reduce((sum, x) => sum + x, 0) / N;
  const gotVariance = values.reduce((sum, x) => sum + (x - gotMean) ** 2, 0) / N;
  expect(Math.abs(gotMean - mean)).toBeLessThan(4 * Math.sqrt(variance / N));
  expect(gotVariance / variance).toBeGreaterThan(0.9);
  expect(gotVariance / variance).toBeLessThan(1.1);
});

test('streams of different keys are unrelated, of equal keys equal', () => {
  const first = (...key: (string | number)[]): number => seededRandom(...key).nextUint32();
  expect(first(7, 'day')).toBe(first(7, 'day'));
  expect(
    new Set([first(7, 'day'), first('7', 'day'), first(7, 'da', 'y'), first(8, 'day')]).size,
  ).toBe(4);
});

test('every bit of the stream is as often 0 as 1', () => {
  const bits = Array.from({ length: 32 }, () => 0);
  const random = seededRandom('bits');
  for (let i = 0; i < 4000; i++) {
    const x = random.nextUint32();
    for (let b = 0; b < 32; b++) bits[b]! += (x >>> b) & 1; // 32 bits
  }
  for (const ones of bits) expect(Math.abs(ones - 2000)).toBeLessThan(160); // five sigma
});

test('a permutation holds every value once', () => {
  const values = Array.from({ length: 50 }, (_, i) => i);
  const shuffled = drawPermutation(seededRandom('shuffle'), values);
  expect(shuffled).not.toEqual(values);
  expect([...shuffled].sort((a, b) => a - b)).toEqual(values);
});
