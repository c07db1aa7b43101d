/**
 * Percentile bootstrap intervals of accuracy and macro-F1, and of what one model has over another on the same rows.
 *
 * Rows are drawn with replacement, singly or in groups: flows of one service and day resemble each other, so
 * drawing them singly makes intervals too narrow. N rows, K classes, M models.
 *
 * @see Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 13 and 16
 */
import { quantile } from '../../domain/drift/distances.js';

/** What is drawn from. */
export interface BootstrapRequest {
  /** [N] true classes, 0..K-1. */
  readonly labels: Int32Array;
  /** [M] arrays of [N] predicted classes. */
  readonly predicted: readonly Int32Array[];
  readonly classCount: number;
  /** [N] rows with the same number are drawn together, 0..G-1. @default each row singly */
  readonly groups?: Int32Array;
  /** @default 1000 */
  readonly replicates?: number;
  /** Share of the replicates that an interval holds. @default .95 */
  readonly level?: number;
  readonly random: { below(bound: number): number };
}

/** A score on all rows, and between which values it lies in most replicates. */
export interface Interval {
  readonly value: number;
  readonly lower: number;
  readonly upper: number;
}

/** Intervals of both scores. Macro-F1 is over the classes that occur in a replicate, as in `scoreConfusion`. */
export interface ScoreIntervals {
  readonly accuracy: Interval;
  readonly macroF1: Interval;
}

/** What the bootstrap says. */
export interface Bootstrapped {
  /** [M] */
  readonly models: readonly ScoreIntervals[];
  /** [M] each model's scores less those of the first, drawn in pairs. */
  readonly gains: readonly ScoreIntervals[];
}

/** Draws the replicates; a thousand of 20,000 rows and two models take about half a second. */
export function bootstrapScores(request: BootstrapRequest): Bootstrapped {
  const { labels, predicted, replicates = 1000, level = 0.95, random } = request;
  const groups = rowsByGroup(request.groups ?? labels.map((_, row) => row));
  const count = groups.starts.length - 1;
  const tally = new Tally(labels, predicted, request.classCount);
  for (const row of groups.rows) tally.add(row);
  const whole = tally.scores();
  const drawn = Array.from({ length: replicates }, () => {
    tally.clear();
    for (let draw = 0; draw < count; draw++) {
      const group = random.below(count);
      const end = groups.starts[group + 1] ?? 0;
      for (let at = groups.starts[group] ?? 0; at < end; at++) tally.add(groups.rows[at] ?? 0);
    }
    return tally.scores();
  });
  const interval = (value: (scores: readonly Scores[]) => number): Interval => {
    const values = Float64Array.from(drawn, value).sort();
    return {
      value: value(whole),
      lower: quantile(values, (1 - level) / 2),
      upper: quantile(values, (1 + level) / 2),
    };
  };
  const both = (
    value: (scores: readonly Scores[], score: keyof Scores) => number,
  ): ScoreIntervals => ({
    accuracy: interval((scores) => value(scores, 'accuracy')),
    macroF1: interval((scores) => value(scores, 'macroF1')),
  });
  const of = (scores: readonly Scores[], m: number, score: keyof Scores): number =>
    scores[m]?.[score] ?? 0;
  return {
    models: predicted.map((_, m) => both((scores, score) => of(scores, m, score))),
    gains: predicted.map((_, m) =>
      both((scores, score) => of(scores, m, score) - of(scores, 0, score)),
    ),
  };
}

/**
 * Numbers the flows of each service and UTC day, for `groups`.
 *
 * @param timeFirstMs [N] ms since 1970
 * @param labels      [N]
 */
export function groupByDayAndClass(timeFirstMs: Float64Array, labels: Int32Array): Int32Array {
  const numbers = new Map<string, number>();
  return labels.map((label, i) => {
    const key = `${Math.floor((timeFirstMs[i] ?? 0) / DAY_MS)} ${label}`;
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
  });
}

const DAY_MS = 86_400_000;

interface Scores {
  readonly accuracy: number;
  readonly macroF1: number;
}

/** Counts of a replicate, all that the scores need. */
class Tally {
  readonly #labels: Int32Array;
  readonly #predicted: readonly Int32Array[];
  readonly #support: Float64Array;
  /** [M] of [K]: flows said to be of a class, and rightly so. */
  readonly #said: readonly Float64Array[];
  readonly #right: readonly Float64Array[];

  constructor(labels: Int32Array, predicted: readonly Int32Array[], classCount: number) {
    this.#labels = labels;
    this.#predicted = predicted;
    this.#support = new Float64Array(classCount);
    this.#said = predicted.map(() => new Float64Array(classCount));
    this.#right = predicted.map(() => new Float64Array(classCount));
  }

  clear(): void {
    for (const counts of [this.#support, ...this.#said, ...this.#right]) counts.fill(0);
  }

  // typed arrays of fixed length: every index is in range
  add(row: number): void {
    const label = this.#labels[row]!;
    this.#support[label]!++;
    for (let m = 0; m < this.#predicted.length; m++) {
      const answer = this.#predicted[m]![row]!;
      this.#said[m]![answer]!++;
      if (answer === label) this.#right[m]![label]!++;
    }
  }

  scores(): Scores[] {
    const rows = this.#support.reduce((sum, n) => sum + n, 0);
    return this.#said.map((said, m) => {
      let hits = 0;
      let f1 = 0;
      let occurring = 0;
      this.#support.forEach((support, k) => {
        const right = this.#right[m]?.[k] ?? 0;
        const both = support + (said[k] ?? 0);
        hits += right;
        if (both === 0) return;
        occurring++;
        f1 += (2 * right) / both;
      });
      return { accuracy: hits / Math.max(1, rows), macroF1: f1 / Math.max(1, occurring) };
    });
  }
}

/** Rows ordered by group; group g has the places starts[g] to before starts[g + 1]. */
function rowsByGroup(groups: Int32Array): { rows: Int32Array; starts: Int32Array } {
  const starts = new Int32Array(groups.reduce((most, group) => Math.max(most, group + 1), 0) + 1);
  for (const group of groups) starts[group + 1] = (starts[group + 1] ?? 0) + 1;
  for (let g = 1; g < starts.length; g++) starts[g] = (starts[g] ?? 0) + (starts[g - 1] ?? 0);
  const next = starts.slice();
  const rows = new Int32Array(groups.length);
  groups.forEach((group, row) => {
    const at = next[group] ?? 0;
    rows[at] = row;
    next[group] = at + 1;
  });
  return { rows, starts };
}
