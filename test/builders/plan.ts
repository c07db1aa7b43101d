/** Plans for tests: a DAG of `noop` tasks from a table of upstream ids. */
import type { TriggerRule } from '../../contracts/states.js';
import type { Plan, PlanTask } from '../../dag/plan.js';

export interface TaskSketch {
  readonly after?: readonly string[];
  readonly rule?: TriggerRule;
  readonly when?: boolean;
  readonly over?: number;
  readonly width?: number;
}

/** A plan whose tasks stand in the order given; each hands its instance's index on. */
export function aPlan(tasks: { readonly [id: string]: TaskSketch }, dag = 'sketch'): Plan {
  return {
    format: 1,
    dag,
    description: '',
    partitions: 'none',
    schedule: null,
    params: {},
    codeVersion: 'test',
    tasks: Object.entries(tasks).map(([id, sketch]) => aTask(id, sketch)),
    output: null,
  };
}

function aTask(id: string, sketch: TaskSketch): PlanTask {
  const { after = [], rule = 'all_success', when, over, width = 2 } = sketch;
  return {
    id,
    target: {
      kind: 'activity',
      name: 'noop',
      queue: 'control',
      contract: 'none',
      retry: {
        maximumAttempts: 1,
        initialIntervalMs: 1,
        backoffCoefficient: 1,
        maximumIntervalMs: 1,
      },
      timeoutMs: 10_000,
    },
    upstream: after,
    triggerRule: rule,
    when: when ?? null,
    input: { value: over === undefined ? 0 : { $item: true, path: [] } },
    map:
      over === undefined
        ? null
        : { over: Array.from({ length: over }, (_, index) => index), width },
    summary: id,
  };
}
