/**
 * P-values of many tests, adjusted so that a few small ones among many do not count as a find.
 *
 * An adjusted p-value is held against the level directly, e.g. `< 0.05`. M = tests.
 *
 * @see golden vectors: test/golden/multiplicity.json
 */
import { PipelineError } from '../../contracts/errors.js';

/**
 * Benjamini and Hochberg's adjusted p-values: among all tests below the level, the expected share of false finds is at
 * most the level. For independent tests, and for those that rise and fall together.
 *
 * @param pValues shape [M], each in [0, 1]
 * @returns shape [M], in the same order
 * @throws PipelineError DRIFT_INPUT when a p-value is outside [0, 1]
 * @see scipy.stats.false_discovery_control
 */
export function benjaminiHochberg(pValues: ArrayLike<number>): Float64Array {
  const M = pValues.length;
  const order = ascending(pValues);
  const adjusted = new Float64Array(M);
  let least = 1;
  for (let rank = M; rank >= 1; rank--) {
    const i = order[rank - 1]!; // rank is 1 .. M
    least = Math.min(least, pValues[i]! * (M / rank)); // i < M
    adjusted[i] = least;
  }
  return adjusted;
}

/**
 * Holm's step-down adjusted p-values: the chance of even one false find among all tests is at most the level. For tests
 * that depend on each other in any way.
 *
 * @param pValues shape [M], each in [0, 1]
 * @returns shape [M], in the same order
 * @throws PipelineError DRIFT_INPUT when a p-value is outside [0, 1]
 * @see statsmodels.stats.multitest.multipletests, method 'holm'
 */
export function holm(pValues: ArrayLike<number>): Float64Array {
  const M = pValues.length;
  const adjusted = new Float64Array(M);
  let most = 0;
  ascending(pValues).forEach((i, smaller) => {
    most = Math.max(most, Math.min(1, pValues[i]! * (M - smaller))); // i < M
    adjusted[i] = most;
  });
  return adjusted;
}

/** Places of the p-values, that of the smallest first. */
function ascending(pValues: ArrayLike<number>): number[] {
  const at = Array.from(pValues).findIndex((p) => !(p >= 0 && p <= 1));
  if (at >= 0) {
    throw new PipelineError({
      code: 'DRIFT_INPUT',
      row: at + 1,
      found: `the p-value ${pValues[at]}`,
      expected: 'a number from 0 to 1',
      fix: 'Pass p-values, leaving out tests that gave none.',
    });
  }
  return Array.from(pValues, (_, i) => i).sort((a, b) => pValues[a]! - pValues[b]!); // places
}
