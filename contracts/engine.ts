/**
 * What the engine's workflows and its own activities say to each other. Types and constants only:
 * this file is loaded inside the workflow sandbox.
 */
import type { Json, JsonObject } from './json.js';

/** The argument of a run; every field may be left out, so `temporal workflow start` needs none. */
export interface RunInput {
  /** @default the part of the workflow id after `<dag>/`, empty without one */
  readonly partition?: string;
  readonly params?: JsonObject;
  /** Run this plan; by default the newest plan of the DAG named by the workflow type. */
  readonly planHash?: string;
  readonly rerun?: Rerun;
}

/** A run that goes on from an earlier one of the same partition. */
export interface Rerun {
  /** `temporal_run_id` of the earlier run. */
  readonly of: string;
  /** Tasks to run again; the outputs of the others are kept. Tasks that are new always run. */
  readonly tasks: readonly string[];
  /** Tasks that keep the state a person gave them, as `success`, `failed` or `skipped`. */
  readonly marks?: {
    readonly [task: string]: {
      readonly state: 'success' | 'failed' | 'skipped';
      readonly output: Json;
      readonly reason: string;
      /** When the person said so. */
      readonly atMs: number;
    };
  };
}

/** Second argument of every task's activity: the run it belongs to. */
export interface TaskContext {
  /** Hash of the task's schemas that the plan was compiled against. */
  readonly contract: string;
  readonly planHash: string;
  readonly dagRunId: string;
  /** Temporal's id of the run's first execution: it stays when the run continues as new. */
  readonly temporalRunId: string;
  /** Present where an error's code or chance decides on the next try. */
  readonly retry?: RetryRule;
}

/** When a failed try is repeated. */
export interface RetryRule {
  /** Tries in all, the first included. @minimum 1 */
  readonly maximumAttempts: number;
  /** Wait before the second try. */
  readonly initialIntervalMs: number;
  /** Each wait is this times the one before. @minimum 1 */
  readonly backoffCoefficient: number;
  readonly maximumIntervalMs: number;
  /** Each wait is multiplied by a random factor of 1 - jitter to 1 + jitter. @minimum 0 @maximum 1 */
  readonly jitter: number;
  /** Tries in all for an error of this code, in place of `maximumAttempts`; 1 never repeats it. */
  readonly attemptsByCode: { readonly [code: string]: number };
}

/** Handed to the activity that records a closed run. `record` is a `RunRecord` of dag/fold.ts. */
export interface ClosedRun<Record> {
  readonly dag: string;
  readonly codeVersion: string;
  readonly startedMs: number;
  readonly finishedMs: number;
  /** Temporal's id of the run's first execution. */
  readonly temporalRunId?: string;
  /** The run it goes on from. */
  readonly rerunOf?: string;
  readonly record: Record;
}

/** Workflow id of a run: `weekly/2022-W23`; a run without partition has the DAG's id alone. */
export function dagRunId(dag: string, partition: string): string {
  return partition === '' ? dag : `${dag}/${partition}`;
}

/** Partition of a workflow id: all after the first slash. */
export function partitionOf(workflowId: string): string {
  const slash = workflowId.indexOf('/');
  return slash < 0 ? '' : workflowId.slice(slash + 1);
}

/** Query of an open run: its record as it stands, without inputs and outputs. */
export const RUN_QUERY = 'run';

/** Signals to an open run: start nothing more, go on. */
export const PAUSE_SIGNAL = 'pause';
export const RESUME_SIGNAL = 'resume';

/** Update of an open run: how a task ended, said by a person. Takes a `Mark`. */
export const MARK_UPDATE = 'mark';

/** Update of an open run: the answer to an approval. Takes a `Choice`. */
export const APPROVE_UPDATE = 'approve';

/** How a task ended, said by a person. */
export interface Mark {
  readonly task: string;
  readonly state: 'success' | 'failed' | 'skipped';
  /** What downstream tasks are handed. @default null */
  readonly output?: Json;
  readonly by: string;
}

/** The answer to an approval. */
export interface Choice {
  readonly task: string;
  readonly option: string;
  readonly by: string;
}

/** What a callback tells the outside. */
export interface Notice {
  readonly dag: string;
  readonly dagRunId: string;
  readonly partition: string;
  readonly temporalRunId: string;
  /** Absent where the run itself came to the state. */
  readonly task?: string;
  readonly state: string;
  readonly reason: string;
  readonly atMs: number;
}

/** A run as a reader sees it. */
export interface RunView {
  readonly dagRunId: string;
  readonly planHash: string;
  readonly partition: string;
  readonly params: JsonObject;
  readonly state: string;
  readonly paused: boolean;
  readonly startedMs: number;
  /** Temporal's id of the run it goes on from. */
  readonly rerunOf: string | null;
  readonly tasks: readonly TaskView[];
}

/** One line of a run's task table. */
export interface TaskView {
  readonly task: string;
  readonly state: string;
  /** Instances that have ended, and all of them; 0 of 0 before the task starts. */
  readonly done: number;
  readonly total: number;
  /** What runs, or why the task waits, was skipped or failed. */
  readonly note: string;
  readonly startedMs: number | null;
  readonly finishedMs: number | null;
}

/** Output of an approval. */
export interface Approval<T extends string = string> {
  readonly option: T;
  /** Who chose it; empty when it expired. */
  readonly by: string;
  readonly expired: boolean;
}
