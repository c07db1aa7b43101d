/** The activities of a backfill: what there is to do, waiting for a run of someone else, the record. */
import type { RunRecorder } from './run-recorder.js';
import { join } from 'node:path';
import { activityInfo } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import { WorkflowFailedError, WorkflowNotFoundError, type Client } from '@temporalio/client';
import type {
  BackfillInput,
  BackfillPlan,
  BackfillRequest,
  ClosedBackfill,
} from '../contracts/backfill.js';
import { PipelineError } from '../contracts/errors.js';
import type { HomeLayout } from '../contracts/home.js';
import type { JsonObject } from '../contracts/json.js';
import { parseBackfill } from '../contracts/schemas/backfill.js';
import {
  backfillPartitions,
  planBackfill,
  planCascade,
  requireRoom,
  type BackfillQuestion,
  type KnownRun,
} from '../dag/backfill.js';
import type { RunOutcome } from '../dag/backfill-fold.js';
import { downstreamDags, sourceDags, upstreamDags } from '../dag/downstream-dags.js';
import { checkGiven, overlayParams } from '../dag/params.js';
import type { Plan } from '../dag/plan.js';
import { appendRows } from '../feature-store/append-rows.js';
import { FeatureDb } from '../feature-store/duckdb.js';
import { BACKFILLS } from '../feature-store/engine-tables.js';
import { knownRuns, type RecordedRun } from './known-runs.js';
import { planOf } from './plan-store.js';
import { staleReasons } from './stale-runs.js';

/** What a backfill is planned from. */
export interface BackfillSources {
  readonly layout: HomeLayout;
  /** Undefined while no server runs: then only recorded runs are known. */
  readonly temporal: Client | undefined;
  /** The newest plan of each DAG, by id. */
  readonly plans: ReadonlyMap<string, Plan>;
  /** Defaults of DAG parameters; undefined when they are not known here, and not compared. */
  readonly params: JsonObject | undefined;
}

/** The backfill's activities over one home. */
export function createBackfillActivities(
  sources: BackfillSources & { readonly temporal: Client; readonly recorder: RunRecorder },
) {
  const { layout, temporal, recorder } = sources;
  return {
    /**
     * What a backfill does, with all choices made.
     *
     * @throws PipelineError BACKFILL_INVALID, DAG_BAD_PARTITION, DAG_UNKNOWN, DAG_BAD_PARAM
     */
    async resolveBackfill(input: BackfillInput): Promise<BackfillPlan> {
      await recorder.catchUp(); // what a run used is known from the tables
      return resolveBackfill(sources, input);
    },

    /**
     * Waits for the end of a run that the backfill has not started; the run does not notice.
     *
     * @throws PipelineError RUN_UNKNOWN when the server has forgotten it
     */
    async awaitRun({ workflowId }: { workflowId: string }): Promise<RunOutcome> {
      try {
        await temporal.workflow.getHandle(workflowId).result();
        return { state: 'success', reason: '' };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) {
          throw new PipelineError(
            {
              code: 'RUN_UNKNOWN',
              found: `the server has no run "${workflowId}" any more`,
              fix: 'start the backfill again: it is planned from what is recorded',
            },
            { cause: error },
          );
        }
        if (!(error instanceof WorkflowFailedError)) throw error;
        const { cause } = error;
        const state = cause instanceof CancelledFailure ? 'cancelled' : 'failed';
        return { state, reason: cause?.message ?? error.message };
      }
    },

    /** Writes a closed backfill to `backfills`; the same one again changes nothing. */
    async recordBackfill({ view, request, startedMs, finishedMs }: ClosedBackfill): Promise<void> {
      const { runId } = activityInfo().workflowExecution!; // started by a workflow
      const db = await FeatureDb.open({ threads: 1 });
      await appendRows({
        db,
        tablesRoot: layout.tables,
        schema: BACKFILLS,
        rows: [
          {
            backfill_id: view.backfillId,
            temporal_run_id: runId,
            dag: view.dag,
            first_partition: view.from,
            last_partition: view.to,
            request: JSON.stringify(request),
            state: view.state,
            runs: JSON.stringify(view.rows),
            started_at: new Date(startedMs),
            finished_at: new Date(finishedMs),
          },
        ],
        stagingDir: join(layout.staging, 'backfills'),
        txn: { appId: `backfill/${view.backfillId}/${runId}`, version: 1 },
      }).finally(() => db.close());
    },
  };
}

/**
 * What a backfill would do now; the dry run prints it, the backfill does it.
 *
 * @throws PipelineError BACKFILL_INVALID, DAG_BAD_PARTITION, DAG_UNKNOWN, DAG_BAD_PARAM
 */
export async function resolveBackfill(
  sources: BackfillSources,
  input: BackfillInput,
): Promise<BackfillPlan> {
  const request = parseBackfill(input);
  const all = [...sources.plans.values()];
  const plan = planOf(sources.plans, request.dag);
  const partitions = backfillPartitions(plan, request);
  const question = async (of: Plan, given: JsonObject): Promise<BackfillQuestion> => ({
    dag: of.dag,
    partitions,
    reprocess: request.reprocess,
    reverse: request.reverse,
    known: await judgedRuns(sources, of, given, request, partitions),
  });
  const planned = planBackfill(await question(plan, request.params));
  const downstream = request.cascade ? downstreamDags(all, request.dag) : [];
  const questions = [];
  for (const of of downstream) questions.push(await question(of, {}));
  const upstreamOf = new Map(
    downstream.map((of) => [of.dag, upstreamDags(all, of).map(({ dag }) => dag)]),
  );
  const runs = planCascade(planned, questions, upstreamOf);
  requireRoom(runs);
  return { request, runs };
}

/** What is known of each partition; whether a success is stale is asked only where it decides. */
async function judgedRuns(
  sources: BackfillSources,
  plan: Plan,
  given: JsonObject,
  { reprocess }: BackfillRequest,
  partitions: readonly string[],
): Promise<Map<string, KnownRun>> {
  const { layout, temporal, plans } = sources;
  checkGiven(plan, given);
  const params = overlayParams(plan, sources.params ?? {}, given);
  const known = await knownRuns(layout, temporal, plan.dag, partitions);
  const successes = [...known.values()].flatMap(({ success }) => success ?? []);
  const upstream: Map<string, RecordedRun>[] = [];
  if (reprocess === 'stale') {
    for (const { dag } of sourceDags([...plans.values()], plan)) {
      const runs = await knownRuns(layout, temporal, dag, partitions);
      upstream.push(
        new Map([...runs].flatMap(([of, { success }]) => (success ? [[of, success]] : []))),
      );
    }
  }
  const reasons =
    reprocess === 'stale'
      ? await staleReasons(layout, successes, {
          plan,
          params: sources.params === undefined ? given : params,
          upstream,
        })
      : new Map<string, string>();
  return new Map(
    [...known].map(([partition, { state, success }]) => {
      const stale = reasons.get(partition);
      const succeeded = success !== undefined || state === 'success';
      return [partition, { state, succeeded, ...(stale !== undefined && { stale }) }];
    }),
  );
}

/** For `proxyActivities` in workflows. */
export type BackfillActivities = ReturnType<typeof createBackfillActivities>;
