/**
 * Temperature scaling: one number that makes probabilities as sure as they are right. N flows, K classes.
 *
 * @see Guo et al., "On Calibration of Modern Neural Networks", ICML 2017
 */
import { logSumExp } from '../softmax.js';

/** Temperatures searched, as their logarithms: from ten times sharper to twenty times flatter. */
const LOG_RANGE = [Math.log(0.1), Math.log(20)] as const;

/** The search ends when ln T is known to this. */
const LOG_TOLERANCE = 1e-6;

const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * The temperature T with the least mean -ln softmax(z / T) of the true classes. The loss is convex in
 * 1/T, so it has one minimum, which golden-section search over ln T finds.
 *
 * @param scores [N, K] raw scores z, such as ln p
 * @param labels [N] class indices 0..K-1
 * @returns T in [.1, 20]; 1 without rows
 */
export function fitTemperature(
  scores: Float64Array,
  labels: Int32Array,
  classCount: number,
): number {
  if (labels.length === 0) return 1;
  const lossAt = (logT: number): number => {
    const temperature = Math.exp(logT);
    let loss = logSumExp(scores, classCount, temperature).reduce((sum, value) => sum + value, 0);
    labels.forEach((label, i) => {
      loss -= (scores[i * classCount + label] ?? 0) / temperature;
    });
    return loss;
  };
  let [low, high]: [number, number] = [...LOG_RANGE];
  let left = high - GOLDEN * (high - low);
  let right = low + GOLDEN * (high - low);
  let [leftLoss, rightLoss] = [lossAt(left), lossAt(right)];
  while (high - low > LOG_TOLERANCE) {
    if (leftLoss <= rightLoss) {
      [high, right, rightLoss] = [right, left, leftLoss];
      left = high - GOLDEN * (high - low);
      leftLoss = lossAt(left);
    } else {
      [low, left, leftLoss] = [left, right, rightLoss];
      right = low + GOLDEN * (high - low);
      rightLoss = lossAt(right);
    }
  }
  return Math.exp((low + high) / 2);
}
