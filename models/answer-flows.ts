/** What a classifier says of flows: the same in the weekly run, of raw files, and in serving. N flows, K classes. */
import { predictedClasses } from './evaluation/classification.js';
import type { FlowSet, TrainedModel } from './model.js';
import { rejectFlows } from './open-world/reject-rule.js';

/** One answer a flow. */
export interface Answers {
  /** [N, K] row-major; rows sum to 1. */
  readonly probabilities: Float32Array;
  /** [N] the most probable class, 0..K-1. */
  readonly predicted: Int32Array;
  /** [N] its probability. */
  readonly probability: Float64Array;
  /** [N] 1 where the model does not know the service; undefined for a model that always answers. */
  readonly rejected: Uint8Array | undefined;
}

/**
 * Asks a model.
 *
 * @throws PipelineError as the model's `predict`
 */
export function answerFlows(
  model: Pick<TrainedModel, 'classes' | 'predict' | 'reject'>,
  flows: FlowSet,
): Answers {
  const K = model.classes.length;
  const probabilities = model.predict(flows);
  const predicted = predictedClasses(probabilities, K);
  return {
    probabilities,
    predicted,
    probability: Float64Array.from(predicted, (k, i) => probabilities[i * K + k] ?? 0),
    rejected: model.reject && rejectFlows(model.reject, probabilities, model.classes),
  };
}
