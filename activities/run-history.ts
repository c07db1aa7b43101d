/** Closed runs in our own tables: Temporal forgets them, we do not. */
import { join } from 'node:path';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { dagRunId, type ClosedRun } from '../contracts/engine.js';
import type { HomeLayout } from '../contracts/home.js';
import type { Json } from '../contracts/json.js';
import type { TaskState } from '../contracts/states.js';
import { PipelineError } from '../contracts/errors.js';
import type { Instance, RunRecord, TaskRecord } from '../dag/run-record.js';
import { appendRows, type AppendValue } from '../feature-store/append-rows.js';
import { FeatureDb, quote } from '../feature-store/duckdb.js';
import { RUNS, TASK_RUNS } from '../feature-store/engine-tables.js';
import { queryIfPresent } from '../feature-store/query-tables.js';
import { localBlobStore, type BlobStore } from '../payloads/blob-store.js';
import { shortenJson } from '../payloads/reference.js';

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
  tasks(temporalRunId: string): Promise<{ [task: string]: TaskRecord }>;
}

/** The history of one home. */
export function runHistory(layout: HomeLayout, temporal: Client): RunHistory {
  const payloads = localBlobStore(layout.payloads);
  async function recordOne(db: FeatureDb, execution: ClosedExecution): Promise<void> {
    const { workflowId, temporalRunId } = execution;
    const tries = await triesByActivity(temporal, execution);
    const request = {
      db,
      tablesRoot: layout.tables,
      stagingDir: join(layout.staging, 'runs'),
      txn: { appId: `run/${workflowId}/${temporalRunId}`, version: 1 },
    };
    const tasks = await withoutLarge(payloads, taskRows(execution, tries), ['input', 'output']);
    await appendRows({ ...request, schema: TASK_RUNS, rows: tasks });
    const rows = await withoutLarge(payloads, [runRow(execution)], ['params']);
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
      if ((await lastStatus(temporal, dagRunId(dag, partition))) === 'COMPLETED') return true;
      const rows = await queryIfPresent(
        layout.tables,
        RUNS.name,
        `SELECT state FROM runs WHERE state = 'success' AND dag = ${quote(dag)} AND partition = ${quote(partition)} LIMIT 1`,
      );
      return rows.length > 0;
    },

    async tasks(temporalRunId) {
      const rows = await queryIfPresent(
        layout.tables,
        RUNS.name,
        `SELECT task, state, reason, tries, input, output, epoch_ms(started_at) AS started,
           epoch_ms(finished_at) AS finished
         FROM task_runs WHERE temporal_run_id = ${quote(temporalRunId)} ORDER BY task, map_index`,
      );
      if (rows.length === 0) {
        throw new PipelineError({
          code: 'RUN_UNKNOWN',
          found: `no closed run ${temporalRunId} in this home`,
          fix: 'see `sentinel runs list`',
        });
      }
      const tasks = [...new Set(rows.map((row) => String(row['task'])))];
      return Object.fromEntries(
        tasks.map((task) => [task, taskRecord(rows.filter((row) => row['task'] === task))]),
      );
    },
  };
}

/** The record of a task as its rows tell it, one row for each instance. */
function taskRecord(rows: readonly Readonly<Record<string, unknown>>[]): TaskRecord {
  const number = (value: unknown): number | null => (value === null ? null : Number(value));
  const json = (value: unknown): Json =>
    typeof value === 'string' ? (JSON.parse(value) as Json) : null; // written by `taskRows`
  const [first] = rows;
  if (first === undefined || Number(first['tries']) === 0) {
    return {
      state: first?.['state'] as TaskState, // written by `taskRows`
      reason: String(first?.['reason']),
      startedMs: null,
      finishedMs: number(first?.['finished']),
      instances: [],
    };
  }
  const instances = rows.map((row): Instance => {
    const message = String(row['reason']);
    return {
      state: row['state'] as Instance['state'], // written by `taskRows`
      input: json(row['input']),
      output: json(row['output']),
      error: message === '' ? null : { code: message.split(/[ :]/)[0] ?? 'INTERNAL', message },
      summary: '',
      startedMs: number(row['started']),
      finishedMs: number(row['finished']),
    };
  });
  const failed = instances.filter(({ state }) => state === 'failed');
  const skipped = instances.every(({ state }) => state === 'skipped');
  return {
    state: failed.length > 0 ? 'failed' : skipped ? 'skipped' : 'success',
    reason: failed[0]?.error?.message ?? '',
    startedMs: Math.min(...instances.map(({ startedMs }) => startedMs ?? Infinity)),
    finishedMs: Math.max(...instances.map(({ finishedMs }) => finishedMs ?? 0)),
    instances,
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

/** The rows with references in place of JSON that is too large for a table. */
function withoutLarge(
  payloads: BlobStore,
  rows: readonly Row[],
  columns: readonly string[],
): Promise<Row[]> {
  return Promise.all(
    rows.map(async (row) => {
      const short: Record<string, AppendValue> = { ...row };
      for (const column of columns) {
        const text = row[column];
        if (typeof text === 'string') short[column] = await shortenJson(payloads, text);
      }
      return short;
    }),
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
