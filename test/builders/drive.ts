/** Runs a plan through the fold alone: starts are answered from `outcome`, in an order `pick` chooses. */
import { fold, newRun, type Command, type InstanceKey, type RunRecord } from '../../dag/fold.js';
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
  const take = (step: { state: RunRecord; commands: readonly Command[] }): void => {
    record = step.state;
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
    take(
      outcome(key) === 'success'
        ? fold(plan, record, { kind: 'instance_succeeded', key, output: key.index, atMs })
        : fold(plan, record, {
            kind: 'instance_failed',
            key,
            error: { code: 'INTERNAL', message: 'told to fail' },
            atMs,
          }),
    );
  }
  return { record, started, widest };
}
