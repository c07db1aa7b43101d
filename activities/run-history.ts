/** Closed runs in our own tables: Temporal forgets them, we do not. */
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { activityInfo } from '@temporalio/activity';
import type { ClosedRun } from '../contracts/engine.js';
import type { HomeLayout } from '../contracts/home.js';
import type { RunRecord, TaskRecord } from '../dag/run-record.js';
import { appendRows, type AppendValue } from '../feature-store/append-rows.js';
import { FeatureDb, quote } from '../feature-store/duckdb.js';
import { RUNS, TASK_RUNS } from '../feature-store/engine-tables.js';
import { queryIfPresent } from '../feature-store/query-tables.js';
import { closedRuns } from './runs/closed-runs.js';
import { triesOfRun } from './runs/run-tries.js';

/** Closed runs of one home. */
export interface RunHistory {
  /** Writes a closed run once, however often it is told of it. */
  record(run: ClosedRun<RunRecord>): Promise<void>;
  /** States of the closed runs of a partition, in no order. */
  states(dag: string, partition: string): Promise<string[]>;
  /**
   * Tasks of a closed run.
   *
   * @throws PipelineError RUN_UNKNOWN
   */
  tasks(temporalRunId: string): Promise<{ readonly [task: string]: TaskRecord }>;
}

/** The history of one home. */
export function runHistory(layout: HomeLayout, temporal: Client): RunHistory {
  return {
    async record(run) {
      const { workflowExecution } = activityInfo();
      // a run that was started by 0.3.0 does not name its first execution, and has no other
      const temporalRunId = run.temporalRunId ?? workflowExecution!.runId; // started by a workflow
      const workflowId = run.record.dagRunId;
      const tries = await triesOfRun(temporal, { workflowId, temporalRunId });
      const db = await FeatureDb.open({ threads: 1 });
      const request = {
        db,
        tablesRoot: layout.tables,
        stagingDir: join(layout.staging, 'runs'),
        txn: { appId: `run/${workflowId}/${temporalRunId}`, version: 1 },
      };
      const tasks = taskRows(run, temporalRunId, tries);
      try {
        await appendRows({ ...request, schema: TASK_RUNS, rows: tasks });
        await appendRows({ ...request, schema: RUNS, rows: [runRow(run, temporalRunId)] });
      } finally {
        db.close();
      }
    },

    async states(dag, partition) {
      const rows = await queryIfPresent(
        layout.tables,
        RUNS.name,
        `SELECT state FROM runs WHERE dag = ${quote(dag)} AND partition = ${quote(partition)}`,
      );
      return rows.map((row) => String(row['state']));
    },

    async tasks(temporalRunId) {
      const { run } = await closedRuns(layout.tables).read(temporalRunId);
      return run.record.tasks;
    },
  };
}

type Row = Readonly<Record<string, AppendValue>>;

/** `closedRuns` reads it back. */
export function runRow(run: ClosedRun<RunRecord>, temporalRunId: string): Row {
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
    rerun_of: run.rerunOf ?? null,
    ending: record.ending,
    paused: record.paused,
  };
}

/**
 * One row for each instance of each task, one for a task without instances. `closedRuns` reads them
 * back.
 *
 * @param tries by activity id
 */
export function taskRows(
  { record, startedMs: runStartedMs }: ClosedRun<RunRecord>,
  temporalRunId: string,
  tries: ReadonlyMap<string, number>,
): Row[] {
  const time = (ms: number | null): Date | null => (ms === null ? null : new Date(ms));
  return Object.entries(record.tasks).flatMap(
    ([task, { state, reason, startedMs, finishedMs, instances }]): Row[] => {
      const common = {
        dag_run_id: record.dagRunId,
        temporal_run_id: temporalRunId,
        task,
        instances: instances.length,
        task_state: state,
        task_reason: reason,
        task_started_at: time(startedMs),
        task_finished_at: time(finishedMs),
      };
      if (instances.length === 0) {
        const ends = { started_at: time(startedMs), finished_at: time(finishedMs) };
        return [{ ...common, map_index: 0, state, reason, tries: 0, ...ends }];
      }
      return instances.map((instance, index) => {
        const startedHere = instance.startedMs !== null && instance.startedMs >= runStartedMs;
        return {
          ...common,
          map_index: index,
          state: instance.state,
          reason: instance.error?.message ?? '',
          // a task of a mapped name has an index, and what is no activity is tried once
          tries: tries.get(`${task}[${index}]`) ?? tries.get(task) ?? (startedHere ? 1 : 0),
          input: JSON.stringify(instance.input),
          output: JSON.stringify(instance.output),
          started_at: time(instance.startedMs),
          finished_at: time(instance.finishedMs),
          error_code: instance.error?.code ?? null,
          summary: instance.summary,
        };
      });
    },
  );
}
