/** Closed runs as our own tables tell of them, whether Temporal still knows them or not. */
import type { ClosedRun } from '../../contracts/engine.js';
import { PipelineError } from '../../contracts/errors.js';
import type { Json, JsonObject } from '../../contracts/json.js';
import type { RunState, TaskState } from '../../contracts/states.js';
import type { Instance, RunRecord, TaskError, TaskRecord } from '../../dag/run-record.js';
import type { HomeLayout } from '../../contracts/home.js';
import { localBlobStore, type BlobStore } from '../../payloads/blob-store.js';
import { resolveJson } from '../../payloads/reference.js';
import { quote, type PlainRow } from '../../feature-store/duckdb.js';
import { RUNS } from '../../feature-store/engine-tables.js';
import { queryIfPresent } from '../../feature-store/query-tables.js';

/** A closed run without its tasks. */
export interface ClosedRunSummary {
  readonly dag: string;
  readonly dagRunId: string;
  readonly partition: string;
  readonly temporalRunId: string;
  readonly planHash: string;
  readonly state: RunState;
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly rerunOf: string | null;
}

/** A closed run with all that is known of it. */
export interface RecordedRun {
  readonly run: ClosedRun<RunRecord> & { readonly temporalRunId: string };
  /** Tries of each task in this run, all its instances together. */
  readonly tries: { readonly [task: string]: number };
}

/** Which closed runs; what is left out does not matter. */
export interface RunFilter {
  readonly dag?: string;
  readonly dagRunId?: string;
  readonly temporalRunId?: string;
  readonly partition?: string;
  readonly state?: string;
}

/** The closed runs of one home. */
export interface ClosedRuns {
  /** The newest first. @param limit at most so many */
  list(filter: RunFilter, limit: number): Promise<ClosedRunSummary[]>;
  /**
   * One run by Temporal's id of its first execution.
   *
   * @throws PipelineError RUN_UNKNOWN
   */
  read(temporalRunId: string): Promise<RecordedRun>;
}

/** Absolute folders: those of a home. */
type ClosedRunsPlaces = Pick<HomeLayout, 'tables' | 'payloads'>;

/** The closed runs in the tables of a home. */
export function closedRuns({ tables: tablesRoot, payloads }: ClosedRunsPlaces): ClosedRuns {
  const store = localBlobStore(payloads);
  // SELECT *: a table that 0.3.0 wrote lacks the newer columns until the next run is recorded
  const query = (sql: string): Promise<readonly PlainRow[]> =>
    queryIfPresent(tablesRoot, RUNS.name, sql);
  return {
    async list(filter, limit) {
      const columns = {
        dag: filter.dag,
        dag_run_id: filter.dagRunId,
        temporal_run_id: filter.temporalRunId,
        partition: filter.partition,
        state: filter.state,
      };
      const conditions = Object.entries(columns).flatMap(([column, value]) =>
        value === undefined ? [] : [`${column} = ${quote(value)}`],
      );
      const rows = await query(
        `SELECT * FROM runs WHERE ${['true', ...conditions].join(' AND ')}
         ORDER BY finished_at DESC, started_at DESC LIMIT ${limit}`,
      );
      return rows.map(summaryOf);
    },

    async read(temporalRunId) {
      const id = quote(temporalRunId);
      const [row] = await query(`SELECT * FROM runs WHERE temporal_run_id = ${id}`);
      if (row === undefined) {
        throw new PipelineError({
          code: 'RUN_UNKNOWN',
          found: `no closed run ${temporalRunId} in this home`,
          fix: 'see `sentinel runs list`',
        });
      }
      const rows = await query(
        `SELECT * FROM task_runs WHERE temporal_run_id = ${id} ORDER BY task, map_index`,
      );
      return recordedRun(
        await resolved(store, row),
        await Promise.all(rows.map((task) => resolved(store, task))),
      );
    },
  };
}

/** A row with its JSON as values; what was too large for the table is fetched. */
async function resolved(store: BlobStore, row: PlainRow): Promise<PlainRow> {
  const values: Record<string, unknown> = { ...row };
  for (const column of ['params', 'input', 'output']) {
    const json = row[column];
    if (typeof json === 'string') values[column] = await resolveJson(store, json);
  }
  return values;
}

function summaryOf(row: PlainRow): ClosedRunSummary {
  return {
    dag: String(row['dag']),
    dagRunId: String(row['dag_run_id']),
    partition: String(row['partition']),
    temporalRunId: String(row['temporal_run_id']),
    planHash: String(row['plan_hash']),
    state: row['state'] as RunState, // written by `runRow`
    startedMs: time(row['started_at']) ?? 0,
    finishedMs: time(row['finished_at']) ?? 0,
    rerunOf: text(row['rerun_of']),
  };
}

function recordedRun(row: PlainRow, rows: readonly PlainRow[]): RecordedRun {
  const { dag, startedMs, finishedMs, rerunOf, temporalRunId, ...run } = summaryOf(row);
  const byTask = new Map<string, PlainRow[]>();
  for (const taskRow of rows) {
    const task = String(taskRow['task']);
    const of = byTask.get(task);
    if (of === undefined) byTask.set(task, [taskRow]);
    else of.push(taskRow);
  }
  const entries = [...byTask];
  return {
    run: {
      dag,
      codeVersion: String(row['code_version']),
      startedMs,
      finishedMs,
      temporalRunId,
      ...(rerunOf !== null && { rerunOf }),
      record: {
        ...run,
        params: row['params'] as JsonObject, // written by `runRow`
        ending: endingOf(row),
        paused: row['paused'] === true,
        startedMs,
        tasks: Object.fromEntries(entries.map(([task, of]) => [task, taskRecord(of)])),
      },
    },
    tries: Object.fromEntries(
      entries.map(([task, of]) => [
        task,
        of.reduce((sum, { tries }) => sum + Number(tries ?? 0), 0),
      ]),
    ),
  };
}

/** 0.3.0 did not write it down; there, only a cancel ended a run. */
function endingOf(row: PlainRow): RunRecord['ending'] {
  const byOldVersion = (row['paused'] ?? null) === null;
  if (byOldVersion) return row['state'] === 'cancelled' ? 'cancelled' : null;
  return (row['ending'] ?? null) as RunRecord['ending']; // written by `runRow`
}

/** The record of a task as its rows tell it, one row for each instance. */
function taskRecord(rows: readonly PlainRow[]): TaskRecord {
  const first = rows[0]!; // rows are gathered by task, so there is one
  if ((first['task_state'] ?? null) === null) return taskRecordOf030(rows);
  return {
    state: first['task_state'] as TaskState, // written by `taskRows`, like all below
    reason: String(first['task_reason']),
    startedMs: time(first['task_started_at']),
    finishedMs: time(first['task_finished_at']),
    instances: first['instances'] === 0 ? [] : rows.map((row) => instanceOf(row, errorOf(row))),
  };
}

/** What 0.3.0 wrote: states and reasons of instances, from which those of the task follow. */
function taskRecordOf030(rows: readonly PlainRow[]): TaskRecord {
  const first = rows[0]!; // as above
  if (first['tries'] === 0) {
    return {
      state: first['state'] as TaskState, // as above
      reason: String(first['reason']),
      startedMs: null,
      finishedMs: time(first['finished_at']),
      instances: [],
    };
  }
  const instances = rows.map((row) => {
    const message = String(row['reason']);
    const code = /^[A-Z][A-Z_]+/.exec(message)?.[0] ?? 'INTERNAL';
    return instanceOf(row, message === '' ? null : { code, message });
  });
  const failed = instances.find(({ state }) => state === 'failed');
  const skipped = instances.every(({ state }) => state === 'skipped');
  return {
    state: failed !== undefined ? 'failed' : skipped ? 'skipped' : 'success',
    reason: failed?.error?.message ?? '',
    startedMs: Math.min(...instances.map(({ startedMs }) => startedMs ?? Infinity)),
    finishedMs: Math.max(...instances.map(({ finishedMs }) => finishedMs ?? 0)),
    instances,
  };
}

function instanceOf(row: PlainRow, error: TaskError | null): Instance {
  return {
    state: row['state'] as Instance['state'], // written by `taskRows`
    input: (row['input'] ?? null) as Json, // written by `taskRows`
    output: (row['output'] ?? null) as Json, // the same
    error,
    summary: text(row['summary']) ?? '',
    startedMs: time(row['started_at']),
    finishedMs: time(row['finished_at']),
  };
}

function errorOf(row: PlainRow): TaskError | null {
  const code = text(row['error_code']);
  return code === null ? null : { code, message: String(row['reason']) };
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function time(value: unknown): number | null {
  return value instanceof Date ? value.getTime() : null;
}
