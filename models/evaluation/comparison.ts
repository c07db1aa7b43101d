/**
 * Two classifiers on the same flows: scores with intervals, class by class, week by week, and how well their
 * probabilities are calibrated. N flows, K classes.
 */
import { seededRandom } from '../../contracts/seeded-random.js';
import {
  bootstrapScores,
  groupByDayAndClass,
  type Bootstrapped,
  type BootstrapRequest,
  type ScoreIntervals,
} from './bootstrap.js';
import { confusionMatrix, scoreConfusion } from './classification.js';
import { calibrationError, reliabilityBins, type ReliabilityBin } from './reliability.js';

/** What both said of the same flows. */
export interface PairedFlows {
  /** [N] true classes. */
  readonly labels: Int32Array;
  /** [N] ms since 1970. */
  readonly timeFirstMs: Float64Array;
  /** [N] each: predicted classes of the first and the second. */
  readonly predicted: readonly [Int32Array, Int32Array];
  /** [N] each: probability of the predicted class. */
  readonly confidence: readonly [Float64Array, Float64Array];
}

/** The same of one week. */
export interface PairedAnswers extends PairedFlows {
  readonly partition: string;
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
  return {
    ...comparePair(join(weeks), classes, randomOf('all')),
    weeks: weeks.map((week) => {
      const { partition, labels } = week;
      const { models, gains } = intervals(week, classes.length, randomOf(partition));
      const both = [models[0]!, models[1]!] as const; // two models
      return { partition, rows: labels.length, models: both, gain: gains[1]! };
    }),
  };
}

/**
 * Compares on all flows as one.
 *
 * @param classes [K] of both
 */
export function comparePair(
  answers: PairedFlows,
  classes: readonly string[],
  random: BootstrapRequest['random'],
): Omit<PairedComparison, 'weeks'> {
  const { labels, predicted: both, confidence } = answers;
  const { models, gains } = intervals(answers, classes.length, random);
  const perClass = both.map(
    (predicted) =>
      scoreConfusion(confusionMatrix(labels, predicted, classes.length), classes).perClass,
  );
  const scores = (m: 0 | 1): ComparedScores => {
    const right = both[m].map((k, i) => (k === labels[i] ? 1 : 0));
    const reliability = reliabilityBins(confidence[m], right);
    return { ...models[m]!, ece: calibrationError(reliability), reliability }; // two models
  };
  return {
    rows: labels.length,
    models: [scores(0), scores(1)],
    gain: gains[1]!, // two models
    classes: classes
      .map((name, k): ComparedClass => {
        const f1 = [perClass[0]?.[k]?.f1 ?? 0, perClass[1]?.[k]?.f1 ?? 0] as const;
        return { name, support: perClass[0]?.[k]?.support ?? 0, f1, gain: f1[1] - f1[0] };
      })
      .filter(({ support }) => support > 0)
      .sort((one, other) => one.gain - other.gain),
  };
}

function intervals(
  { labels, predicted, timeFirstMs }: PairedFlows,
  classCount: number,
  random: BootstrapRequest['random'],
): Bootstrapped {
  const groups = groupByDayAndClass(timeFirstMs, labels);
  return bootstrapScores({ labels, predicted, classCount, groups, random });
}

function randomOf(partition: string): BootstrapRequest['random'] {
  return seededRandom('compare', partition);
}

function join(weeks: readonly PairedAnswers[]): PairedFlows {
  const ints = (of: (week: PairedAnswers) => Int32Array): Int32Array =>
    Int32Array.from(weeks.flatMap((week) => [...of(week)]));
  const floats = (of: (week: PairedAnswers) => Float64Array): Float64Array =>
    Float64Array.from(weeks.flatMap((week) => [...of(week)]));
  return {
    labels: ints(({ labels }) => labels),
    timeFirstMs: floats(({ timeFirstMs }) => timeFirstMs),
    predicted: [ints(({ predicted }) => predicted[0]), ints(({ predicted }) => predicted[1])],
    confidence: [floats((week) => week.confidence[0]), floats((week) => week.confidence[1])],
  };
}
