/** One run with all its tasks, the same for open and closed runs and for those that Temporal has forgotten. */
import type { WorkflowHandle } from '@temporalio/client';
import type { RunView, TaskView } from '../../contracts/engine.js';
import { RUN_QUERY } from '../../contracts/engine.js';
import type { JsonObject } from '../../contracts/json.js';
import { SEARCH_ATTRIBUTES } from '../../contracts/queues.js';
import { runView } from '../../dag/run-view.js';
import type { PlanStore } from '../plan-store.js';
import { closedState } from './list-runs.js';
import { locateRun, type LocatedRun, type RunSources } from './locate-run.js';
import { triesOfRun } from './run-tries.js';

/** A run; times are ISO 8601 in UTC. */
export interface RunReport {
  readonly dagRunId: string;
  /** Temporal's id of the run's first execution. */
  readonly temporalRunId: string;
  readonly state: string;
  readonly paused: boolean;
  /** Why a run that has no tasks to show failed: it could not begin, or is written in code. */
  readonly reason: string;
  /** Empty where the run has not resolved its plan, and for a workflow that is written in code. */
  readonly planHash: string;
  readonly partition: string;
  readonly params: JsonObject;
  /** `temporalRunId` of the run it goes on from. */
  readonly rerunOf: string | null;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly seconds: number;
  readonly tasks: readonly TaskReport[];
}

/** One task of a run. */
export interface TaskReport {
  readonly task: string;
  readonly state: string;
  /** Instances that have ended, and all of them; 0 of 0 before the task starts. */
  readonly done: number;
  readonly total: number;
  /** Tries in this run, of all instances together. */
  readonly tries: number;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly seconds: number | null;
  /** What runs, or why the task waits, was skipped or failed. */
  readonly note: string;
}

/** A query that takes longer meets no worker. */
const QUERY_MS = 10_000;

/**
 * The newest run of an id, or the one that `temporalRunId` names.
 *
 * @throws PipelineError RUN_UNKNOWN, PLAN_NOT_FOUND
 */
export async function showRun(
  sources: RunSources & { readonly plans: Pick<PlanStore, 'read'> },
  dagRunId: string,
  temporalRunId?: string,
): Promise<RunReport> {
  const located = await locateRun(sources, dagRunId, temporalRunId);
  return located.kind === 'recorded'
    ? showRecorded(sources, located.temporalRunId)
    : showLive(sources, dagRunId, located);
}

async function showRecorded(
  { closed, plans }: Parameters<typeof showRun>[0],
  temporalRunId: string,
): Promise<RunReport> {
  const { run, tries } = await closed.read(temporalRunId);
  const plan = await plans.read(run.record.planHash);
  const view = runView(plan, run.record, run.rerunOf ?? null);
  return report(view, {
    temporalRunId,
    reason: '',
    finishedMs: run.finishedMs,
    tries: (task) => tries[task] ?? 0,
  });
}

async function showLive(
  { temporal }: RunSources,
  dagRunId: string,
  { temporalRunId, handle, description, kind }: Exclude<LocatedRun, { kind: 'recorded' }>,
): Promise<RunReport> {
  // a workflow written in code does not know the query, and without a worker nobody answers it
  const view = await handle.client
    .withDeadline(Date.now() + QUERY_MS, () => handle.query<RunView>(RUN_QUERY))
    .catch(() => undefined);
  const tries =
    temporal === undefined
      ? new Map<string, number>()
      : await triesOfRun(
          temporal,
          { workflowId: dagRunId, temporalRunId },
          { pending: kind === 'open' },
        );
  const [planHash] = description.searchAttributes[SEARCH_ATTRIBUTES.planHash] ?? [];
  const [partition] = description.searchAttributes[SEARCH_ATTRIBUTES.partition] ?? [];
  const unseen: RunView = {
    dagRunId,
    planHash: String(planHash ?? ''),
    partition: String(partition ?? ''),
    params: {},
    state: 'running',
    paused: false,
    startedMs: description.startTime.getTime(),
    rerunOf: null,
    tasks: [],
  };
  const state = kind === 'open' ? 'running' : closedState(description);
  const begunMs = view?.startedMs ?? 0;
  return report(
    { ...(view ?? unseen), state },
    {
      temporalRunId,
      reason: view === undefined && state === 'failed' ? await failureOf(handle) : '',
      finishedMs: description.closeTime?.getTime() ?? null,
      tries: (task, { total, startedMs }) =>
        // what is no activity is tried once, and a task that was kept was not tried in this run
        triesOfTask(tries, task) ?? ((startedMs ?? -1) >= begunMs ? total : 0),
    },
  );
}

/** What a closed workflow failed of, in the words of the innermost cause. */
async function failureOf(handle: WorkflowHandle): Promise<string> {
  try {
    await handle.result();
    return '';
  } catch (error) {
    let cause: unknown = error;
    while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
    return cause instanceof Error ? cause.message : String(cause);
  }
}

/** Tries of all instances; undefined for a task that is no activity. */
function triesOfTask(tries: ReadonlyMap<string, number>, task: string): number | undefined {
  const counts = [...tries].filter(([id]) => id === task || id.startsWith(`${task}[`));
  if (counts.length === 0) return undefined;
  return counts.reduce((sum, [, count]) => sum + count, 0);
}

function report(
  view: RunView,
  run: {
    readonly temporalRunId: string;
    readonly reason: string;
    readonly finishedMs: number | null;
    readonly tries: (task: string, view: TaskView) => number;
  },
): RunReport {
  const { startedMs, rerunOf, tasks, ...header } = view;
  return {
    ...header,
    temporalRunId: run.temporalRunId,
    reason: run.reason,
    rerunOf,
    startedAt: isoTime(startedMs),
    finishedAt: run.finishedMs === null ? null : isoTime(run.finishedMs),
    seconds: seconds(startedMs, run.finishedMs),
    tasks: tasks.map((task) => ({
      task: task.task,
      state: task.state,
      done: task.done,
      total: task.total,
      tries: run.tries(task.task, task),
      startedAt: task.startedMs === null ? null : isoTime(task.startedMs),
      finishedAt: task.finishedMs === null ? null : isoTime(task.finishedMs),
      seconds: task.startedMs === null ? null : seconds(task.startedMs, task.finishedMs),
      note: task.note,
    })),
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** To a tenth; up to now where there is no end. */
function seconds(startedMs: number, finishedMs: number | null): number {
  return Math.round(((finishedMs ?? Date.now()) - startedMs) / 100) / 10;
}
