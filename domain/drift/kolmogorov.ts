/**
 * The distribution of Kolmogorov's statistic D of n values, for every n: not only its limit for many.
 *
 * Regions and methods are those of Simard and L'Ecuyer with the limits of scipy's `kstwo`, but that Durbin's matrix
 * also serves where they take Pomeranz's recursion: both are exact.
 *
 * @see Simard and L'Ecuyer, "Computing the two-sided Kolmogorov-Smirnov distribution", J. Stat. Software 39 (2011)
 * @see golden vectors: test/golden/ks-test.json
 */

/**
 * Chance that D of n values is at least d when they stem from the distribution they are held against.
 *
 * At least ten digits agree with `scipy.stats.kstwo.sf`.
 *
 * @param n values, >= 1
 * @param d a distance, in [0, 1]
 * @returns in [0, 1]
 */
export function kolmogorovSurvival(n: number, d: number): number {
  const t = n * d;
  if (t <= 0.5) return 1;
  if (d >= 1) return 0;
  if (t <= 1) return 1 - smallestProbability(n, 2 * t - 1);
  if (t >= n - 1) return Math.min(1, 2 * (1 - d) ** n);
  const nd2 = t * d;
  const isTail = d >= 0.5 || nd2 > (n <= 140 ? 4 : 2.2);
  if (isTail) return Math.min(1, 2 * smirnovSurvival(n, d)); // both sides at once: below 1e-6 of it
  const isExact = n <= 140 || (n <= 100_000 && n * d ** 1.5 <= 1.4);
  const below = isExact ? durbinProbability(n, t) : pelzGoodProbability(n, d);
  return Math.min(1, Math.max(0, 1 - below));
}

/** n! (x / n)^n: P(D < d) where each value has but one place to be. */
function smallestProbability(n: number, x: number): number {
  let p = 1;
  for (let i = 1; i <= n && p > 0; i++) p *= (i / n) * x;
  return p;
}

/** More values than this: the error of the limit is below a double's for the chances that matter. */
const SMIRNOV_LIMIT = 1_000_000;

/**
 * Chance that the one-sided D+ of n values is at least d: Birnbaum and Tingey's sum, each term a binomial probability
 * taken by Loader's saddle point, so that nothing cancels.
 */
function smirnovSurvival(n: number, d: number): number {
  if (n * d * d >= 370) return 0;
  if (n > SMIRNOV_LIMIT) return Math.exp(-((6 * n * d + 1) ** 2) / 18 / n);
  const t = n * d;
  let p = Math.exp(n * Math.log1p(-d));
  const errorN = stirlingError(n);
  for (let j = 1; j <= n - t; j++) {
    const k = n - j;
    const exponent =
      j * Math.log1p(t / j) +
      k * Math.log1p(-t / k) +
      (errorN - stirlingError(j) - stirlingError(k));
    p += (t / (t + j)) * Math.sqrt(n / (2 * Math.PI * j * k)) * Math.exp(exponent);
  }
  return p;
}

/** ln n! minus Stirling's formula, n >= 1. */
function stirlingError(n: number): number {
  if (n < STIRLING_ERRORS.length) return STIRLING_ERRORS[n]!; // n >= 1
  const n2 = n * n;
  return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / n2) / n2) / n2) / n2) / n;
}

const STIRLING_ERRORS: readonly number[] = Array.from({ length: 16 }, (_, n) => {
  let factorial = 1;
  for (let i = 2; i <= n; i++) factorial *= i;
  return Math.log(factorial) - (n + 0.5) * Math.log(n) + n - 0.5 * Math.log(2 * Math.PI);
});

/** What a number is kept below by taking powers of two out of it. */
const SCALE_BITS = 128;
const SCALE = 2 ** SCALE_BITS;

/**
 * P(D < t / n) as an entry of the n-th power of Durbin's matrix, times n! / n^n.
 *
 * @see Marsaglia, Tsang and Wang, "Evaluating Kolmogorov's distribution", J. Stat. Software 8 (2003)
 */
function durbinProbability(n: number, t: number): number {
  const k = Math.ceil(t);
  const size = 2 * k - 1;
  let power = durbinMatrix(size, k - t); // of H, by repeated squaring
  let powerBits = 0;
  let product = identity(size);
  let bits = 0;
  const centre = (k - 1) * size + k - 1;
  for (let left = n; ;) {
    if (left % 2 === 1) {
      product = multiply(product, power, size);
      bits += powerBits;
    }
    left = Math.floor(left / 2);
    if (left === 0) break;
    power = multiply(power, power, size);
    powerBits *= 2;
    if (power[centre]! > SCALE) {
      power = power.map((value) => value / SCALE);
      powerBits += SCALE_BITS;
    }
  }
  let p = product[centre]!; // [size, size]
  for (let i = 1; i <= n; i++) {
    p *= i / n;
    if (p < 1 / SCALE) {
      p *= SCALE;
      bits -= SCALE_BITS;
    }
  }
  return p * 2 ** bits;
}

/** H, shape [size, size]: 1 / (i - j + 1)! below the second diagonal, less where the band's edge cuts a cell by h. */
function durbinMatrix(size: number, h: number): Float64Array {
  const inverse = new Float64Array(size + 1).fill(1); // 1 / i!
  for (let i = 2; i <= size; i++) inverse[i] = inverse[i - 1]! / i; // i - 1 >= 1
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= Math.min(i + 1, size - 1); j++) matrix[i * size + j] = inverse[i - j + 1]!; // <= size
  }
  for (let i = 0; i < size; i++) {
    const cut = h ** (i + 1) * inverse[i + 1]!; // <= size
    matrix[i * size]! -= cut;
    matrix[size * size - 1 - i]! -= cut; // the last row, from its end
  }
  matrix[(size - 1) * size]! += Math.max(0, 2 * h - 1) ** size * inverse[size]!; // the corner was cut twice
  return matrix;
}

function identity(size: number): Float64Array {
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i++) matrix[i * size + i] = 1;
  return matrix;
}

/** a b, all of shape [size, size]. */
function multiply(a: Float64Array, b: Float64Array, size: number): Float64Array {
  const product = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      const factor = a[i * size + k]!; // inside
      if (factor === 0) continue;
      for (let j = 0; j < size; j++) product[i * size + j]! += factor * b[k * size + j]!; // inside
    }
  }
  return product;
}

/** Terms of the theta functions: more are below the smallest double for z < 1.5. */
const THETA_TERMS = 20;

/**
 * P(D < d) for many values, to the third order in 1 / sqrt(n).
 *
 * @see Pelz and Good, "Approximating the lower tail-areas of the Kolmogorov-Smirnov one-sample statistic", JRSS B 38 (1976)
 */
function pelzGoodProbability(n: number, d: number): number {
  const z = Math.sqrt(n) * d;
  const z2 = z * z;
  const z4 = z2 * z2;
  const z6 = z4 * z2;
  const pi2 = Math.PI ** 2;
  const sums = [0, 0, 0, 0] as [number, number, number, number];
  for (let i = 1; i <= THETA_TERMS; i++) {
    const a = (pi2 * (2 * i - 1) ** 2) / 4;
    const odd = Math.exp(-a / (2 * z2));
    sums[0] += odd / z;
    sums[1] += (odd * (a - z2)) / (6 * z4);
    const second = 6 * z6 + 2 * z4 + (2 * z4 - 5 * z2) * a + (1 - 2 * z2) * a * a;
    sums[2] += (odd * second) / (72 * z4 * z2 * z);
    const third =
      -30 * z6 -
      90 * z4 * z4 +
      (135 * z4 - 96 * z6) * a +
      (212 * z4 - 60 * z2) * a ** 2 +
      (5 - 30 * z2) * a ** 3;
    sums[3] += (odd * third) / (6480 * z6 * z4);
    const b = pi2 * i ** 2;
    const even = Math.exp(-b / (2 * z2));
    sums[2] -= (even * b) / (36 * z2 * z);
    sums[3] += (even * b * (3 * z2 - b)) / (216 * z6);
  }
  const root = Math.sqrt(n);
  const [k0, k1, k2, k3] = sums;
  return Math.sqrt(2 * Math.PI) * (k0 + k1 / root + k2 / n + k3 / (n * root));
}
