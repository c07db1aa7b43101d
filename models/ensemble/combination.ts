/**
 * How members are combined: weights and temperature from validation rows, and what that is worth against the best
 * member alone. M members, N flows, K classes.
 */
import { seededRandom } from '../../contracts/seeded-random.js';
import { fitTemperature } from '../calibration/temperature.js';
import {
  bootstrapScores,
  groupByDayAndClass,
  type ScoreIntervals,
} from '../evaluation/bootstrap.js';
import { confusionMatrix, predictedClasses, scoreConfusion } from '../evaluation/classification.js';
import { logProbabilities, softmax } from '../softmax.js';
import { averageProbabilities, fitEnsembleWeights } from './weights.js';

/** Validation rows in the order of time, as the members see them. */
export interface MemberAnswers {
  /** [M] arrays of [N, K]. */
  readonly members: readonly Float32Array[];
  /** [N] */
  readonly labels: Int32Array;
  /** [N] ms since 1970. */
  readonly timeFirstMs: Float64Array;
  readonly classCount: number;
}

/** How to combine. */
interface Combination {
  /** [M] that sum to 1. */
  readonly weights: readonly number[];
  /** Of the weighted mean, > 0. */
  readonly temperature: number;
}

/** How to combine, as fitted. */
interface FittedCombination extends Combination {
  /**
   * Scores of the weighted mean less those of the best member, each chosen on one half of the time and asked about
   * the other; days and services are drawn together.
   */
  readonly gain: ScoreIntervals;
}

/**
 * Weights of the highest macro-F1, then the temperature of the least log loss.
 *
 * @throws PipelineError as `fitEnsembleWeights`
 */
export function fitCombination(answers: MemberAnswers, seed: number): FittedCombination {
  const { members, labels, timeFirstMs, classCount } = answers;
  const { weights } = fitEnsembleWeights(members, labels, classCount);
  const mean = averageProbabilities(members, weights);
  const temperature = fitTemperature(logProbabilities(mean), labels, classCount);
  const { gains } = bootstrapScores({
    ...{ labels, classCount, predicted: heldOutAnswers(answers) },
    groups: groupByDayAndClass(timeFirstMs, labels),
    random: seededRandom(seed, 'ensemble gain'),
  });
  return { weights, temperature, gain: gains[1]! }; // of best member and mean
}

/**
 * The weighted mean at its temperature.
 *
 * @param members [M] arrays of [N, K]
 * @returns [N, K]; rows sum to 1
 */
export function combineProbabilities(
  members: readonly Float32Array[],
  { weights, temperature }: Combination,
  classCount: number,
): Float32Array {
  const mean = averageProbabilities(members, weights);
  if (temperature === 1) return mean;
  return Float32Array.from(softmax(logProbabilities(mean), classCount, temperature));
}

/** What the best member and the mean say of each half of the rows, chosen on the other half. */
function heldOutAnswers(answers: MemberAnswers): [best: Int32Array, mean: Int32Array] {
  const { labels, classCount } = answers;
  const n = labels.length;
  const middle = Math.ceil(n / 2);
  const halves = [
    { chosen: rowsOf(answers, middle, n), asked: rowsOf(answers, 0, middle) },
    { chosen: rowsOf(answers, 0, middle), asked: rowsOf(answers, middle, n) },
  ];
  const said = halves.map(({ chosen, asked }) => {
    const alone = chosen.members.map((member) => macroF1Of(member, chosen.labels, classCount));
    const best = asked.members[alone.indexOf(Math.max(...alone))]!; // one of them is the highest
    const { weights } = fitEnsembleWeights(chosen.members, chosen.labels, classCount);
    const mean = averageProbabilities(asked.members, weights);
    return [predictedClasses(best, classCount), predictedClasses(mean, classCount)] as const;
  });
  const join = (which: 0 | 1): Int32Array =>
    Int32Array.from(said.flatMap((answer) => [...answer[which]]));
  return [join(0), join(1)];
}

function rowsOf({ members, labels, classCount }: MemberAnswers, from: number, to: number) {
  return {
    members: members.map((member) => member.subarray(from * classCount, to * classCount)),
    labels: labels.subarray(from, to),
  };
}

function macroF1Of(probabilities: Float32Array, labels: Int32Array, classCount: number): number {
  const confusion = confusionMatrix(
    labels,
    predictedClasses(probabilities, classCount),
    classCount,
  );
  return scoreConfusion(confusion, Array<string>(classCount).fill('')).macroF1;
}
