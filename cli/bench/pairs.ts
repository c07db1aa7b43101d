/** Ours against a peer's, in pairs: what both suffer from in the same minute cancels out of the ratio. */
import { seededRandom } from '../../contracts/seeded-random.js';

/** One line of `sentinel bench --json`. */
export interface BenchCase {
  readonly case: string;
  readonly unit: string;
  /** Median of our figures. */
  readonly ours: number;
  readonly peer: string;
  /** Median of the peer's figures. */
  readonly theirs: number;
  /** Median of the ratios of the pairs, ours / theirs. */
  readonly ratio: number;
  /** 95 % bootstrap interval of that median. */
  readonly interval: readonly [number, number];
}

/** A line that has no peer to be compared with. */
export type BenchAlone = Pick<BenchCase, 'case' | 'unit' | 'ours'>;

const RESAMPLES = 2_000;

/**
 * Runs `pairs` alternating pairs and compares them.
 *
 * @param measure both give one figure in `unit`; which of them goes first alternates
 */
export async function comparePairs(
  label: { case: string; unit: string; peer: string },
  measure: { ours: () => Promise<number>; theirs: () => Promise<number> },
  pairs: number,
): Promise<BenchCase> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    if (pair % 2 === 0) ours.push(await measure.ours());
    theirs.push(await measure.theirs());
    if (pair % 2 === 1) ours.push(await measure.ours());
  }
  const ratios = ours.map((value, pair) => value / (theirs[pair] ?? NaN));
  return {
    ...label,
    ours: median(ours),
    theirs: median(theirs),
    ratio: median(ratios),
    interval: bootstrapMedian(ratios),
  };
}

/** 95 % percentile interval of the median. */
function bootstrapMedian(values: readonly number[]): [number, number] {
  const random = seededRandom(1);
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(values.map(() => values[random.below(values.length)] ?? NaN)),
  ).sort((a, b) => a - b);
  return [
    medians[Math.floor(RESAMPLES * 0.025)] ?? NaN,
    medians[Math.ceil(RESAMPLES * 0.975) - 1] ?? NaN,
  ];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = NaN, high = NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

/** How long some work takes. */
export function secondsOf(work: () => unknown): number {
  const started = performance.now();
  work();
  return (performance.now() - started) / 1_000;
}
