/**
 * Distances between two distributions, from counts.
 *
 * K = categories or bins; counts are >= 0. Natural logarithms (nats) everywhere.
 * Golden vectors: test/golden/drift-distances.json (scipy).
 */
import { sortNumbers } from './sort-numbers.js';

/** Counts per category or bin, shape [K]. */
export type Counts = ArrayLike<number>;

/**
 * Smoothed Kullback-Leibler divergence KL(current || reference) in nats, >= 0, finite for empty categories.
 *
 * p = (c + alpha) / (N + alpha K) on both sides.
 *
 * @param alpha pseudo-count per category. @default 0.5 (Jeffreys)
 */
export function klDivergence(current: Counts, reference: Counts, alpha = 0.5): number {
  const K = current.length;
  const q0 = sum(current) + alpha * K;
  const p0 = sum(reference) + alpha * K;
  let divergence = 0;
  for (let k = 0; k < K; k++) {
    const q = (current[k]! + alpha) / q0; // k < K
    const p = (reference[k]! + alpha) / p0; // k < K
    if (q > 0) divergence += q * Math.log(q / p);
  }
  return divergence;
}

/** Jensen-Shannon distance: the root of the divergence, in [0, sqrt(ln 2)]; 0 when a side is empty. */
export function jensenShannonDistance(current: Counts, reference: Counts): number {
  const q0 = sum(current);
  const p0 = sum(reference);
  if (q0 === 0 || p0 === 0) return 0;
  let divergence = 0;
  for (let k = 0; k < current.length; k++) {
    const q = current[k]! / q0; // k < K
    const p = reference[k]! / p0; // k < K
    const middle = (p + q) / 2;
    if (q > 0) divergence += 0.5 * q * Math.log(q / middle);
    if (p > 0) divergence += 0.5 * p * Math.log(p / middle);
  }
  return Math.sqrt(Math.max(0, divergence));
}

/**
 * Population stability index, sum of (q - p) ln(q / p), over counts in the bins of the reference.
 *
 * @param floor least share of a bin. @default 1e-4
 */
export function populationStabilityIndex(current: Counts, reference: Counts, floor = 1e-4): number {
  const q0 = sum(current);
  const p0 = sum(reference);
  if (q0 === 0 || p0 === 0) return 0;
  let index = 0;
  for (let k = 0; k < current.length; k++) {
    const q = Math.max(current[k]! / q0, floor); // k < K
    const p = Math.max(reference[k]! / p0, floor); // k < K
    index += (q - p) * Math.log(q / p);
  }
  return index;
}

/** PSI of two samples over the 10 reference-quantile bins. */
export function sampleStabilityIndex(
  current: ArrayLike<number>,
  reference: ArrayLike<number>,
): number {
  const edges = quantileEdges(reference, 10);
  const count = (sample: ArrayLike<number>): number[] => {
    const counts = new Array<number>(edges.length + 1).fill(0);
    for (let i = 0; i < sample.length; i++) counts[binOf(edges, sample[i]!)]!++; // i < length; a bin of edges
    return counts;
  };
  return populationStabilityIndex(count(current), count(reference));
}

/**
 * Wasserstein-1 distance of two samples: the integral of |F - G|; NaN when a sample is empty or has a NaN.
 *
 * @see scipy.stats.wasserstein_distance
 */
export function wassersteinDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const x = sortNumbers(a);
  const y = sortNumbers(b);
  const n = x.length;
  const m = y.length;
  if (Number.isNaN(x[n - 1]) || Number.isNaN(y[m - 1])) return NaN; // sorted last
  let distance = 0;
  let before = Math.min(x[0] ?? NaN, y[0] ?? NaN);
  for (let i = 0, j = 0; i < n || j < m;) {
    const value = i === n ? y[j]! : j === m ? x[i]! : Math.min(x[i]!, y[j]!); // one of the two is not at its end
    distance += Math.abs(i / n - j / m) * (value - before);
    while (i < n && x[i] === value) i++;
    while (j < m && y[j] === value) j++;
    before = value;
  }
  return distance;
}

/**
 * Wasserstein-1 over the pooled standard deviation (ddof 1): what MFWDD takes per feature.
 *
 * When all values are equal the distance is 0. A feature that is constant in the reference MFWDD treats apart:
 * `wassersteinDriftTest` in `mfwdd.ts`.
 */
export function scaledWasserstein(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = a.length + b.length;
  const mean = (sum(a) + sum(b)) / n;
  const sd = Math.sqrt((squaresAround(mean, a) + squaresAround(mean, b)) / (n - 1));
  return sd === 0 ? 0 : wassersteinDistance(a, b) / sd;
}

/**
 * `scaledWasserstein` of binned features, from counts: bins stand one apart.
 *
 * @param offset first bin of the feature in both tables
 * @param K      bins of the feature
 */
export function scaledWassersteinOfCounts(
  current: Counts,
  reference: Counts,
  offset = 0,
  K = current.length,
): number {
  let q0 = 0;
  let p0 = 0;
  let first = 0;
  let second = 0;
  for (let k = 0; k < K; k++) {
    const q = current[offset + k]!; // inside the feature's bins
    const p = reference[offset + k]!; // inside the feature's bins
    q0 += q;
    p0 += p;
    first += k * (q + p);
    second += k * k * (q + p);
  }
  const n = q0 + p0;
  if (q0 === 0 || p0 === 0 || n < 2) return 0;
  const variance = (second - (first * first) / n) / (n - 1);
  if (variance <= 0) return 0;
  let distance = 0;
  let difference = 0;
  for (let k = 0; k < K - 1; k++) {
    difference += current[offset + k]! / q0 - reference[offset + k]! / p0; // inside the feature's bins
    distance += Math.abs(difference);
  }
  return distance / Math.sqrt(variance);
}

/**
 * Inner edges of quantile bins: at most `bins - 1`, ascending, without repeats (a value that is very
 * frequent takes several bins together).
 */
export function quantileEdges(sample: ArrayLike<number>, bins: number): number[] {
  const sorted = sortNumbers(sample);
  const edges: number[] = [];
  for (let k = 1; k < bins && sorted.length > 0; k++) {
    const edge = sorted[Math.min(sorted.length - 1, Math.floor((k * sorted.length) / bins))]!; // clamped
    if (edge > (edges.at(-1) ?? sorted[0]!)) edges.push(edge); // sorted is not empty
  }
  return edges;
}

/** Bin of a value: the number of edges at or below it. */
export function binOf(edges: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (edges[middle]! <= value)
      low = middle + 1; // middle < length
    else high = middle;
  }
  return low;
}

/**
 * The q-quantile of values, linear between order statistics (numpy's default).
 *
 * @param q in [0, 1]
 */
export function quantile(values: ArrayLike<number>, q: number): number {
  const sorted = sortNumbers(values);
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const below = sorted[low] ?? NaN;
  const above = sorted[Math.min(low + 1, sorted.length - 1)] ?? NaN;
  return below + (above - below) * (at - low);
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!; // i < length
  return total;
}

function squaresAround(mean: number, values: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2; // i < length
  return squares;
}
