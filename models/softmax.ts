/** From raw scores to probabilities and back, without overflow. N rows, K classes. */

/**
 * ln of the sum of the exponentials of each row, after division by a temperature.
 *
 * @param scores [N, K] row-major; any finite values
 * @returns [N]
 */
export function logSumExp(
  scores: ArrayLike<number>,
  classCount: number,
  temperature = 1,
): Float64Array {
  const sums = new Float64Array(scores.length / classCount);
  for (let i = 0; i < sums.length; i++) {
    let highest = -Infinity;
    for (let k = 0; k < classCount; k++) {
      highest = Math.max(highest, scores[i * classCount + k] ?? 0);
    }
    let sum = 0;
    for (let k = 0; k < classCount; k++) {
      sum += Math.exp(((scores[i * classCount + k] ?? 0) - highest) / temperature);
    }
    sums[i] = highest / temperature + Math.log(sum);
  }
  return sums;
}

/**
 * Softmax of each row, after division by a temperature.
 *
 * @param scores [N, K] row-major; any finite values
 * @returns [N, K]; rows sum to 1
 */
export function softmax(
  scores: ArrayLike<number>,
  classCount: number,
  temperature = 1,
): Float64Array {
  const probabilities = Float64Array.from(scores); // filled in place: a function a value is ten times slower
  logSumExp(scores, classCount, temperature).forEach((sum, i) => {
    for (let at = i * classCount; at < (i + 1) * classCount; at++) {
      probabilities[at] = Math.exp((probabilities[at] ?? 0) / temperature - sum);
    }
  });
  return probabilities;
}

/** Least probability whose logarithm is taken: about the smallest normal float32. */
const LEAST_PROBABILITY = 1e-38;

/**
 * ln p of each entry: raw scores whose softmax gives the probabilities back.
 *
 * @param least smaller probabilities count as this, > 0
 */
export function logProbabilities(
  probabilities: Float32Array,
  least = LEAST_PROBABILITY,
): Float64Array {
  return new Float64Array(probabilities).map((p) => Math.log(Math.max(p, least)));
}
