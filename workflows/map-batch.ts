/**
 * `map-batch`: some of the instances of a widely mapped task, so that no history grows too long. Part
 * of its parent's run: the parent waits for it, and cancels it along with the run.
 */
import type { Json } from '../contracts/json.js';
import type { PlanTask } from '../dag/plan.js';
import type { InstanceEnd } from '../dag/run-record.js';
import { executeTask, type RunOfTask } from './execute-task.js';

/** The instances of a batch; `first` is the index of the first one in the mapped task. */
export interface MapBatch {
  readonly task: PlanTask;
  readonly run: RunOfTask;
  readonly first: number;
  readonly items: readonly { readonly input: Json; readonly summary: string }[];
  /** Instances at a time. */
  readonly width: number;
}

/** Runs all instances, failed ones included, to their end; the ends stand in the order of the items. */
export async function mapBatch({
  task,
  run,
  first,
  items,
  width,
}: MapBatch): Promise<InstanceEnd[]> {
  const ends: InstanceEnd[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let item = items[next]; item !== undefined; item = items[next]) {
      const index = next;
      next += 1;
      const startedMs = Date.now();
      const end = await executeTask(task, first + index, item, run);
      ends[index] = { ...end, startedMs, finishedMs: Date.now() };
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  return ends;
}
