/**
 * Stacking: a logistic model that reads the members' log probabilities. M members, N flows, K classes.
 *
 * Each class has a weight for each member and a bias, z_k = sum over m of w_mk ln p_mk + b_k: a full matrix of K (M K + 1)
 * numbers would have more of them than a validation week has rare flows.
 *
 * @see Wolpert, "Stacked Generalization", Neural Networks 5, 1992
 */
import { logProbabilities, softmax } from '../softmax.js';

/** A fitted meta-learner. */
export interface Stacking {
  /** [M] of [K]. */
  readonly weights: readonly (readonly number[])[];
  /** [K] */
  readonly biases: readonly number[];
}

/** Less is not believed of any member: one certain mistake would outweigh all others. */
const LEAST_PROBABILITY = 1e-4;

/** Pull back to the starting weights, in units of the mean loss. */
const PENALTY = 0.002;

/** Full-batch steps of Adam; the loss is convex and moves little after these. */
const STEPS = 150;
const STEP_SIZE = 0.03;

/**
 * Fits by the log loss, starting from a weighted geometric mean.
 *
 * @param members [M] arrays of [N, K], of rows that no member was trained on
 * @param labels  [N]
 * @param start   [M] weights that sum to 1
 */
export function fitStacking(
  members: readonly Float32Array[],
  labels: Int32Array,
  classCount: number,
  start: readonly number[],
): Stacking {
  const inputs = members.map(boundedLog);
  const parameters = new Float64Array((members.length + 1) * classCount);
  start.forEach((weight, m) => parameters.fill(weight, m * classCount, (m + 1) * classCount));
  const origin = parameters.slice();
  const mean = new Float64Array(parameters.length);
  const square = new Float64Array(parameters.length);
  for (let step = 1; step <= STEPS; step++) {
    const gradient = gradientOf(parameters, inputs, labels, classCount);
    for (let j = 0; j < parameters.length; j++) {
      const slope = gradient[j]! + PENALTY * (parameters[j]! - origin[j]!); // j < length of all
      mean[j] = 0.9 * mean[j]! + 0.1 * slope;
      square[j] = 0.999 * square[j]! + 0.001 * slope ** 2;
      const unbiased = mean[j]! / (1 - 0.9 ** step);
      parameters[j]! -=
        (STEP_SIZE * unbiased) / (Math.sqrt(square[j]! / (1 - 0.999 ** step)) + 1e-8);
    }
  }
  const row = (m: number): number[] => [
    ...parameters.subarray(m * classCount, (m + 1) * classCount),
  ];
  return { weights: members.map((_, m) => row(m)), biases: row(members.length) };
}

/**
 * Probabilities of the meta-learner.
 *
 * @returns [N, K]; rows sum to 1
 */
export function stackProbabilities(
  members: readonly Float32Array[],
  { weights, biases }: Stacking,
): Float32Array {
  const parameters = Float64Array.from([...weights.flat(), ...biases]);
  const scores = scoresOf(parameters, members.map(boundedLog), biases.length);
  return Float32Array.from(softmax(scores, biases.length));
}

function boundedLog(probabilities: Float32Array): Float64Array {
  return logProbabilities(probabilities, LEAST_PROBABILITY);
}

/** z [N, K]. */
function scoresOf(
  parameters: Float64Array,
  inputs: readonly Float64Array[],
  classCount: number,
): Float64Array {
  const scores = new Float64Array(inputs[0]?.length ?? 0);
  const biases = inputs.length * classCount;
  for (let at = 0; at < scores.length; at++) {
    const k = at % classCount;
    let score = parameters[biases + k]!; // k < K; the same below
    for (let m = 0; m < inputs.length; m++)
      score += parameters[m * classCount + k]! * inputs[m]![at]!;
    scores[at] = score;
  }
  return scores;
}

/** Of the mean log loss. */
function gradientOf(
  parameters: Float64Array,
  inputs: readonly Float64Array[],
  labels: Int32Array,
  classCount: number,
): Float64Array {
  const errors = softmax(scoresOf(parameters, inputs, classCount), classCount);
  labels.forEach((label, i) => errors[i * classCount + label]!--); // labels are classes
  const gradient = new Float64Array(parameters.length);
  const biases = inputs.length * classCount;
  for (let at = 0; at < errors.length; at++) {
    const k = at % classCount;
    const error = errors[at]! / labels.length; // at < length of all inputs
    gradient[biases + k]! += error;
    for (let m = 0; m < inputs.length; m++)
      gradient[m * classCount + k]! += error * inputs[m]![at]!;
  }
  return gradient;
}
