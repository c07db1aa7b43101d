/** Which flows a partition stands for. */
import type { JudgedFlows } from '../contracts/lifecycle.js';
import { isPartition, partitionInterval } from '../dag/partitions.js';

/** A week or a day as its model is judged on. */
export function windowOf(
  partition: string,
): Pick<JudgedFlows, 'partition' | 'length' | 'startMs' | 'endMs'> {
  const isWeek = isPartition('iso-week', partition);
  const span = partitionInterval(isWeek ? 'iso-week' : 'day', partition);
  if (span === null) throw new Error(`${partition} is no span of time`); // both kinds are
  return { partition, length: isWeek ? 'week' : 'day', ...span };
}
