/**
 * When a task may run, decided from the states of its upstream tasks alone. The one place where a
 * trigger rule lives: the interpreter, the dry run and every display ask here.
 */
import type { TaskState, TriggerRule } from '../contracts/states.js';
import { isTerminal } from '../contracts/states.js';

/** What a trigger rule says now. */
export type Decision =
  | { readonly kind: 'run' }
  | { readonly kind: 'wait'; readonly reason: string }
  | {
      readonly kind: 'settle';
      readonly state: 'skipped' | 'upstream_failed';
      readonly reason: string;
    };

/** What a rule sees: how many upstream tasks are in which state. */
interface Counts {
  readonly total: number;
  readonly done: number;
  readonly success: number;
  readonly failed: number;
  readonly skipped: number;
  readonly upstream_failed: number;
}

/** The decision of `rule` over the upstream tasks' states, by task id. */
export function decide(
  rule: TriggerRule,
  upstream: readonly (readonly [id: string, state: TaskState])[],
): Decision {
  const counts = count(upstream.map(([, state]) => state));
  const verdict = RULES[rule](counts);
  if (verdict === 'run') return { kind: 'run' };
  const states = upstream.map(([id, state]) => `${id}=${state}`).join(', ');
  const reason =
    `${rule}: ${counts.done} of ${counts.total} upstream done, ` +
    `${counts.success} succeeded, ${counts.failed + counts.upstream_failed} failed, ${counts.skipped} skipped (${states})`;
  if (verdict === 'wait') return { kind: 'wait', reason };
  return { kind: 'settle', state: verdict, reason };
}

type Verdict = 'run' | 'wait' | 'skipped' | 'upstream_failed';

/** Each rule as in Airflow: a fault of an upstream task settles a task before all of them are done. */
const RULES: Record<TriggerRule, (counts: Counts) => Verdict> = {
  all_success: (c) => {
    if (anyFailed(c)) return 'upstream_failed';
    if (c.skipped > 0) return 'skipped';
    return c.success === c.total ? 'run' : 'wait';
  },
  all_done: (c) => (c.done === c.total ? 'run' : 'wait'),
  none_failed: (c) => {
    if (anyFailed(c)) return 'upstream_failed';
    return c.done === c.total ? 'run' : 'wait';
  },
  none_failed_min_one_success: (c) => {
    if (anyFailed(c)) return 'upstream_failed';
    if (c.total > 0 && c.skipped === c.total) return 'skipped';
    return c.done === c.total ? 'run' : 'wait';
  },
};

function anyFailed(counts: Counts): boolean {
  return counts.failed + counts.upstream_failed > 0;
}

function count(states: readonly TaskState[]): Counts {
  const of = (state: TaskState): number => states.filter((other) => other === state).length;
  return {
    total: states.length,
    done: states.filter(isTerminal).length,
    success: of('success'),
    failed: of('failed'),
    skipped: of('skipped'),
    upstream_failed: of('upstream_failed'),
  };
}
