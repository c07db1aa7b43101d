/**
 * Split conformal prediction: a bound that a new value exceeds with at most a given chance, whatever the distribution.
 *
 * @see Vovk et al., "Algorithmic Learning in a Random World", 2005; n = 99 and alpha = .1 take the 90th value
 */

/** Products such as 100 x .9 may lie a rounding error above a whole number. */
const ROUNDING = 1e-9;

/**
 * The ceil((n + 1)(1 - alpha))-th smallest value: a new value of the same distribution lies above it with a
 * chance of at most alpha.
 *
 * @param values [n] of held-out rows
 * @param alpha  (0, 1)
 * @returns Infinity when n is too small to promise that
 */
export function conformalQuantile(values: ArrayLike<number>, alpha: number): number {
  const sorted = Float64Array.from(values).sort();
  const rank = Math.ceil((sorted.length + 1) * (1 - alpha) - ROUNDING);
  return sorted[rank - 1] ?? Infinity;
}
