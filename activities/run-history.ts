/** Closed runs in our own tables: Temporal forgets them, we do not. */
import { join } from 'node:path';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { dagRunId, type ClosedRun } from '../contracts/engine.js';
import type { HomeLayout } from '../contracts/home.js';
import type { RunRecord } from '../dag/fold.js';
import { appendRows, type AppendValue } from '../feature-store/append-rows.js';
import { FeatureDb, quote } from '../feature-store/duckdb.js';
import { RUNS, TASK_RUNS } from '../feature-store/engine-tables.js';
import { queryIfPresent } from '../feature-store/query-tables.js';

/** A closed run and which execution it was. */
export interface ClosedExecution {
  readonly workflowId: string;
  readonly temporalRunId: string;
  readonly run: ClosedRun<RunRecord>;
}

/** A closed run, and which execution it was. */
export interface ClosedExecution {
  readonly workflowId: string;
  readonly temporalRunId: string;
  readonly run: ClosedRun<RunRecord>;
}

/** Closed runs of one home. */
export interface RunHistory {
  /** Writes closed runs, each once, however often it is told of it. */
  record(runs: readonly ClosedExecution[]): Promise<void>;
  /** Temporal's run ids of the recorded runs. */
  recorded(): Promise<Set<string>>;
  /** Whether a run of the DAG has succeeded for the partition, be it recorded yet or not. */
  hasSucceeded(dag: string, partition: string): Promise<boolean>;
}

/** The history of one home. */
export function runHistory(layout: HomeLayout, temporal: Client): RunHistory {
  async function recordOne(db: FeatureDb, execution: ClosedExecution): Promise<void> {
    const { workflowId, temporalRunId } = execution;
    const tries = await triesByActivity(temporal, execution);
    const request = {
      db,
      tablesRoot: layout.tables,
      stagingDir: join(layout.staging, 'runs'),
      txn: { appId: `run/${workflowId}/${temporalRunId}`, version: 1 },
    };
    await appendRows({ ...request, schema: TASK_RUNS, rows: taskRows(execution, tries) });
    await appendRows({ ...request, schema: RUNS, rows: [runRow(execution)] });
  }

  return {
    async record(runs) {
      const db = await FeatureDb.open({ threads: 1 });
      try {
        for (const run of runs) await recordOne(db, run);
      } finally {
        db.close();
      }
    },

    async recorded() {
      const sql = 'SELECT temporal_run_id FROM runs';
      const rows = await queryIfPresent(layout.tables, RUNS.name, sql);
      return new Set(rows.map((row) => String(row['temporal_run_id'])));
    },

    async hasSucceeded(dag, partition) {
      if ((await lastStatus(temporal, dagRunId(dag, partition))) === 'COMPLETED') return true;
      const rows = await queryIfPresent(
        layout.tables,
        RUNS.name,
        `SELECT state FROM runs WHERE state = 'success' AND dag = ${quote(dag)} AND partition = ${quote(partition)} LIMIT 1`,
      );
      return rows.length > 0;
    },
  };
}

/** Temporal's word for the newest execution under an id, undefined when it knows none any more. */
async function lastStatus(temporal: Client, workflowId: string): Promise<string | undefined> {
  try {
    return (await temporal.workflow.getHandle(workflowId).describe()).status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

type Row = Readonly<Record<string, AppendValue>>;

function runRow({ run, temporalRunId }: ClosedExecution): Row {
  const { record } = run;
  return {
    dag: run.dag,
    partition: record.partition,
    dag_run_id: record.dagRunId,
    temporal_run_id: temporalRunId,
    plan_hash: record.planHash,
    code_version: run.codeVersion,
    params: JSON.stringify(record.params),
    state: record.state,
    started_at: new Date(run.startedMs),
    finished_at: new Date(run.finishedMs),
  };
}

function taskRows(
  { run: { record }, temporalRunId }: ClosedExecution,
  tries: ReadonlyMap<string, number>,
): Row[] {
  const time = (ms: number | null): Date | null => (ms === null ? null : new Date(ms));
  return Object.entries(record.tasks).flatMap(
    ([task, { state, reason, instances, ...times }]): Row[] => {
      const common = { dag_run_id: record.dagRunId, temporal_run_id: temporalRunId, task };
      if (instances.length === 0) {
        const ends = { started_at: time(times.startedMs), finished_at: time(times.finishedMs) };
        const nothing = { tries: 0, input: null, output: null };
        return [{ ...common, map_index: 0, state, reason, ...nothing, ...ends }];
      }
      return instances.map((instance, index) => ({
        ...common,
        map_index: index,
        state: instance.state,
        reason: instance.error?.message ?? '',
        tries: tries.get(`${task}[${index}]`) ?? tries.get(task) ?? 1,
        input: JSON.stringify(instance.input),
        output: JSON.stringify(instance.output),
        started_at: time(instance.startedMs),
        finished_at: time(instance.finishedMs),
      }));
    },
  );
}

/** How often each activity was tried; the server knows, the workflow does not. */
async function triesByActivity(
  temporal: Client,
  { workflowId, temporalRunId }: ClosedExecution,
): Promise<Map<string, number>> {
  const { events } = await temporal.workflow.getHandle(workflowId, temporalRunId).fetchHistory();
  const ids = new Map(
    (events ?? []).flatMap((event) => {
      const scheduled = event.activityTaskScheduledEventAttributes;
      return scheduled?.activityId == null ? [] : [[String(event.eventId), scheduled.activityId]];
    }),
  );
  const tries = new Map<string, number>();
  for (const { activityTaskStartedEventAttributes: started } of events ?? []) {
    const id = ids.get(String(started?.scheduledEventId));
    if (id !== undefined) tries.set(id, started?.attempt ?? 1);
  }
  return tries;
}
