/** Runs, the newest first: open ones from Temporal, closed ones from our tables, and what is on its way there. */
import type { WorkflowExecutionInfo } from '@temporalio/client';
import { INTERNAL_WORKFLOWS } from '../../contracts/internal-workflows.js';
import { partitionOf } from '../../contracts/engine.js';
import { SEARCH_ATTRIBUTES } from '../../contracts/queues.js';
import type { ClosedRunSummary, RunFilter } from './closed-runs.js';
import type { RunSources } from './locate-run.js';

/** One line of the list; times are ISO 8601 in UTC. */
export interface ListedRun {
  /** Workflow id: `weekly/2022-W23`. */
  readonly run: string;
  readonly dag: string;
  readonly partition: string;
  readonly state: string;
  readonly started: string;
  /** Empty while it is open. */
  readonly finished: string;
  /** Hash of its plan; empty where there is none. */
  readonly plan: string;
  readonly temporalRunId: string;
}

/** Which runs. */
export interface ListOptions extends Pick<RunFilter, 'dag' | 'partition' | 'state'> {
  readonly limit: number;
  /** The engine's own workflows too. @default false */
  readonly internal?: boolean;
}

/** At most `limit` runs, the newest start first. */
export async function listRuns(
  { closed, temporal }: RunSources,
  { limit, internal = false, ...filter }: ListOptions,
): Promise<ListedRun[]> {
  const isWanted = (run: ListedRun): boolean =>
    (internal || !INTERNAL_WORKFLOWS.includes(run.dag)) &&
    (filter.dag ?? run.dag) === run.dag &&
    (filter.partition ?? run.partition) === run.partition &&
    (filter.state ?? run.state) === run.state;
  const recorded = await closed.list(filter, limit);
  const listed = recorded.map(ofTables);
  if (temporal !== undefined) {
    // an id's executions never overlap, so the one during which a recorded run ended is that run
    const ends = new Map<string, number[]>();
    for (const { dagRunId, finishedMs } of await closed.list({}, limit + UNRECORDED)) {
      ends.set(dagRunId, [...(ends.get(dagRunId) ?? []), finishedMs]);
    }
    const isRecorded = ({ workflowId, startTime, closeTime }: WorkflowExecutionInfo): boolean =>
      (ends.get(workflowId) ?? []).some(
        (ms) => ms >= startTime.getTime() && ms <= (closeTime?.getTime() ?? Infinity),
      );
    let unrecorded = 0;
    let looked = 0;
    for await (const execution of temporal.workflow.list({ query: queryOf(filter.dag) })) {
      const run = ofTemporal(execution);
      const isOpen = execution.closeTime === undefined;
      if (!isOpen) {
        looked += 1;
        if (looked > limit + UNRECORDED || unrecorded >= limit) break; // open ones come first
      }
      if (!isWanted(run) || isRecorded(execution)) continue;
      listed.push(run);
      if (!isOpen) unrecorded += 1;
    }
  }
  return listed.sort((a, b) => b.started.localeCompare(a.started)).slice(0, limit);
}

/** A run is recorded seconds after it has closed: so many of the newest closed ones are looked at. */
const UNRECORDED = 200;

/** One that continued as new goes on under its id. The server lists open ones first, then by the time of closing. */
function queryOf(dag: string | undefined): string {
  const ofDag = dag === undefined ? '' : ` AND WorkflowType = '${dag.replaceAll("'", "''")}'`;
  return `ExecutionStatus != 'ContinuedAsNew'${ofDag}`;
}

function ofTables(run: ClosedRunSummary): ListedRun {
  return {
    run: run.dagRunId,
    dag: run.dag,
    partition: run.partition,
    state: run.state,
    started: new Date(run.startedMs).toISOString(),
    finished: new Date(run.finishedMs).toISOString(),
    plan: run.planHash,
    temporalRunId: run.temporalRunId,
  };
}

function ofTemporal(execution: WorkflowExecutionInfo): ListedRun {
  const { workflowId, type, startTime, closeTime, searchAttributes, raw, runId } = execution;
  const [plan] = searchAttributes[SEARCH_ATTRIBUTES.planHash] ?? [];
  const [partition] = searchAttributes[SEARCH_ATTRIBUTES.partition] ?? [];
  return {
    run: workflowId,
    dag: type,
    partition: String(partition ?? partitionOf(workflowId)),
    state: closeTime === undefined ? 'running' : closedState(execution),
    started: startTime.toISOString(),
    finished: closeTime?.toISOString() ?? '',
    plan: String(plan ?? ''),
    temporalRunId: raw.firstRunId || runId,
  };
}

/** What a closed execution says of itself; one that was killed says `running` to its end. */
export function closedState({
  status,
  searchAttributes,
}: Pick<WorkflowExecutionInfo, 'status' | 'searchAttributes'>): string {
  const [state] = searchAttributes[SEARCH_ATTRIBUTES.state] ?? [];
  if (typeof state === 'string' && state !== 'running') return state;
  if (status.name === 'COMPLETED') return 'success';
  return status.name === 'CANCELLED' ? 'cancelled' : 'failed';
}
