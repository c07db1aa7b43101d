/**
 * How sure a classifier is of each flow: low for flows of services that it was not trained on. N flows, K classes.
 *
 * @see Hendrycks and Gimpel, ICLR 2017 (greatest probability); Liu et al., NeurIPS 2020 (energy)
 */
import { logSumExp } from '../softmax.js';

/** The scores; `energy` needs raw scores, which a mean of probabilities does not have. */
export const CONFIDENCE_SCORES = ['maxProbability', 'margin', 'certainty'] as const;

/** Name of a score. */
export type ConfidenceScore = (typeof CONFIDENCE_SCORES)[number];

/**
 * The confidence in each answer, [0, 1]: the greatest probability, how far it is above the second, or the certainty,
 * 1 - H / ln K with the entropy H of all probabilities.
 *
 * @param probabilities [N, K]
 * @returns [N]
 */
export function confidenceOf(
  score: ConfidenceScore,
  probabilities: ArrayLike<number>,
  classCount: number,
): Float64Array {
  const confidence = new Float64Array(probabilities.length / classCount);
  for (let i = 0; i < confidence.length; i++) {
    let [first, second, entropy] = [0, 0, 0];
    for (let k = 0; k < classCount; k++) {
      const p = probabilities[i * classCount + k] ?? 0;
      if (p > first) [first, second] = [p, first];
      else if (p > second) second = p;
      if (score === 'certainty' && p > 0) entropy -= p * Math.log(p);
    }
    if (score === 'maxProbability') confidence[i] = first;
    else if (score === 'margin') confidence[i] = first - second;
    else confidence[i] = entropy === 0 ? 1 : Math.max(0, 1 - entropy / Math.log(classCount));
  }
  return confidence;
}

/**
 * Liu's negative energy at temperature 1, ln of the sum of e^z: a confidence of any sign.
 *
 * @param scores [N, K] raw scores z
 * @returns [N]
 */
export function negativeEnergy(scores: ArrayLike<number>, classCount: number): Float64Array {
  return logSumExp(scores, classCount);
}
