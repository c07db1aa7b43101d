/** What is known of a DAG's runs: our own tables have the closed ones for good, Temporal the open ones. */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { dagRunId } from '../contracts/engine.js';
import type { HomeLayout } from '../contracts/home.js';
import type { JsonObject } from '../contracts/json.js';
import type { KnownRun } from '../dag/backfill.js';
import { quote } from '../feature-store/duckdb.js';
import { RUNS } from '../feature-store/engine-tables.js';
import { queryIfPresent } from '../feature-store/query-tables.js';
import { localBlobStore } from '../payloads/blob-store.js';
import { resolveJson } from '../payloads/reference.js';

/** A closed run as our tables have it. */
export interface RecordedRun {
  readonly dagRunId: string;
  readonly partition: string;
  readonly temporalRunId: string;
  readonly state: 'success' | 'failed' | 'cancelled';
  readonly planHash: string;
  readonly codeVersion: string;
  readonly params: JsonObject;
  readonly startedMs: number;
  readonly finishedMs: number;
}

/** The runs of a partition. */
export interface RunsOfPartition {
  /** State of the newest. */
  readonly state: KnownRun['state'];
  /** The newest that succeeded. */
  readonly success: RecordedRun | undefined;
}

/**
 * Runs of a DAG by partition.
 *
 * @param temporal undefined while no server runs: then only recorded runs are known
 */
export async function knownRuns(
  layout: HomeLayout,
  temporal: Client | undefined,
  dag: string,
  partitions: readonly string[],
): Promise<Map<string, RunsOfPartition>> {
  // in this order: one that is recorded in between is found recorded
  const executions = temporal === undefined ? [] : await executionsOf(temporal, dag);
  const recorded = await recordedRuns(layout, dag);
  const recordedIds = new Set(recorded.map(({ temporalRunId }) => temporalRunId));
  const unrecorded = executions
    .filter(({ firstRunId }) => !recordedIds.has(firstRunId))
    .map(({ workflowId, startTime, status }) => ({
      dagRunId: workflowId,
      startedMs: startTime.getTime(),
      state: CLOSED[status.name] ?? ('running' as const),
    }));
  const all = [...recorded, ...unrecorded].sort((a, b) => a.startedMs - b.startedMs);
  const newest = new Map(all.map((run) => [run.dagRunId, run.state]));
  const successes = new Map(
    recorded.filter(({ state }) => state === 'success').map((run) => [run.partition, run]),
  );
  return new Map(
    partitions.flatMap((partition) => {
      const state = newest.get(dagRunId(dag, partition));
      return state === undefined
        ? []
        : [[partition, { state, success: successes.get(partition) }] as const];
    }),
  );
}

/** What a closed execution has come to that is not recorded: not yet, or ended from outside. */
const CLOSED: Readonly<Record<string, RecordedRun['state']>> = {
  COMPLETED: 'success',
  FAILED: 'failed',
  TIMED_OUT: 'failed',
  TERMINATED: 'cancelled',
  CANCELLED: 'cancelled',
};

interface Execution extends Pick<WorkflowExecutionInfo, 'workflowId' | 'startTime' | 'status'> {
  /** Temporal's id of the run's first execution. */
  readonly firstRunId: string;
}

async function executionsOf(temporal: Client, dag: string): Promise<Execution[]> {
  const executions: Execution[] = [];
  const query = `WorkflowType = ${quote(dag)} AND ExecutionStatus != 'ContinuedAsNew'`;
  for await (const execution of temporal.workflow.list({ query })) {
    const { workflowId, runId, raw, startTime } = execution;
    // the list may be a moment behind, and a run that has just closed is not to be joined
    const { status } =
      execution.status.name === 'RUNNING'
        ? await temporal.workflow.getHandle(workflowId, runId).describe()
        : execution;
    executions.push({ workflowId, startTime, status, firstRunId: raw.firstRunId || runId });
  }
  return executions;
}

/** Closed runs of a DAG, oldest first. */
async function recordedRuns(layout: HomeLayout, dag: string): Promise<RecordedRun[]> {
  const rows = await queryIfPresent(
    layout.tables,
    RUNS.name,
    `SELECT dag_run_id AS "dagRunId", partition, temporal_run_id AS "temporalRunId", state,
       plan_hash AS "planHash", code_version AS "codeVersion", params, epoch_ms(started_at) AS "startedMs", epoch_ms(finished_at) AS "finishedMs"
     FROM runs WHERE dag = ${quote(dag)} ORDER BY started_at`,
  );
  const store = localBlobStore(layout.payloads);
  return Promise.all(
    rows.map(async (row) => ({
      ...(row as unknown as RecordedRun), // the columns just selected
      params: (await resolveJson(store, String(row['params']))) as JsonObject, // written by `record`
    })),
  );
}
