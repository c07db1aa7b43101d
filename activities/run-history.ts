/** Closed runs in our own tables: Temporal forgets them, we do not. */
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { dagRunId, type ClosedRun } from '../contracts/engine.js';
import type { HomeLayout } from '../contracts/home.js';
import type { Json } from '../contracts/json.js';
import type { RunRecord, TaskRecord } from '../dag/run-record.js';
import { appendRows, type AppendValue } from '../feature-store/append-rows.js';
import { FeatureDb, quote } from '../feature-store/duckdb.js';
import { RUNS, TASK_RUNS } from '../feature-store/engine-tables.js';
import { queryIfPresent } from '../feature-store/query-tables.js';
import { localBlobStore, type BlobStore } from '../payloads/blob-store.js';
import { shortenJson } from '../payloads/reference.js';
import { closedRuns } from './runs/closed-runs.js';
import { describeExecution } from './runs/describe-execution.js';
import { triesOfRun } from './runs/run-tries.js';

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
  /**
   * Tasks of a closed run.
   *
   * @throws PipelineError RUN_UNKNOWN
   */
  tasks(temporalRunId: string): Promise<{ readonly [task: string]: TaskRecord }>;
}

/** The history of one home. */
export function runHistory(layout: HomeLayout, temporal: Client): RunHistory {
  const payloads = localBlobStore(layout.payloads);
  async function recordOne(db: FeatureDb, execution: ClosedExecution): Promise<void> {
    const { workflowId, temporalRunId } = execution;
    const tries = await triesOfRun(temporal, execution);
    const request = {
      db,
      tablesRoot: layout.tables,
      stagingDir: join(layout.staging, 'runs'),
      txn: { appId: `run/${workflowId}/${temporalRunId}`, version: 1 },
    };
    const tasks = await withoutLarge(payloads, taskRows(execution.run, temporalRunId, tries), [
      'input',
      'output',
    ]);
    await appendRows({ ...request, schema: TASK_RUNS, rows: tasks });
    const rows = await withoutLarge(payloads, [runRow(execution.run, temporalRunId)], ['params']);
    await appendRows({ ...request, schema: RUNS, rows });
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
      const handle = temporal.workflow.getHandle(dagRunId(dag, partition));
      if ((await describeExecution(handle))?.status.name === 'COMPLETED') return true;
      const rows = await queryIfPresent(
        layout.tables,
        RUNS.name,
        `SELECT state FROM runs WHERE state = 'success' AND dag = ${quote(dag)} AND partition = ${quote(partition)} LIMIT 1`,
      );
      return rows.length > 0;
    },

    async tasks(temporalRunId) {
      const { run } = await closedRuns(layout).read(temporalRunId);
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
  const toText = sharedTexts();
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
          input: toText(instance.input),
          output: toText(instance.output),
          started_at: time(instance.startedMs),
          finished_at: time(instance.finishedMs),
          error_code: instance.error?.code ?? null,
          summary: instance.summary,
        };
      });
    },
  );
}

/** `JSON.stringify` that makes one text of what one task hands on to others, for it may be large. */
function sharedTexts(): (value: Json) => string {
  const texts = new Map<Json, string>();
  return (value) => {
    if (typeof value !== 'object' || value === null) return JSON.stringify(value);
    const text = texts.get(value) ?? JSON.stringify(value);
    texts.set(value, text);
    return text;
  };
}

/** The rows with references in place of JSON that is too large for a table; one at a time, for its bytes. */
async function withoutLarge(
  payloads: BlobStore,
  rows: readonly Row[],
  columns: readonly string[],
): Promise<Row[]> {
  const shortened: Row[] = [];
  for (const row of rows) {
    const short: Record<string, AppendValue> = { ...row };
    for (const column of columns) {
      const text = row[column];
      if (typeof text === 'string') short[column] = await shortenJson(payloads, text);
    }
    shortened.push(short);
  }
  return shortened;
}
