/** Closed runs in our own tables: Temporal forgets them, we do not. */
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { activityInfo } from '@temporalio/activity';
import type { ClosedRun } from '../contracts/engine.js';
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
  tasks(temporalRunId: string): Promise<{ [task: string]: TaskRecord }>;
}

/** The history of one home. */
export function runHistory(layout: HomeLayout, temporal: Client): RunHistory {
  const payloads = localBlobStore(layout.payloads);
  return {
    async record(run) {
      const { workflowExecution } = activityInfo();
      const { workflowId, runId: execution } = workflowExecution!; // started by a workflow
      const runId = run.temporalRunId ?? execution;
      const tries = await triesByActivity(temporal, workflowId, runId);
      const db = await FeatureDb.open({ threads: 1 });
      const request = {
        db,
        tablesRoot: layout.tables,
        stagingDir: join(layout.staging, 'runs'),
        txn: { appId: `run/${workflowId}/${runId}`, version: 1 },
      };
      try {
        const tasks = await withoutLarge(payloads, taskRows(run, runId, tries), [
          'input',
          'output',
        ]);
        await appendRows({ ...request, schema: TASK_RUNS, rows: tasks });
        const runs = await withoutLarge(payloads, [runRow(run, runId)], ['params']);
        await appendRows({ ...request, schema: RUNS, rows: runs });
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

type Row = Readonly<Record<string, AppendValue>>;

function runRow(run: ClosedRun<RunRecord>, temporalRunId: string): Row {
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
  { record }: ClosedRun<RunRecord>,
  temporalRunId: string,
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
  workflowId: string,
  runId: string,
): Promise<Map<string, number>> {
  const { events } = await temporal.workflow.getHandle(workflowId, runId).fetchHistory();
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
