/** Plans for tests: a DAG of `noop` tasks from a table of upstream ids. */
import type { TriggerRule } from '../../contracts/states.js';
import {
  DEFAULT_RETRY,
  readPlan,
  type Plan,
  type PlanDocument,
  type PlanTask,
} from '../../dag/plan.js';

export interface TaskSketch extends Partial<
  Pick<PlanTask, 'branch' | 'shortCircuit' | 'setup' | 'teardown' | 'updates' | 'callbacks'>
> {
  readonly after?: readonly string[];
  readonly rule?: TriggerRule;
  readonly when?: boolean;
  /** So many elements, or the output of a task. */
  readonly over?: number | string;
  readonly width?: number;
}

/** A plan whose tasks stand in the order given; each hands its instance's index on. */
export function aPlan(tasks: { readonly [id: string]: TaskSketch }, dag = 'sketch'): Plan {
  return readPlan({
    format: 2,
    dag,
    tasks: Object.entries(tasks).map(([id, sketch]) => aTask(id, sketch)),
  });
}

function aTask(id: string, sketch: TaskSketch): PlanDocument['tasks'][number] {
  const { after = [], rule, over, width = 2, ...rest } = sketch;
  return {
    id,
    target: {
      kind: 'activity',
      name: 'noop',
      queue: 'control',
      contract: 'none',
      retry: DEFAULT_RETRY,
      timeoutMs: 10_000,
      deadlineMs: null,
    },
    upstream: after,
    ...(rule !== undefined && { triggerRule: rule }),
    input: { value: over === undefined ? 0 : { $item: true, path: [] } },
    map:
      over === undefined
        ? null
        : {
            over:
              typeof over === 'string'
                ? { $task: over, path: [] }
                : Array.from({ length: over }, (_, index) => index),
            width,
          },
    ...rest,
  };
}
