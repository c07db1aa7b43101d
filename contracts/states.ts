/** Task states and trigger rules, in Airflow's strings. */

export const TASK_STATES = [
  'none',
  'running',
  'success',
  'failed',
  'skipped',
  'upstream_failed',
] as const;

/** State of a task. */
export type TaskState = (typeof TASK_STATES)[number];

/** All states of a run; only `running` is not final. */
export const RUN_STATES = ['running', 'success', 'failed', 'cancelled'] as const;

/** State of a run. */
export type RunState = (typeof RUN_STATES)[number];

/** A task runs when the states of its upstream tasks satisfy its rule. The last is a teardown's. */
export const TRIGGER_RULES = [
  'all_success',
  'all_failed',
  'all_done',
  'all_done_min_one_success',
  'all_skipped',
  'one_failed',
  'one_success',
  'one_done',
  'none_failed',
  'none_failed_min_one_success',
  'none_skipped',
  'always',
  'all_done_setup_success',
] as const;

/** One of the rules above. */
export type TriggerRule = (typeof TRIGGER_RULES)[number];

/** True once a task can no longer change its state by itself. */
export function isTerminal(state: TaskState): boolean {
  return state !== 'none' && state !== 'running';
}
