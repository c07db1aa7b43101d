/**
 * What the engine's workflows and its own activities say to each other. Types and constants only:
 * this file is loaded inside the workflow sandbox.
 */
import type { JsonObject } from './json.js';

/** The argument of a run; every field may be left out, so `temporal workflow start` needs none. */
export interface RunInput {
  /** @default the part of the workflow id after `<dag>/`, empty without one */
  readonly partition?: string;
  readonly params?: JsonObject;
  /** Run this plan; by default the newest plan of the DAG named by the workflow type. */
  readonly planHash?: string;
}

/** Second argument of every task's activity: the run it belongs to. */
export interface TaskContext {
  /** Hash of the task's schemas that the plan was compiled against. */
  readonly contract: string;
  readonly planHash: string;
}

/** Handed to the activity that records a closed run. `record` is a `RunRecord` of dag/fold.ts. */
export interface ClosedRun<Record> {
  readonly dag: string;
  readonly codeVersion: string;
  readonly startedMs: number;
  readonly finishedMs: number;
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

/** A run as a reader sees it. */
export interface RunView {
  readonly dagRunId: string;
  readonly planHash: string;
  readonly state: string;
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
