/** How much longer one model takes than another, on the same machine at the same time. */
import { quantile } from '../../domain/drift/distances.js';
import { selectFlows, type FlowSet, type TrainedModel } from '../model.js';

/** A model, and flows as it takes them. */
export interface TimedModel {
  readonly model: Pick<TrainedModel, 'predict'>;
  /** The same N flows for all models that are compared. */
  readonly flows: FlowSet;
}

/** Pairs that are timed, after one that warms both up. */
const PAIRS = 9;
const BATCH_ROWS = 512;

/**
 * Median over pairs of batches of what the second takes over what the first takes; who begins alternates, so that
 * other load meets both.
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
  const ratios: number[] = [];
  for (let pair = 0; pair <= PAIRS; pair++) {
    const offset = pair * n;
    const rows = Array.from({ length: n }, (_, i) => (offset + i) % first.flows.n);
    const time = ({ model, flows }: TimedModel): number => {
      const batch = selectFlows(flows, rows);
      const start = clock();
      model.predict(batch);
      return clock() - start;
    };
    const secondFirst = pair % 2 === 1;
    const early = time(secondFirst ? second : first);
    const late = time(secondFirst ? first : second);
    if (pair > 0) ratios.push(secondFirst ? early / late : late / early);
  }
  const median = quantile(ratios, 0.5);
  return Number.isFinite(median) ? median : null;
}
