/**
 * Two classifiers on the same flows: scores with intervals, class by class, week by week, and how well their
 * probabilities are calibrated. N flows, K classes.
 */
import { seededRandom } from '../../contracts/seeded-random.js';
import {
  bootstrapScores,
  groupByDayAndClass,
  type Bootstrapped,
  type ScoreIntervals,
} from './bootstrap.js';
import { confusionMatrix, scoreConfusion } from './classification.js';
import { calibrationError, reliabilityBins, type ReliabilityBin } from './reliability.js';

/** What both said of the flows of one week. */
export interface PairedAnswers {
  readonly partition: string;
  /** [N] true classes. */
  readonly labels: Int32Array;
  /** [N] ms since 1970. */
  readonly timeFirstMs: Float64Array;
  /** [N] each: predicted classes of the first and the second. */
  readonly predicted: readonly [Int32Array, Int32Array];
  /** [N] each: probability of the predicted class. */
  readonly confidence: readonly [Float64Array, Float64Array];
}

/** One of the two on all flows. */
export interface ComparedScores extends ScoreIntervals {
  readonly ece: number;
  readonly reliability: readonly ReliabilityBin[];
}

/** Scores of one week. */
export interface ComparedWeek {
  readonly partition: string;
  readonly rows: number;
  /** Of the first and the second. */
  readonly models: readonly [ScoreIntervals, ScoreIntervals];
  /** Scores of the second less those of the first. */
  readonly gain: ScoreIntervals;
}

/** F1 of one class. */
export interface ComparedClass {
  readonly name: string;
  readonly support: number;
  /** Of the first and the second. */
  readonly f1: readonly [number, number];
  /** F1 of the second less that of the first. */
  readonly gain: number;
}

/** A comparison; intervals hold 95 % of the replicates, in which days and services are drawn together. */
export interface PairedComparison {
  readonly rows: number;
  /** The first and the second. */
  readonly models: readonly [ComparedScores, ComparedScores];
  /** Scores of the second less those of the first. */
  readonly gain: ScoreIntervals;
  /** In the order given. */
  readonly weeks: readonly ComparedWeek[];
  /** Those with flows, greatest loss first. */
  readonly classes: readonly ComparedClass[];
}

/**
 * Compares by week and over all weeks.
 *
 * @param classes [K] of both
 */
export function compareAnswers(
  weeks: readonly PairedAnswers[],
  classes: readonly string[],
): PairedComparison {
  const all = join(weeks);
  const whole = intervals(all, classes.length);
  const perClass = all.predicted.map(
    (predicted) =>
      scoreConfusion(confusionMatrix(all.labels, predicted, classes.length), classes).perClass,
  );
  const scores = (m: 0 | 1): ComparedScores => {
    const right = all.predicted[m].map((k, i) => (k === all.labels[i] ? 1 : 0));
    const reliability = reliabilityBins(all.confidence[m], right);
    return { ...whole.models[m]!, ece: calibrationError(reliability), reliability }; // two models
  };
  return {
    rows: all.labels.length,
    models: [scores(0), scores(1)],
    gain: whole.gains[1]!, // two models
    weeks: weeks.map((week) => {
      const { models, gains } = intervals(week, classes.length);
      const { partition, labels } = week;
      const both = [models[0]!, models[1]!] as const; // two models
      return { partition, rows: labels.length, models: both, gain: gains[1]! };
    }),
    classes: classes
      .map((name, k): ComparedClass => {
        const f1 = [perClass[0]?.[k]?.f1 ?? 0, perClass[1]?.[k]?.f1 ?? 0] as const;
        return { name, support: perClass[0]?.[k]?.support ?? 0, f1, gain: f1[1] - f1[0] };
      })
      .filter(({ support }) => support > 0)
      .sort((one, other) => one.gain - other.gain),
  };
}

function intervals(answers: PairedAnswers, classCount: number): Bootstrapped {
  const { partition, labels, predicted, timeFirstMs } = answers;
  const groups = groupByDayAndClass(timeFirstMs, labels);
  const random = seededRandom('compare', partition);
  return bootstrapScores({ labels, predicted, classCount, groups, random });
}

function join(weeks: readonly PairedAnswers[]): PairedAnswers {
  const ints = (of: (week: PairedAnswers) => Int32Array): Int32Array =>
    Int32Array.from(weeks.flatMap((week) => [...of(week)]));
  const floats = (of: (week: PairedAnswers) => Float64Array): Float64Array =>
    Float64Array.from(weeks.flatMap((week) => [...of(week)]));
  return {
    partition: 'all',
    labels: ints(({ labels }) => labels),
    timeFirstMs: floats(({ timeFirstMs }) => timeFirstMs),
    predicted: [ints(({ predicted }) => predicted[0]), ints(({ predicted }) => predicted[1])],
    confidence: [floats((week) => week.confidence[0]), floats((week) => week.confidence[1])],
  };
}
