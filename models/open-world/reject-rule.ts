/**
 * When a classifier says that it does not know a service: its confidence lies below that of nearly all
 * flows that it answers rightly. N flows, K classes.
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

/** Rightly answered flows that may be rejected. */
const REJECTED_SHARE = 0.05;

/**
 * The threshold that rejects a new flow of a known service, if it would be answered rightly, with a chance of at most
 * 5 % (split conformal). Wrong answers do not count: many are of services that changed since training, as unsure as
 * those of new services, and would lower the threshold to where it finds none. One threshold for all classes: own ones,
 * at the same share of known flows, reject fewer unknown flows (docs/models.md).
 *
 * @param probabilities [N, K] of later flows than training, all of known services
 * @param labels        [N]
 * @returns with too few flows to promise the share, a rule that rejects none: no confidence lies below 0
 */
export function fitRejectRule(
  probabilities: Float32Array,
  labels: Int32Array,
  classCount: number,
  score: ConfidenceScore = 'certainty',
): RejectRule {
  const predicted = predictedClasses(probabilities, classCount);
  const doubts = confidenceOf(score, probabilities, classCount)
    .filter((_, i) => predicted[i] === labels[i])
    .map((value) => -value);
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
