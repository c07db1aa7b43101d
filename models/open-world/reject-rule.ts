/**
 * When a classifier says that it does not know a service: its confidence lies below that of nearly all flows
 * of services it knows. N flows, K classes.
 */
import { conformalQuantile } from '../evaluation/conformal.js';
import { predictedClasses } from '../evaluation/classification.js';
import { confidenceOf, type ConfidenceScore } from './confidence.js';

/** Below which confidence a flow is rejected; by the predicted class where that had enough flows. */
export interface RejectRule {
  readonly score: ConfidenceScore;
  readonly threshold: number;
  /** Thresholds by name of the predicted class. */
  readonly perClass: Readonly<Record<string, number>>;
}

/** Known flows that may be rejected. */
const REJECTED_SHARE = 0.05;

/** A predicted class with fewer flows takes the threshold of all. */
const MIN_ROWS_PER_CLASS = 200;

/**
 * Thresholds that reject a new flow of a known service with a chance of at most 5 %, over all flows and, where a
 * class was predicted 200 times, over the flows said to be of it (split conformal).
 *
 * @param probabilities [N, K] of later flows than training, all of known services
 */
export function fitRejectRule(
  probabilities: Float32Array,
  classes: readonly string[],
  score: ConfidenceScore = 'maxProbability',
): RejectRule {
  const confidence = confidenceOf(score, probabilities, classes.length);
  const predicted = predictedClasses(probabilities, classes.length);
  const perClass = classes.flatMap((name, k): [string, number][] => {
    const own = confidence.filter((_, i) => predicted[i] === k);
    return own.length < MIN_ROWS_PER_CLASS ? [] : [[name, thresholdOf(own)]];
  });
  return { score, threshold: thresholdOf(confidence), perClass: Object.fromEntries(perClass) };
}

/**
 * Whether each flow is rejected.
 *
 * @param probabilities [N, K]
 * @returns [N] 1 for a rejected flow, else 0
 */
export function rejectFlows(
  rule: RejectRule,
  probabilities: Float32Array,
  classes: readonly string[],
): Uint8Array {
  const confidence = confidenceOf(rule.score, probabilities, classes.length);
  const thresholds = classes.map((name) => rule.perClass[name] ?? rule.threshold);
  const predicted = predictedClasses(probabilities, classes.length);
  return Uint8Array.from(predicted, (k, i) =>
    (confidence[i] ?? 0) < (thresholds[k] ?? rule.threshold) ? 1 : 0,
  );
}

/** With too few flows to promise the share, no flow is rejected: no confidence lies below 0. */
function thresholdOf(confidence: Float64Array): number {
  const doubts = confidence.map((value) => -value);
  return Math.max(0, -conformalQuantile(doubts, REJECTED_SHARE));
}
