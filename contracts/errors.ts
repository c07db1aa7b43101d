/**
 * The one error class of the system, and its codes.
 *
 * A code is a promise: it is never renamed and never reused, and `docs/errors.md` has a section for
 * each. Retry policies and the exit code of the CLI are decided by code, never by text.
 */

/** Whether Temporal may try the task again: `retry` for faults of the surroundings, `final` for faults of the input. */
export const ERROR_CODES = {
  APPROVAL_EXPIRED: 'final',
  BACKFILL_FAILED: 'final',
  BACKFILL_INVALID: 'final',
  BACKFILL_UNKNOWN: 'final',
  BENCH_PEER_FAILED: 'final',
  BRANCH_UNKNOWN_CASE: 'final',
  CALLBACK_FAILED: 'retry',
  CLI_USAGE: 'final',
  COMPUTE_CHILD_FAILED: 'retry',
  DAG_BAD_PARAM: 'final',
  DAG_BAD_PARTITION: 'final',
  DAG_BAD_SCHEDULE: 'final',
  DAG_CYCLE: 'final',
  DAG_DUPLICATE_TASK: 'final',
  DAG_INVALID: 'final',
  DAG_NOT_SCHEDULED: 'final',
  DAG_RUN_FAILED: 'final',
  DAG_UNKNOWN: 'final',
  DAG_UNKNOWN_PARAM: 'final',
  DAG_UNKNOWN_TARGET: 'final',
  DAG_UNKNOWN_UPSTREAM: 'final',
  DAG_UNREACHABLE_TASK: 'final',
  DAG_UNUSED: 'final',
  DELTA_CONFLICT: 'retry',
  DELTA_LOG_BROKEN: 'final',
  DELTA_SCHEMA_MISMATCH: 'final',
  DELTA_STAGED_MISSING: 'retry',
  DOWNLOAD_ARCHIVE_INVALID: 'final',
  DOWNLOAD_CHANGED: 'retry',
  DOWNLOAD_DAMAGED: 'retry',
  DOWNLOAD_HTTP: 'retry',
  DOWNLOAD_INCOMPLETE: 'retry',
  DOWNLOAD_NO_RANGES: 'final',
  DOWNLOAD_NO_SPACE: 'final',
  DOWNLOAD_RECORD_INVALID: 'final',
  DOWNLOAD_REFUSED: 'final',
  DOWNLOAD_WEEK_UNKNOWN: 'final',
  DRIFT_INPUT: 'final',
  DRIFT_NOT_JUDGED: 'final',
  DRIFT_SHAPE: 'final',
  ENSEMBLE_MEMBERS: 'final',
  FEATURE_LEAKS: 'final',
  FEATURE_UNKNOWN: 'final',
  FEATURE_VIEW_UNKNOWN: 'final',
  FLOW_FILE_CHANGED: 'final',
  FLOW_FILE_CHECKSUM: 'final',
  FLOW_FILE_DAMAGED: 'final',
  FLOW_FILE_EMPTY: 'final',
  FLOW_FILE_NOT_COMPRESSED: 'final',
  FLOW_FILE_TRUNCATED: 'final',
  FLOW_FILE_UNREADABLE: 'final',
  FLOW_HEADER_INVALID: 'final',
  FLOW_ROW_INVALID: 'final',
  FLOW_STATS_DIFFER: 'final',
  GENERATE_BAD_EVENT: 'final',
  GENERATE_BAD_SIZE: 'final',
  GENERATE_BAD_WEEK: 'final',
  GENERATE_DIR_DIFFERS: 'final',
  HDF5_FILTER: 'final',
  HOME_IN_USE: 'final',
  HOME_NOT_RUNNING: 'final',
  INPUT_NOT_FOUND: 'final',
  INTERNAL: 'retry',
  LIFECYCLE_ENDED: 'final',
  LIFECYCLE_UNKNOWN: 'final',
  LIGHTGBM_CALL: 'final',
  LIGHTGBM_LIBRARY: 'final',
  LINEAGE_UNKNOWN: 'final',
  MAPPING_INVALID: 'final',
  MLFLOW_ARTIFACT: 'retry',
  MLFLOW_HTTP: 'retry',
  MLFLOW_REJECTED: 'final',
  MLFLOW_RESPONSE: 'final',
  MODEL_COMPARE: 'final',
  MODEL_FEATURES: 'final',
  MODEL_FILE: 'final',
  MODEL_LABELS: 'final',
  MODEL_MASK_GAP: 'final',
  MODEL_NOT_PROMOTED: 'retry',
  MODEL_NO_CHAMPION: 'final',
  MODEL_REJECTS_NOTHING: 'final',
  MODEL_SHAPE: 'final',
  MODEL_TRAINING_FAILED: 'final',
  MODEL_VERSION_UNKNOWN: 'final',
  MONTH_MISSING: 'final',
  NOTICE_FAILED: 'retry',
  NOTIFY_INVALID: 'final',
  OUTCOMES_INVALID: 'final',
  OUTPUT_EXISTS: 'final',
  OUTPUT_FOLDER_MISSING: 'final',
  PAYLOAD_DAMAGED: 'retry',
  PAYLOAD_MISSING: 'retry',
  PLAN_INVALID: 'final',
  PLAN_NOT_FOUND: 'final',
  POLICY_INVALID: 'final',
  QUERY_INVALID: 'final',
  RERUN_NOTHING: 'final',
  RUN_ALREADY_OPEN: 'final',
  RUN_INTERRUPTED: 'final',
  RUN_NOT_OPEN: 'final',
  RUN_UNKNOWN: 'final',
  S3_REJECTED: 'final',
  S3_UNREACHABLE: 'retry',
  SERVER_NOT_READY: 'retry',
  SERVING_MOVED: 'final',
  SETUP_INCOMPLETE: 'final',
  SOURCE_SCHEME_UNKNOWN: 'final',
  STORE_QUERY_FAILED: 'retry',
  TABLE_UNKNOWN: 'final',
  TABLE_VERSION_UNKNOWN: 'final',
  TABLE_VERSION_VACUUMED: 'final',
  TASK_CANCELLED: 'final',
  TASK_CONTRACT_CHANGED: 'final',
  TASK_EDGE_TYPE: 'final',
  TASK_INPUT_INVALID: 'final',
  TASK_LOG_NOT_FOUND: 'final',
  TASK_OUTPUT_INVALID: 'final',
  TASK_SKIPPED: 'final',
  TASK_TIMEOUT: 'retry',
  TASK_UNKNOWN: 'final',
  TENSORFLOW_CALL: 'final',
  TENSORFLOW_LIBRARY: 'final',
  TOO_MANY_REJECTED: 'final',
  TRAINING_SET_CUT: 'final',
  TRAINING_TOO_FEW_ROWS: 'final',
  TRANSFORMER_FILE: 'final',
  XGBOOST_CALL: 'final',
  XGBOOST_LIBRARY: 'final',
} as const satisfies Record<string, 'retry' | 'final'>;

/** One of the codes above. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** A place in a file; rows count from 1 and the header is row 0. */
export interface ErrorPlace {
  readonly file?: string;
  readonly row?: number;
  readonly column?: string;
}

/** A fault as data: what `--json` prints, and what travels between tasks. */
export interface Fault extends ErrorPlace {
  readonly code: ErrorCode;
  readonly found: string;
  readonly expected?: string;
  readonly fix: string;
}

/** Thrown for every fault a user can act on. The message is made last, from the parts. */
export class PipelineError extends Error {
  override readonly name = 'PipelineError';
  readonly fault: Fault;

  constructor(fault: Fault, options?: { cause?: unknown }) {
    super(describeFault(fault), options);
    this.fault = fault;
  }

  get code(): ErrorCode {
    return this.fault.code;
  }
}

/** One error for all of these: the fault itself when there is one only, else `code` with a line for each. */
export function errorOf(code: ErrorCode, faults: readonly [Fault, ...Fault[]]): PipelineError {
  const [first, ...others] = faults;
  if (others.length === 0) return new PipelineError(first);
  return new PipelineError({
    code,
    ...(first.file !== undefined && { file: first.file }),
    found: `${faults.length} faults:\n${faults.map(describeFault).join('\n')}`,
    fix: 'mend each line above',
  });
}

/** `CODE file:row column "c": found, expected …. Fix: …` */
export function describeFault(fault: Fault): string {
  const place =
    fault.file === undefined
      ? ''
      : ` ${fault.file}${fault.row === undefined ? '' : `:${fault.row}`}`;
  const column = fault.column === undefined ? '' : ` column "${fault.column}"`;
  const expected = fault.expected === undefined ? '' : `, expected ${fault.expected}`;
  return `${fault.code}${place}${column}: ${fault.found}${expected}. Fix: ${fault.fix}`;
}
