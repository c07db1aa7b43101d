/** What a Temporal user would write by hand: the peer of the engine's benches. Not part of the product's bundle. */
import { proxyActivities } from '@temporalio/workflow';
import type { TaskContext } from '../../contracts/engine.js';

interface BenchActivities {
  noop(input: { value: number }, run: TaskContext): Promise<{ value: number }>;
}

// on the workflow's own queue, so that its worker may take an activity without a hop through the server
const { noop } = proxyActivities<BenchActivities>({
  startToCloseTimeout: '1 minute',
});

/** One no-op activity after another. */
export async function handWrittenChain(tasks: number, run: TaskContext): Promise<void> {
  for (let value = 0; value < tasks; value += 1) await noop({ value }, run);
}

/** No-op activities side by side, and one after all of them. */
export async function handWrittenFan(tasks: number, run: TaskContext): Promise<void> {
  await Promise.all(Array.from({ length: tasks }, (_, value) => noop({ value }, run)));
  await noop({ value: tasks }, run);
}
