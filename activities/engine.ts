/** The engine's own activities: plans, records of closed runs, the partition of a schedule's tick. */
import { activityInfo } from '@temporalio/activity';
import type { ClosedRun } from '../contracts/engine.js';
import { PipelineError } from '../contracts/errors.js';
import type { JsonObject } from '../contracts/json.js';
import type { RunRecord } from '../dag/fold.js';
import { resolveParams } from '../dag/params.js';
import { lastEndedWeek } from '../dag/partitions.js';
import type { Plan } from '../dag/plan.js';
import type { PlanStore } from './plan-store.js';
import type { RunHistory } from './run-history.js';

/** What the engine's activities work on. */
export interface EngineDependencies {
  readonly plans: PlanStore;
  readonly history: RunHistory;
  /** Defaults of DAG parameters in this installation. */
  readonly params: JsonObject;
}

/** The engine's activities over one plan store and one history. */
export function createEngineActivities({ plans, history, params }: EngineDependencies) {
  return {
    /**
     * The plan to run, its hash, and all parameters of the run.
     *
     * @throws PipelineError DAG_UNKNOWN, PLAN_NOT_FOUND, DAG_BAD_PARAM
     */
    async resolvePlan(request: {
      dag: string;
      planHash: string | null;
      params: JsonObject;
    }): Promise<{ plan: Plan; hash: string; params: JsonObject }> {
      const resolved =
        request.planHash === null
          ? await plans.latest(request.dag)
          : { plan: await plans.read(request.planHash), hash: request.planHash };
      return { ...resolved, params: resolveParams(resolved.plan, params, request.params) };
    },

    /** Writes a closed run to `runs` and `task_runs`: for runs that were started by version 0.3.0 and before. */
    async recordRun(run: ClosedRun<RunRecord>): Promise<void> {
      const { workflowExecution } = activityInfo();
      const { workflowId, runId } = workflowExecution!; // started by a workflow
      await history.record([{ workflowId, temporalRunId: runId, run }]);
    },

    /** Which partition a tick is about, and whether a run has succeeded for it already. */
    async resolveTick(tick: {
      dag: string;
      atMs: number;
    }): Promise<{ partition: string; recorded: boolean }> {
      const { plan } = await plans.latest(tick.dag);
      if (plan.partitions !== 'iso-week') {
        throw new PipelineError({
          code: 'DAG_INVALID',
          file: tick.dag,
          found: `a scheduled DAG with partitions "${plan.partitions}"`,
          expected: 'iso-week',
          fix: 'declare `partitions` in the DAG, then deploy it again',
        });
      }
      const partition = lastEndedWeek(new Date(tick.atMs));
      return { partition, recorded: await history.hasSucceeded(tick.dag, partition) };
    },
  };
}

/** For `proxyActivities` in workflows. */
export type EngineActivities = ReturnType<typeof createEngineActivities>;
