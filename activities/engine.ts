/** The engine's own activities: plans, records of closed runs, the partition of a schedule's tick. */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { dagRunId, type ClosedRun, type Rerun } from '../contracts/engine.js';
import type { JsonObject } from '../contracts/json.js';
import type { RunRecord, TaskRecord } from '../dag/run-record.js';
import { LATEST } from '../dag/declare.js';
import { resolveParams } from '../dag/params.js';
import type { PlanDocument } from '../dag/plan.js';
import { keptTasks } from '../dag/rerun.js';
import { tickPartition } from '../dag/schedule-times.js';
import type { PlanStore } from './plan-store.js';
import type { RunHistory } from './run-history.js';

/** What the engine's activities work on. */
export interface EngineDependencies {
  readonly plans: PlanStore;
  readonly history: RunHistory;
  readonly temporal: Client;
  /** Defaults of DAG parameters in this installation. */
  readonly params: JsonObject;
}

/** What a run needs to know before its first task. */
export interface ResolvedPlan {
  readonly plan: PlanDocument;
  readonly hash: string;
  /** All parameters of the run. */
  readonly params: JsonObject;
  /** Tasks of the run it goes on from that are not run again. */
  readonly kept?: { readonly [task: string]: TaskRecord };
}

/** The engine's activities over one plan store and one history. */
export function createEngineActivities({ plans, history, temporal, params }: EngineDependencies) {
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
      rerun?: Rerun;
    }): Promise<ResolvedPlan> {
      const resolved =
        request.planHash === null
          ? await plans.latest(request.dag)
          : { plan: await plans.read(request.planHash), hash: request.planHash };
      const { rerun } = request;
      return {
        ...resolved,
        params: resolveParams(resolved.plan, params, request.params),
        ...(rerun !== undefined && {
          kept: keptTasks(resolved.plan, await history.tasks(rerun.of), rerun),
        }),
      };
    },

    /** Writes a closed run to `runs` and `task_runs`; the same run again changes nothing. */
    async recordRun(run: ClosedRun<RunRecord>): Promise<void> {
      await history.record(run);
    },

    /** What a latest-only task chooses at a run's start: its word, or nothing for an older partition. */
    async chooseLatest(run: {
      dag: string;
      partition: string;
      atMs: number;
    }): Promise<typeof LATEST | null> {
      const { plan } = await plans.latest(run.dag);
      const { partitions, schedule } = plan;
      if (typeof partitions === 'object' || run.partition === '') return LATEST; // no time, no latest
      return run.partition >= tickPartition(partitions, run.atMs, schedule?.timeZone)
        ? LATEST
        : null;
    },

    /**
     * Which partition a tick is about, and whether a run has succeeded for it already. Each tick of a DAG
     * without partitions is about a new run.
     *
     * @throws PipelineError DAG_UNKNOWN, DAG_BAD_PARTITION for a DAG with listed partitions
     */
    async resolveTick(tick: {
      dag: string;
      atMs: number;
    }): Promise<{ partition: string; recorded: boolean }> {
      const { plan } = await plans.latest(tick.dag);
      const partition = tickPartition(plan.partitions, tick.atMs, plan.schedule?.timeZone);
      if (partition === '') return { partition, recorded: false };
      const states = await history.states(tick.dag, partition);
      const recorded =
        states.includes('success') || (await isCompleted(temporal, dagRunId(tick.dag, partition)));
      return { partition, recorded };
    },
  };
}

/** For `proxyActivities` in workflows. */
export type EngineActivities = ReturnType<typeof createEngineActivities>;

/** Whether the newest run under an id has succeeded; one may stand in Temporal before it is in the tables. */
async function isCompleted(temporal: Client, workflowId: string): Promise<boolean> {
  try {
    const { status } = await temporal.workflow.getHandle(workflowId).describe();
    return status.name === 'COMPLETED';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
