/** Where a confidence lies among the bins that calibration is judged by. */

/** Bins of equal width, (lo, hi]: Guo et al. 2017, "On Calibration of Modern Neural Networks". */
export const RELIABILITY_BINS = 15;

/**
 * The bin of a confidence; what lies outside 0..1 is in the first or the last, NaN in the first.
 *
 * @returns 0 .. RELIABILITY_BINS - 1
 */
export function reliabilityBinOf(confidence: number): number {
  const bin = (Math.ceil(confidence * RELIABILITY_BINS) || 1) - 1; // NaN counts: the error is NaN then
  return Math.min(RELIABILITY_BINS - 1, Math.max(0, bin));
}
