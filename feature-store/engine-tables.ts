/** Tables that say what was done and decided: closed runs, predictions, drift, decisions. */
import type { TableSchema } from './delta/schema.js';

/** Every closed run, one row each. */
export const RUNS: TableSchema = {
  name: 'runs',
  columns: [
    { name: 'dag', type: 'string' },
    { name: 'partition', type: 'string' },
    { name: 'dag_run_id', type: 'string' },
    { name: 'temporal_run_id', type: 'string' },
    { name: 'plan_hash', type: 'string' },
    { name: 'code_version', type: 'string' },
    { name: 'params', type: 'string' },
    { name: 'state', type: 'string' },
    { name: 'started_at', type: 'timestamp' },
    { name: 'finished_at', type: 'timestamp' },
    { name: 'rerun_of', type: 'string' },
    { name: 'ending', type: 'string' },
    { name: 'paused', type: 'boolean' },
  ],
  partitionColumns: [],
  statsColumns: ['started_at'],
};

/**
 * Every instance of every task of a closed run; `map_index` is 0 for a task that is not mapped. A task
 * without instances has one row.
 */
export const TASK_RUNS: TableSchema = {
  name: 'task_runs',
  columns: [
    { name: 'dag_run_id', type: 'string' },
    { name: 'temporal_run_id', type: 'string' },
    { name: 'task', type: 'string' },
    { name: 'map_index', type: 'integer' },
    { name: 'state', type: 'string' },
    { name: 'reason', type: 'string' },
    { name: 'tries', type: 'integer' },
    { name: 'input', type: 'string' },
    { name: 'output', type: 'string' },
    { name: 'started_at', type: 'timestamp' },
    { name: 'finished_at', type: 'timestamp' },
    { name: 'error_code', type: 'string' },
    { name: 'summary', type: 'string' },
    { name: 'instances', type: 'integer' },
    { name: 'task_state', type: 'string' },
    { name: 'task_reason', type: 'string' },
    { name: 'task_started_at', type: 'timestamp' },
    { name: 'task_finished_at', type: 'timestamp' },
  ],
  partitionColumns: [],
  statsColumns: ['started_at'],
};

/** Every closed backfill, one row each. */
export const BACKFILLS: TableSchema = {
  name: 'backfills',
  columns: [
    { name: 'backfill_id', type: 'string' },
    { name: 'temporal_run_id', type: 'string' },
    { name: 'dag', type: 'string' },
    { name: 'first_partition', type: 'string' },
    { name: 'last_partition', type: 'string' },
    { name: 'request', type: 'string' },
    { name: 'state', type: 'string' },
    { name: 'runs', type: 'string' },
    { name: 'started_at', type: 'timestamp' },
    { name: 'finished_at', type: 'timestamp' },
  ],
  partitionColumns: [],
  statsColumns: ['started_at'],
};

/** What a model version said of each flow of a week. */
export const PREDICTIONS: TableSchema = {
  name: 'predictions',
  columns: [
    { name: 'iso_year', type: 'integer' },
    { name: 'iso_week', type: 'integer' },
    { name: 'source_sha', type: 'string' },
    { name: 'source_row', type: 'long' },
    { name: 'time_first', type: 'timestamp' },
    { name: 'model', type: 'string' },
    { name: 'model_version', type: 'string' },
    { name: 'features_version', type: 'long' },
    { name: 'app', type: 'string' },
    { name: 'predicted', type: 'string' },
    { name: 'probability', type: 'float' },
    { name: 'transformer', type: 'string' },
    { name: 'rejected', type: 'boolean' },
  ],
  partitionColumns: ['iso_year', 'iso_week'],
  statsColumns: ['time_first'],
};

/** One row for each statistic of each judged week. */
export const DRIFT_SCORES: TableSchema = {
  name: 'drift_scores',
  columns: [
    { name: 'report_hash', type: 'string' },
    { name: 'model', type: 'string' },
    { name: 'model_version', type: 'string' },
    { name: 'partition', type: 'string' },
    { name: 'features_version', type: 'long' },
    { name: 'rows', type: 'long' },
    { name: 'statistic', type: 'string' },
    { name: 'value', type: 'double' },
    { name: 'threshold', type: 'double' },
    { name: 'verdict', type: 'string' },
    { name: 'transformer', type: 'string' },
  ],
  partitionColumns: [],
};

/** Every decision of a lifecycle, with its evidence as JSON. */
export const DECISIONS: TableSchema = {
  name: 'decisions',
  columns: [
    { name: 'key', type: 'string' },
    { name: 'model', type: 'string' },
    { name: 'partition', type: 'string' },
    { name: 'kind', type: 'string' },
    { name: 'reason', type: 'string' },
    { name: 'evidence', type: 'string' },
    { name: 'decided_at', type: 'timestamp' },
  ],
  partitionColumns: [],
  statsColumns: ['decided_at'],
};
