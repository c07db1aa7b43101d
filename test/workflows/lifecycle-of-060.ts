/** The workflows of release 0.6 as far as a lifecycle needs them. */
import type { LifecycleInput } from '../../contracts/lifecycle.js';
import {
  lifecycleBeforeLoop,
  type MemoryBeforeLoop,
} from '../../workflows/lifecycle-before-loop.js';

export { interpret as default } from '../../workflows/interpreter.js';

export function lifecycle(input: LifecycleInput, memory?: MemoryBeforeLoop): Promise<never> {
  return lifecycleBeforeLoop(input, memory, () => Promise.reject(new Error('it knew no loop')));
}
