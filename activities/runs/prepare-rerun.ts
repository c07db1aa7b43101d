/** What a rerun would do, worked out and checked before anything starts. */
import type { RunInput, Rerun } from '../../contracts/engine.js';
import { PipelineError } from '../../contracts/errors.js';
import type { JsonObject } from '../../contracts/json.js';
import type { ActivityCatalogue } from '../../dag/compile.js';
import { graphOf } from '../../dag/graph.js';
import { resolveParams } from '../../dag/params.js';
import { planDiff, outdatedTasks, type PlanDiff } from '../../dag/plan-diff.js';
import type { Plan } from '../../dag/plan.js';
import { changedContracts, tasksBehindMark, tasksToMend, tasksToRerun } from '../../dag/rerun.js';
import type { RunRecord } from '../../dag/run-record.js';
import type { PlanStore } from '../plan-store.js';
import type { ClosedRuns } from './closed-runs.js';

/** What reruns are made of. */
export interface RerunSources {
  readonly closed: ClosedRuns;
  readonly plans: PlanStore;
  /** What the workers' code says of each activity. */
  readonly catalogue: ActivityCatalogue;
}

/** What to run again. */
export interface RerunRequest {
  /** Temporal's id of the closed run to go on from. */
  readonly of: string;
  /** @default every task that did not end well */
  readonly from?: readonly string[];
  /** What follows runs again as well. @default true */
  readonly downstream?: boolean;
  /** The plan of the run, or the newest of its DAG. @default 'original' */
  readonly plan?: 'original' | 'latest';
  /** Tasks that keep the state a person gives them; then only what did not end well behind them runs. */
  readonly marks?: NonNullable<Rerun['marks']>;
}

/** A rerun that could be started. */
export interface PreparedRerun {
  readonly dag: string;
  readonly dagRunId: string;
  readonly planHash: string;
  /** From the plan of the run to the newest; null for a rerun on its own plan. */
  readonly diff: PlanDiff | null;
  /** What runs again, in the order of the plan. */
  readonly tasks: readonly string[];
  /** What keeps its output or state. */
  readonly kept: readonly string[];
  /** Starts it, under `dagRunId`. */
  readonly input: RunInput;
}

/**
 * Prepares a rerun of a closed run under the same id, with the parameters of that run.
 *
 * On the latest plan, tasks that are new or do something else run as well; parameters that it no longer
 * has are left out.
 *
 * @throws PipelineError RUN_UNKNOWN, PLAN_NOT_FOUND, DAG_UNKNOWN, TASK_UNKNOWN, RERUN_NOTHING, TASK_CONTRACT_CHANGED, DAG_BAD_PARAM
 */
export async function prepareRerun(
  { closed, plans, catalogue }: RerunSources,
  request: RerunRequest,
): Promise<PreparedRerun> {
  const { run } = await closed.read(request.of);
  const { record } = run;
  const original = { plan: await plans.read(record.planHash), hash: record.planHash };
  const isLatest = request.plan === 'latest';
  const chosen = isLatest ? await plans.latest(run.dag) : original;
  const { plan, hash } = chosen;
  const diff = isLatest ? planDiff(original, chosen) : null;
  requireTasks(plan, [...(request.from ?? []), ...Object.keys(request.marks ?? {})]);

  const tasks = chosenTasks(plan, record, diff, request);
  if (tasks.length === 0 && request.marks === undefined) throw nothingToRun(record.dagRunId);
  const changed = changedContracts(plan, tasks, catalogue);
  if (changed.length > 0) throw contractChanged(record.dagRunId, changed, isLatest);
  const params = knownParams(plan, record.params);
  resolveParams(plan, {}, params); // the newest plan may want another type
  const again = new Set(tasks);
  return {
    dag: run.dag,
    dagRunId: record.dagRunId,
    planHash: hash,
    diff,
    tasks,
    kept: plan.tasks.map(({ id }) => id).filter((id) => !again.has(id)),
    input: {
      partition: record.partition,
      params,
      planHash: hash,
      rerun: { of: request.of, tasks, ...(request.marks && { marks: request.marks }) },
    },
  };
}

function chosenTasks(
  plan: Plan,
  record: RunRecord,
  diff: PlanDiff | null,
  { from, downstream = true, marks }: RerunRequest,
): string[] {
  if (marks !== undefined) {
    const marked = Object.keys(marks);
    const behind = new Set(marked.flatMap((task) => tasksBehindMark(plan, record, task)));
    return plan.tasks.map(({ id }) => id).filter((id) => behind.has(id) && !(id in marks));
  }
  const outdated = diff === null ? [] : outdatedTasks(diff);
  const first = from ?? tasksToMend(plan, record);
  return tasksToRerun(plan, [...new Set([...first, ...outdated])], { downstream });
}

function requireTasks(plan: Plan, ids: readonly string[]): void {
  const unknown = ids.filter((id) => !graphOf(plan).has(id));
  if (unknown.length === 0) return;
  throw new PipelineError({
    code: 'TASK_UNKNOWN',
    found: `no task ${unknown.map((id) => `"${id}"`).join(', ')} in the plan of "${plan.dag}"`,
    expected: `one of ${plan.tasks.map(({ id }) => id).join(', ')}`,
    fix: 'correct the name; `sentinel runs show` lists the tasks of a run',
  });
}

function nothingToRun(dagRunId: string): PipelineError {
  return new PipelineError({
    code: 'RERUN_NOTHING',
    file: dagRunId,
    found: 'every task of the run ended well',
    fix: 'name the task to run again from with --from TASK, or start the DAG anew with `sentinel run`',
  });
}

function contractChanged(
  dagRunId: string,
  tasks: readonly string[],
  isLatest: boolean,
): PipelineError {
  return new PipelineError({
    code: 'TASK_CONTRACT_CHANGED',
    file: dagRunId,
    found: `the code has another contract for ${tasks.join(', ')} than the plan`,
    expected: 'the contracts that the plan was compiled against',
    fix: isLatest
      ? 'compile and deploy the workers again, then rerun'
      : 'rerun on the newest plan with --plan latest, or bring back workers of the old version',
  });
}

function knownParams(plan: Plan, params: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(params).filter(([name]) => name in plan.params));
}
