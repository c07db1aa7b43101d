/** How much longer one model takes than another, on the same machine at the same time. */
import { selectFlows, type FlowSet, type TrainedModel } from '../model.js';

/** A model, and flows as it takes them. */
export interface TimedModel {
  readonly model: Pick<TrainedModel, 'predict'>;
  /** The same N flows for all models that are compared. */
  readonly flows: FlowSet;
}

const BATCHES = 15;
const BATCH_ROWS = 512;

/**
 * The least that a batch takes the second over the least that it takes the first. Batches take turns and who begins
 * alternates: other load meets both and only adds, so that the least is what says most of a model.
 *
 * @param clock ms. @default that of the process
 * @returns null without flows
 */
export function latencyRatio(
  first: TimedModel,
  second: TimedModel,
  clock: () => number = () => performance.now(),
): number | null {
  const n = Math.min(first.flows.n, BATCH_ROWS);
  if (n === 0) return null;
  const least = new Map<TimedModel, number>();
  for (let batch = 0; batch < BATCHES; batch++) {
    const rows = Array.from({ length: n }, (_, i) => (batch * n + i) % first.flows.n);
    for (const timed of batch % 2 === 0 ? [first, second] : [second, first]) {
      const flows = selectFlows(timed.flows, rows);
      const start = clock();
      timed.model.predict(flows);
      least.set(timed, Math.min(least.get(timed) ?? Infinity, clock() - start));
    }
  }
  const ratio = (least.get(second) ?? NaN) / (least.get(first) ?? NaN);
  return Number.isFinite(ratio) ? ratio : null;
}
