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
import { fitStacking, stackProbabilities, type Stacking } from './stacking.js';
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
  /** Combines in place of the weights; absent where it did not surely win. */
  readonly stacking?: Stacking | undefined;
  /** Of what the weights or the stacking give, > 0. */
  readonly temperature: number;
}

/**
 * How to combine, as fitted. The gains are between what was chosen on one half of the time and asked about the other;
 * days and services are drawn together.
 */
interface FittedCombination extends Combination {
  /** Scores of the combination less those of the best member. */
  readonly gain: ScoreIntervals;
  /** Scores of stacking less those of the weighted mean. */
  readonly stackingGain: ScoreIntervals;
}

/**
 * Weights of the highest macro-F1, or stacking where its macro-F1 is surely higher, then the temperature of the
 * least log loss.
 *
 * @throws PipelineError as `fitEnsembleWeights`
 */
export function fitCombination(answers: MemberAnswers, seed: number): FittedCombination {
  const { members, labels, timeFirstMs, classCount } = answers;
  const { weights } = fitEnsembleWeights(members, labels, classCount);
  const groups = groupByDayAndClass(timeFirstMs, labels);
  const gainOf = (...predicted: [Int32Array, Int32Array]): ScoreIntervals => {
    const random = seededRandom(seed, 'ensemble gain');
    const { gains } = bootstrapScores({ labels, classCount, predicted, groups, random });
    return gains[1]!; // of two
  };
  const { best, mean, stacked } = heldOutAnswers(answers);
  const stackingGain = gainOf(mean, stacked);
  const stacks = stackingGain.macroF1.lower > 0;
  const stacking = stacks ? fitStacking(members, labels, classCount, weights) : undefined;
  const combined = combineProbabilities(members, { weights, stacking, temperature: 1 }, classCount);
  return {
    ...{ weights, stacking, stackingGain },
    temperature: fitTemperature(logProbabilities(combined), labels, classCount),
    gain: gainOf(best, stacks ? stacked : mean),
  };
}

/**
 * What the members say together, at the temperature.
 *
 * @param members [M] arrays of [N, K]
 * @returns [N, K]; rows sum to 1
 */
export function combineProbabilities(
  members: readonly Float32Array[],
  { weights, stacking, temperature }: Combination,
  classCount: number,
): Float32Array {
  const combined =
    stacking === undefined
      ? averageProbabilities(members, weights)
      : stackProbabilities(members, stacking);
  if (temperature === 1) return combined;
  return Float32Array.from(softmax(logProbabilities(combined), classCount, temperature));
}

/** What the best member, the mean and stacking say of each half of the rows, chosen on the other half. */
function heldOutAnswers(answers: MemberAnswers): Record<'best' | 'mean' | 'stacked', Int32Array> {
  const { labels, classCount } = answers;
  const n = labels.length;
  const middle = Math.ceil(n / 2);
  const halves = [
    { chosen: rowsOf(answers, middle, n), asked: rowsOf(answers, 0, middle) },
    { chosen: rowsOf(answers, 0, middle), asked: rowsOf(answers, middle, n) },
  ];
  const said = halves.map(({ chosen, asked }) => {
    const alone = chosen.members.map((member) => macroF1Of(member, chosen.labels, classCount));
    const { weights } = fitEnsembleWeights(chosen.members, chosen.labels, classCount);
    const stacking = fitStacking(chosen.members, chosen.labels, classCount, weights);
    return {
      best: asked.members[alone.indexOf(Math.max(...alone))]!, // one of them is the highest
      mean: averageProbabilities(asked.members, weights),
      stacked: stackProbabilities(asked.members, stacking),
    };
  });
  const join = (which: 'best' | 'mean' | 'stacked'): Int32Array =>
    Int32Array.from(said.flatMap((half) => [...predictedClasses(half[which], classCount)]));
  return { best: join('best'), mean: join('mean'), stacked: join('stacked') };
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
