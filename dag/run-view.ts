/** A run as a reader sees it: the answer to the query, and the live table in the Temporal UI. */
import type { RunView, TaskView } from '../contracts/engine.js';
import type { RunRecord, TaskRecord } from './fold.js';

/** The record without inputs and outputs, which may be large. */
export function runView(record: RunRecord): RunView {
  return {
    dagRunId: record.dagRunId,
    planHash: record.planHash,
    state: record.state,
    tasks: Object.entries(record.tasks).map(([task, of]) => taskView(task, of)),
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

function taskView(task: string, record: TaskRecord): TaskView {
  const { state, startedMs, finishedMs, instances } = record;
  const ended = instances.filter((instance) => instance.finishedMs !== null);
  const running = instances.filter((instance) => instance.state === 'running');
  return {
    task,
    state,
    done: ended.length,
    total: instances.length,
    note: record.reason === '' ? running.map(({ summary }) => summary).join(', ') : record.reason,
    startedMs,
    finishedMs,
  };
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
