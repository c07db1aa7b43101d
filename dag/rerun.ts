/** Going on from an earlier run: which of its tasks run again, and what is kept of the others. */
import type { Rerun } from '../contracts/engine.js';
import { isTerminal } from '../contracts/states.js';
import { graphOf } from './graph.js';
import type { Plan } from './plan.js';
import type { Instance, TaskRecord } from './run-record.js';

/**
 * The tasks that run again when `from` do: with `downstream` all that follows, and always the setups
 * they need with their teardowns. In the order of the plan.
 */
export function tasksToRerun(
  plan: Plan,
  from: readonly string[],
  { downstream }: { downstream: boolean },
): string[] {
  const graph = graphOf(plan);
  const chosen = new Set(from);
  if (downstream)
    for (const id of from) graph.descendants(id).forEach((below) => chosen.add(below));
  for (const id of [...chosen]) {
    const direct = graph.task(id).upstream.filter((other) => graph.task(other).setup);
    for (const setup of [...direct, ...graph.setupsFurtherUp(id)]) {
      chosen.add(setup);
      for (const next of graph.downstream(setup)) {
        if (graph.task(next).teardown !== null) chosen.add(next);
      }
    }
  }
  return plan.tasks.map(({ id }) => id).filter((id) => chosen.has(id));
}

/** What a rerun starts with: the records of an earlier run but for those that run again, and marks. */
export function keptTasks(
  plan: Plan,
  before: { readonly [task: string]: TaskRecord },
  { tasks, marks = {} }: Pick<Rerun, 'tasks' | 'marks'>,
): { [task: string]: TaskRecord } {
  const again = new Set(tasks);
  const kept: { [task: string]: TaskRecord } = {};
  for (const { id } of plan.tasks) {
    const record = before[id];
    const mark = marks[id];
    if (mark !== undefined) {
      const times = {
        startedMs: record?.startedMs ?? null,
        finishedMs: record?.finishedMs ?? null,
      };
      const { state, output, reason } = mark;
      const instance: Instance = {
        state,
        input: null,
        output,
        error: null,
        summary: reason,
        ...times,
      };
      kept[id] = { state, reason, ...times, instances: [instance] };
    } else if (record !== undefined && isTerminal(record.state) && !again.has(id)) {
      kept[id] = record;
    }
  }
  return kept;
}
