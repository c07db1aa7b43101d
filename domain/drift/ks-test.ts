/**
 * The two-sample Kolmogorov-Smirnov test, as `scipy.stats.ks_2samp`.
 *
 * @see golden vectors: test/golden/ks-test.json
 */
import { PipelineError } from '../../contracts/errors.js';
import { kolmogorovSurvival } from './kolmogorov.js';
import { sortNumbers } from './sort-numbers.js';

/** What the test says. */
export interface KsResult {
  /** D, the largest distance between the two empirical distribution functions, in [0, 1]. */
  readonly statistic: number;
  /** Chance of a D at least as large when both samples stem from one distribution, in [0, 1]. */
  readonly pValue: number;
}

/** Samples up to this size get an exact p-value. */
const EXACT_LIMIT = 10_000;

/**
 * Tests whether two samples stem from one continuous distribution; with ties the p-value errs to the safe side.
 *
 * The exact p-value counts the ways in which two samples of these sizes mingle; the asymptotic one is the chance of D
 * with n m / (n + m) values, rounded.
 *
 * @param a numbers, not empty; any order
 * @param b numbers, not empty; any order
 * @param method `auto` is exact when neither sample has more than 10,000 values. @default 'auto'
 * @throws PipelineError DRIFT_INPUT when a sample is empty or has a NaN
 */
export function ksTest(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  method: 'auto' | 'exact' | 'asymptotic' = 'auto',
): KsResult {
  const distance = largestDistance(sorted(a), sorted(b));
  const [more, fewer] = a.length >= b.length ? [a.length, b.length] : [b.length, a.length];
  if (method === 'exact' || (method === 'auto' && more <= EXACT_LIMIT)) {
    return exactTest(more, fewer, distance);
  }
  const n = roundHalfEven((more * fewer) / (more + fewer));
  return { statistic: distance, pValue: kolmogorovSurvival(n, distance) };
}

/** Ascending copy. */
function sorted(sample: ArrayLike<number>): Float64Array {
  const values = sortNumbers(sample); // NaN comes last
  if (!Number.isNaN(values[values.length - 1] ?? NaN)) return values;
  throw new PipelineError({
    code: 'DRIFT_INPUT',
    found: values.length === 0 ? 'an empty sample' : 'NaN in a sample',
    expected: 'at least one number in each sample',
    fix: 'Leave out what has no value.',
  });
}

function largestDistance(x: Float64Array, y: Float64Array): number {
  const n = x.length;
  const m = y.length;
  let above = 0;
  let below = 0;
  for (let i = 0, j = 0; i < n && j < m;) {
    const value = Math.min(x[i]!, y[j]!); // i < n, j < m
    while (i < n && x[i] === value) i++;
    while (j < m && y[j] === value) j++;
    const difference = i / n - j / m;
    if (difference > above) above = difference;
    else if (-difference > below) below = -difference;
  }
  return Math.max(above, below);
}

/** @param distance D up to rounding: it is a multiple of 1 / lcm(m, n) */
function exactTest(m: number, n: number, distance: number): KsResult {
  const divisor = greatestCommonDivisor(m, n);
  const multiple = (m / divisor) * n;
  const h = Math.round(distance * multiple);
  const pValue = h === 0 ? 1 : m === n ? outsideSquare(n, h) : outsideBand(m, n, divisor, h);
  return { statistic: h / multiple, pValue: Math.min(1, Math.max(0, pValue)) };
}

/**
 * Share of the lattice paths from (0, 0) to (n, n) that touch |x - y| = h, by reflection: an alternating sum of
 * binomials over (2n choose n), nested so that each factor is below 1.
 *
 * @see Hodges, "The significance probability of the Smirnov two-sample test", Arkiv för Matematik 3 (1958)
 */
function outsideSquare(n: number, h: number): number {
  let share = 0;
  for (let k = Math.floor(n / h); k >= 0; k--) {
    let factor = 1;
    for (let j = 0; j < h; j++) factor *= (n - k * h - j) / (n + k * h + j + 1);
    share = factor * (1 - share);
  }
  return 2 * share;
}

/**
 * Share of the lattice paths from (0, 0) to (m, n) that leave |x / m - y / n| < h / lcm(m, n), column by column: of the
 * paths to (x, y), x in x + y come from the left and y from below.
 *
 * @see Hodges (1958), as above
 */
function outsideBand(m: number, n: number, divisor: number, h: number): number {
  const stepX = n / divisor;
  const stepY = m / divisor;
  const outside = new Float64Array(n + 1).fill(1); // of the paths to (x, y), shape [y]
  outside.fill(0, 0, Math.min(Math.ceil(h / stepY), n + 1));
  for (let x = 1; x <= m; x++) {
    const from = Math.max(Math.floor((x * stepX - h) / stepY) + 1, 0);
    const to = Math.min(Math.ceil((x * stepX + h) / stepY), n + 1);
    if (to <= from) return 1;
    let share = 1; // below the band; without effect when y is 0
    for (let y = from; y < to; y++) {
      share = (outside[y]! * x + share * y) / (x + y); // y <= n
      outside[y] = share;
    }
  }
  return outside[n]!; // [n + 1]
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** As numpy rounds. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
