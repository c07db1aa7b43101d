/** Going on from an earlier run: which of its tasks run again, and what is kept of the others. */
import type { Rerun } from '../contracts/engine.js';
import { isTerminal } from '../contracts/states.js';
import { graphOf } from './graph.js';
import type { Plan } from './plan.js';
import { ENDING_REASONS, markedRecord, type RunRecord, type TaskRecord } from './run-record.js';

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

/** The tasks of a closed run that did not end well: failed, given up, never run. In the order of the plan. */
export function tasksToMend(plan: Plan, record: Pick<RunRecord, 'tasks'>): string[] {
  const ids = plan.tasks.map(({ id }) => id);
  return ids.filter((id) => {
    const task = record.tasks[id];
    return task === undefined || !endedWell(task);
  });
}

/**
 * The tasks that run again when a person has said how `task` of a closed run ended: those behind it that
 * did not end well, and what is behind them.
 */
export function tasksBehindMark(
  plan: Plan,
  record: Pick<RunRecord, 'tasks'>,
  task: string,
): string[] {
  const behind = graphOf(plan).descendants(task);
  const from = tasksToMend(plan, record).filter((id) => behind.has(id));
  return tasksToRerun(plan, from, { downstream: true }).filter((id) => id !== task);
}

/** Tasks whose activity has another contract than the plan says, or is gone. */
export function changedContracts(
  plan: Plan,
  tasks: readonly string[],
  catalogue: { readonly [activity: string]: { readonly contract: string } },
): string[] {
  const graph = graphOf(plan);
  return tasks.filter((id) => {
    const { target } = graph.task(id);
    return target.kind === 'activity' && catalogue[target.name]?.contract !== target.contract;
  });
}

/** A skip is a good end when the DAG or a person chose it; one at the end of the run is none. */
function endedWell({ state, reason, instances }: TaskRecord): boolean {
  if (state === 'skipped') return !Object.values<string>(ENDING_REASONS).includes(reason);
  const leftOut = instances.some((one) => one.state === 'skipped' && one.finishedMs === null);
  return state === 'success' && !leftOut;
}

/** What a rerun starts with: the records of an earlier run but for those that run again, and marks. */
export function keptTasks(
  plan: Plan,
  before: { readonly [task: string]: TaskRecord },
  { tasks, marks = {} }: Pick<Rerun, 'tasks' | 'marks'>,
): { [task: string]: TaskRecord } {
  const again = new Set(tasks);
  const kept: { [task: string]: TaskRecord } = {};
  for (const task of plan.tasks) {
    const record = before[task.id];
    const mark = marks[task.id];
    if (mark !== undefined) {
      kept[task.id] = markedRecord(task, mark, { startedMs: null, finishedMs: mark.atMs });
    } else if (record !== undefined && isTerminal(record.state) && !again.has(task.id)) {
      kept[task.id] = record;
    }
  }
  return kept;
}
