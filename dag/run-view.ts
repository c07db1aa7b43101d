/** A run as a reader sees it: the answer to the query, and the live table in the Temporal UI. */
import type { RunView, TaskView } from '../contracts/engine.js';
import { whyWaiting } from './decide-task.js';
import { graphOf } from './graph.js';
import type { Plan, PlanTask } from './plan.js';
import type { RunRecord } from './run-record.js';

/**
 * The record without inputs and outputs, which may be large.
 *
 * @param rerunOf Temporal's id of the run it goes on from
 */
export function runView(plan: Plan, record: RunRecord, rerunOf: string | null = null): RunView {
  const { dagRunId, planHash, partition, params, state, paused, startedMs } = record;
  return {
    ...{ dagRunId, planHash, partition, params, state, paused, startedMs, rerunOf },
    tasks: plan.tasks.map((task) => taskView(plan, task, record)),
  };
}

/** Markdown, one line a task: state, instances done, and why it waits or failed. */
export function taskTable(view: RunView): string {
  const rows = view.tasks.map(({ task, state, done, total, note }) => {
    const progress = total === 0 ? '' : `${done}/${total}`;
    return `| ${task} | ${state} | ${progress} | ${escape(note)} |`;
  });
  return ['| task | state | done | note |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function taskView(plan: Plan, task: PlanTask, { tasks, startedMs: begun }: RunRecord): TaskView {
  const { state, startedMs, finishedMs, instances, reason } = tasks[task.id]!; // see `newRun`
  const kept = finishedMs !== null && finishedMs < begun ? 'kept from the run before' : '';
  let done = 0;
  const running: string[] = [];
  for (const instance of instances) {
    if (instance.finishedMs !== null) done += 1;
    else if (instance.state === 'running' && running.length < SHOWN) running.push(instance.summary);
  }
  const note =
    state === 'none'
      ? whyWaiting(graphOf(plan), task, tasks)
      : reason || kept || running.join(', ');
  return { task: task.id, state, done, total: instances.length, note, startedMs, finishedMs };
}

/** So many running instances of a mapped task are named in a note. */
const SHOWN = 5;

function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
