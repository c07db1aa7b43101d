/** Runs a plan through the fold alone: starts are answered from `outcome`, in an order `pick` chooses. */
import { fold, type Command, type Step } from '../../dag/fold.js';
import { newRun, type InstanceKey, type RunRecord } from '../../dag/run-record.js';
import type { Plan } from '../../dag/plan.js';

type Start = Extract<Command, { kind: 'start' }>;

export interface Drive {
  readonly record: RunRecord;
  /** Instances in the order they were started, as `task` or `task[index]`. */
  readonly started: readonly string[];
  /** Most instances of one task that were out at the same time. */
  readonly widest: number;
}

export function drive(
  plan: Plan,
  outcome: (key: InstanceKey) => 'success' | 'failed' = () => 'success',
  pick: (count: number) => number = () => 0,
): Drive {
  let record = newRun(plan, { dagRunId: 'test', planHash: 'test', partition: '', params: {} });
  const open: Start[] = [];
  const started: string[] = [];
  let widest = 0;
  let atMs = 0;
  const take = (step: Step): void => {
    record = step.record;
    for (const command of step.commands) {
      if (command.kind !== 'start') continue;
      open.push(command);
      started.push(`${command.key.task}[${command.key.index}]`);
      const out = open.filter(({ key }) => key.task === command.key.task).length;
      widest = Math.max(widest, out);
    }
  };
  take(fold(plan, record, { kind: 'run_started', atMs }));
  while (open.length > 0) {
    const [start] = open.splice(pick(open.length), 1);
    if (start === undefined) break;
    atMs += 1;
    const { key } = start;
    const end =
      outcome(key) === 'success'
        ? { state: 'success' as const, output: key.index }
        : { state: 'failed' as const, error: { code: 'INTERNAL', message: 'told to fail' } };
    take(fold(plan, record, { kind: 'instances_ended', ends: [{ key, end }], atMs }));
  }
  return { record, started, widest };
}
