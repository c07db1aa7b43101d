/**
 * When a task may run, decided from the states of its direct upstream tasks alone. The one place where
 * a trigger rule lives: the interpreter, the test run and every display ask here.
 *
 * The rules are those of Airflow's scheduler (`ti_deps/deps/trigger_rule_dep.py`), also where it differs
 * from Airflow's documents; docs/dag.md has the table. As there, each instance of a mapped task counts.
 */
import type { TaskState, TriggerRule } from '../contracts/states.js';

/** What a trigger rule says now. */
export type Verdict = 'run' | 'wait' | 'skipped' | 'upstream_failed';

/** A direct upstream task as a rule sees it. */
export interface Upstream {
  readonly id: string;
  /** One for each instance; one for a task that has none (yet). */
  readonly states: readonly TaskState[];
  readonly setup: boolean;
}

/** How many upstream instances are in which state. */
interface Counts {
  total: number;
  done: number;
  success: number;
  failed: number;
  skipped: number;
  upstream_failed: number;
  setups: number;
  setupSuccess: number;
  setupSkipped: number;
}

/** The verdict of `rule`. */
export function decide(rule: TriggerRule, upstream: readonly Upstream[]): Verdict {
  return RULES[rule](count(upstream));
}

/** The rule, the counts and the upstream states in one line: why a task waits or was settled. */
export function explain(rule: TriggerRule, upstream: readonly Upstream[]): string {
  const c = count(upstream);
  const states = upstream.map(({ id, states: of }) => `${id}=${stateText(of)}`).join(', ');
  const failed = c.failed + c.upstream_failed;
  return (
    `${rule}: ${c.done} of ${c.total} upstream done, ` +
    `${c.success} succeeded, ${failed} failed, ${c.skipped} skipped (${states})`
  );
}

/** Each rule; a fault of an upstream task may settle a task before all of them are done. */
const RULES: Record<TriggerRule, (counts: Counts) => Verdict> = {
  all_success: (c) => {
    if (anyFailed(c)) return 'upstream_failed';
    if (c.skipped > 0) return 'skipped';
    return c.success === c.total ? 'run' : 'wait';
  },
  all_failed: (c) => {
    if (c.success > 0 || c.skipped > 0) return 'skipped';
    return isDone(c) ? 'run' : 'wait';
  },
  all_done: (c) => (isDone(c) ? 'run' : 'wait'),
  all_done_min_one_success: (c) => {
    if (c.skipped > 0) return 'skipped';
    if (!isDone(c)) return 'wait';
    return c.success > 0 ? 'run' : 'upstream_failed';
  },
  all_skipped: (c) => {
    if (c.success > 0 || anyFailed(c)) return 'skipped';
    return isDone(c) ? 'run' : 'wait';
  },
  one_failed: (c) => {
    if (anyFailed(c)) return 'run';
    return isDone(c) ? 'skipped' : 'wait';
  },
  one_success: (c) => {
    if (c.success > 0) return 'run';
    if (!isDone(c)) return 'wait';
    return c.skipped === c.done ? 'skipped' : 'upstream_failed';
  },
  one_done: (c) => {
    if (c.success > 0 || c.failed > 0) return 'run';
    return isDone(c) ? 'skipped' : 'wait';
  },
  none_failed: (c) => {
    if (anyFailed(c)) return 'upstream_failed';
    return isDone(c) ? 'run' : 'wait';
  },
  none_failed_min_one_success: (c) => {
    if (anyFailed(c)) return 'upstream_failed';
    if (c.total > 0 && c.skipped === c.total) return 'skipped';
    return isDone(c) ? 'run' : 'wait';
  },
  none_skipped: (c) => {
    if (c.skipped > 0) return 'skipped';
    return isDone(c) ? 'run' : 'wait';
  },
  always: () => 'run',
  all_done_setup_success: (c) => {
    if (!isDone(c)) return 'wait';
    if (c.setups === 0 || c.setupSuccess > 0) return 'run';
    return c.setupSkipped === c.setups ? 'skipped' : 'upstream_failed';
  },
};

function isDone(counts: Counts): boolean {
  return counts.done === counts.total;
}

function anyFailed(counts: Counts): boolean {
  return counts.failed + counts.upstream_failed > 0;
}

function count(upstream: readonly Upstream[]): Counts {
  const counts: Counts = {
    ...{ total: 0, done: 0, success: 0, failed: 0, skipped: 0, upstream_failed: 0 },
    ...{ setups: 0, setupSuccess: 0, setupSkipped: 0 },
  };
  for (const { states, setup } of upstream) {
    for (const state of states) {
      counts.total += 1;
      if (state !== 'none' && state !== 'running') {
        counts.done += 1;
        counts[state] += 1;
      }
      if (!setup) continue;
      counts.setups += 1;
      if (state === 'success') counts.setupSuccess += 1;
      if (state === 'skipped') counts.setupSkipped += 1;
    }
  }
  return counts;
}

/** `success`, or `3 success, 1 failed` of a mapped task. */
function stateText(states: readonly TaskState[]): string {
  if (states.length === 1) return states[0]!; // just counted
  const counts = new Map<TaskState, number>();
  for (const state of states) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, n]) => `${n} ${state}`).join(', ');
}
