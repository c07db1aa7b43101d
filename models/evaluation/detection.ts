/**
 * Precision and recall of a yes-or-no answer, with bootstrap intervals over groups of rows. N rows, G groups.
 *
 * @see `bootstrapScores` for the drawing; Efron and Tibshirani 1993
 */
import { quantile } from '../../domain/drift/distances.js';
import type { Interval } from './bootstrap.js';

/** Answers to score. */
export interface DetectionRequest {
  /** [N] 1 where the thing is there. */
  readonly labels: ArrayLike<number>;
  /** [N] 1 where it is said to be there. */
  readonly said: ArrayLike<number>;
  /** [N] rows with the same number are drawn together, 0..G-1. */
  readonly groups: Int32Array;
  /** @default 1000 */
  readonly replicates?: number;
  readonly random: { below(bound: number): number };
}

/** Counts, and both scores; a score is NaN when it has no denominator. Intervals hold 95 % of the replicates that have one. */
export interface DetectionScores {
  /** Rows with label 1, rows that were said to be 1, and rows that are both. */
  readonly present: number;
  readonly said: number;
  readonly found: number;
  readonly precision: Interval;
  readonly recall: Interval;
}

interface Counts {
  present: number;
  said: number;
  found: number;
}

/** Scores the answers. */
export function scoreDetection(request: DetectionRequest): DetectionScores {
  const { labels, said, groups, replicates = 1000, random } = request;
  const byGroup = Array.from(new Set(groups), () => ({ present: 0, said: 0, found: 0 }));
  const places = new Map([...new Set(groups)].map((group, place) => [group, place]));
  groups.forEach((group, row) => {
    const counts = byGroup[places.get(group)!]!; // every group has a place
    counts.present += labels[row] === 1 ? 1 : 0;
    counts.said += said[row] === 1 ? 1 : 0;
    counts.found += labels[row] === 1 && said[row] === 1 ? 1 : 0;
  });
  const whole = total(byGroup);
  const drawn = Array.from(
    { length: replicates },
    () => total(byGroup.map(() => byGroup[random.below(byGroup.length)]!)), // below the length
  );
  const interval = (value: (counts: Counts) => number): Interval => {
    const values = drawn.map(value).filter((score) => !Number.isNaN(score));
    return { value: value(whole), lower: quantile(values, 0.025), upper: quantile(values, 0.975) };
  };
  return {
    ...whole,
    precision: interval((counts) => counts.found / counts.said),
    recall: interval((counts) => counts.found / counts.present),
  };
}

/**
 * One answer a group: 1 when more than half of its rows are 1.
 *
 * @param values [N]
 * @param groups [N] 0..G-1
 * @returns      [G]
 */
export function majorityOf(values: ArrayLike<number>, groups: Int32Array): Int32Array {
  const lead = new Int32Array(groups.reduce((most, group) => Math.max(most, group + 1), 0));
  groups.forEach((group, row) => (lead[group] = (lead[group] ?? 0) + (values[row] === 1 ? 1 : -1)));
  return lead.map((rows) => (rows > 0 ? 1 : 0));
}

function total(groups: readonly Counts[]): Counts {
  const sum = { present: 0, said: 0, found: 0 };
  for (const { present, said, found } of groups) {
    sum.present += present;
    sum.said += said;
    sum.found += found;
  }
  return sum;
}
