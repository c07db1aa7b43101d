/**
 * Random variates over a seeded stream, as the generator needs them. Every function draws from the
 * stream it is given and from nothing else.
 */
import type { SeededRandom } from '../../contracts/seeded-random.js';

/** A normal variate (Box-Muller, cosine branch), mean 0 and sd 1. */
export function drawNormal(random: SeededRandom): number {
  const u = 1 - random.uniform(); // (0, 1], so that the logarithm is finite
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * random.uniform());
}

/** An exponential variate with the given mean. */
export function drawExponential(random: SeededRandom, mean: number): number {
  return -mean * Math.log(1 - random.uniform());
}

/** A lognormal variate: `median * exp(logSd * N(0, 1))`. */
export function drawLognormal(random: SeededRandom, median: number, logSd: number): number {
  return median * Math.exp(logSd * drawNormal(random));
}

/** An integer in [low, high], both included. */
export function drawInteger(random: SeededRandom, low: number, high: number): number {
  return low + random.below(high - low + 1);
}

/** A geometric variate: trials up to and including the first success, so >= 1, with mean `1 / p`. */
export function drawGeometric(random: SeededRandom, p: number): number {
  return 1 + Math.floor(Math.log(1 - random.uniform()) / Math.log(1 - p));
}

/** A gamma variate with scale 1 (Marsaglia and Tsang 2000; shape < 1 by their boost). */
export function drawGamma(random: SeededRandom, shape: number): number {
  if (shape < 1) {
    return drawGamma(random, shape + 1) * Math.pow(1 - random.uniform(), 1 / shape);
  }
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = drawNormal(random);
    const v = (1 + c * x) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** A beta variate in (0, 1). */
export function drawBeta(random: SeededRandom, a: number, b: number): number {
  const x = drawGamma(random, a);
  return x / (x + drawGamma(random, b));
}

/** Shares that sum to 1, by gamma variates of the given shapes. */
export function drawDirichlet(random: SeededRandom, shapes: readonly number[]): number[] {
  const gammas = shapes.map((shape) => drawGamma(random, shape));
  const total = gammas.reduce((sum, gamma) => sum + gamma, 0);
  return gammas.map((gamma) => gamma / total);
}

/** One of the values, all alike. */
export function drawOneOf<Value>(random: SeededRandom, values: readonly Value[]): Value {
  return values[random.below(values.length)]!; // below() is inside the array
}

/** An index by its share; `shares` sum to 1 (the last index takes what rounding leaves). */
export function drawIndex(random: SeededRandom, shares: readonly number[]): number {
  let rest = random.uniform();
  for (let i = 0; i < shares.length - 1; i++) {
    rest -= shares[i]!; // i < shares.length
    if (rest < 0) return i;
  }
  return shares.length - 1;
}

/** A shuffled copy (Fisher-Yates). */
export function drawPermutation<Value>(random: SeededRandom, values: readonly Value[]): Value[] {
  const shuffled = [...values];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!]; // both are inside the array
  }
  return shuffled;
}

/** Running sums of the weights, scaled to end at 1: the table `drawFromCumulative` reads. */
export function cumulativeShares(weights: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(weights.length);
  let total = 0;
  for (let i = 0; i < weights.length; i++) sums[i] = total += weights[i]!; // i < length
  for (let i = 0; i < sums.length; i++) sums[i]! /= total; // i < length
  return sums;
}

/** An index by binary search in a table of `cumulativeShares`. */
export function drawFromCumulative(random: SeededRandom, sums: Float64Array): number {
  const u = random.uniform();
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sums[middle]! > u)
      high = middle; // middle < length
    else low = middle + 1;
  }
  return low;
}
