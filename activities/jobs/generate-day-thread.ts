/** A thread that writes the days it is sent; `generate-flows.ts` starts it. */
import { parentPort, workerData } from 'node:worker_threads';
import type { DayPlan } from '../../domain/traffic/generator-volume.js';
import { createWorld, type WorldOptions } from '../../domain/traffic/generator-world.js';
import { writeGeneratedDay, type DayTarget } from './generate-day.js';

/** What the thread is started with. */
export interface DayThreadData {
  readonly world: WorldOptions;
  readonly target: Omit<DayTarget, 'shouldStop'>;
}

const { world: options, target } = workerData as DayThreadData; // what generate-flows.ts passes
const world = createWorld(options);

parentPort?.on('message', (plan: DayPlan) => {
  // what fails here ends the thread, and its `error` event carries it
  void writeGeneratedDay(world, plan, target).then((written) => parentPort?.postMessage(written));
});
