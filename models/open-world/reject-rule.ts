/**
 * When a classifier says that it does not know a service: its confidence lies below that of nearly all flows
 * of services it knows. N flows, K classes.
 */
import { conformalQuantile } from '../evaluation/conformal.js';
import { predictedClasses } from '../evaluation/classification.js';
import { confidenceOf, type ConfidenceScore } from './confidence.js';

/** Below which confidence a flow is rejected. */
export interface RejectRule {
  readonly score: ConfidenceScore;
  readonly threshold: number;
  /** Thresholds of predicted classes that have their own; saved ensembles may have some, new rules have none. */
  readonly perClass?: Readonly<Record<string, number>> | undefined;
}

/** Known flows that may be rejected. */
const REJECTED_SHARE = 0.05;

/**
 * The threshold that rejects a new flow of a known service with a chance of at most 5 % (split conformal). It is one
 * for all: thresholds by predicted class, at the same share of known flows, reject fewer unknown ones (docs/models.md).
 *
 * @param probabilities [N, K] of later flows than training, all of known services
 * @returns with too few flows to promise the share, a rule that rejects none: no confidence lies below 0
 */
export function fitRejectRule(
  probabilities: Float32Array,
  classCount: number,
  score: ConfidenceScore = 'certainty',
): RejectRule {
  const doubts = confidenceOf(score, probabilities, classCount).map((value) => -value);
  return { score, threshold: Math.max(0, -conformalQuantile(doubts, REJECTED_SHARE)) };
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
  const thresholds = classes.map((name) => rule.perClass?.[name] ?? rule.threshold);
  const predicted = predictedClasses(probabilities, classes.length);
  return Uint8Array.from(predicted, (k, i) =>
    (confidence[i] ?? 0) < (thresholds[k] ?? rule.threshold) ? 1 : 0,
  );
}
