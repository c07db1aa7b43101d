/** How often a classifier is right by how sure it is. N flows. */
import { RELIABILITY_BINS, reliabilityBinOf } from '../../domain/drift/reliability-bin.js';

/** Flows of about the same confidence; the mean confidence and the accuracy are 0 without flows. */
export interface ReliabilityBin {
  readonly rows: number;
  readonly confidence: number;
  readonly accuracy: number;
}

/**
 * Sorts flows by their confidence.
 *
 * @param confidence [N] probability of the answer, 0..1
 * @param right      [N] not 0 where the answer was right
 * @returns [15] bins, least sure first
 */
export function reliabilityBins(
  confidence: ArrayLike<number>,
  right: ArrayLike<number>,
): ReliabilityBin[] {
  const rows = new Float64Array(RELIABILITY_BINS);
  const confident = new Float64Array(RELIABILITY_BINS);
  const hits = new Float64Array(RELIABILITY_BINS);
  for (let i = 0; i < confidence.length; i++) {
    const p = confidence[i]!; // i < length, and every bin below is in range
    const bin = reliabilityBinOf(p);
    rows[bin]!++;
    confident[bin]! += p;
    if (right[i]) hits[bin]!++;
  }
  return Array.from(rows, (n, bin) => ({
    rows: n,
    confidence: (confident[bin] ?? 0) / Math.max(1, n),
    accuracy: (hits[bin] ?? 0) / Math.max(1, n),
  }));
}

/** The expected calibration error: the mean distance of accuracy and confidence, by flows; 0 for no flows. */
export function calibrationError(bins: readonly ReliabilityBin[]): number {
  const total = bins.reduce((sum, { rows }) => sum + rows, 0);
  const gaps = bins.map(({ rows, confidence, accuracy }) => rows * Math.abs(accuracy - confidence));
  return gaps.reduce((sum, gap) => sum + gap, 0) / Math.max(1, total);
}
