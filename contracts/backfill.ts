/**
 * What a backfill is asked, plans and tells. Types and constants only: this file is loaded inside the
 * workflow sandbox.
 */
import { dagRunId } from './engine.js';
import type { JsonObject } from './json.js';

/**
 * Which partitions run again: those that were never run (`none`), also those whose newest run did not
 * succeed (`failed`), all (`completed`), or those whose result is not what a run would give now (`stale`).
 */
export const REPROCESS = ['none', 'failed', 'completed', 'stale'] as const;

/** One of the policies above. */
export type Reprocess = (typeof REPROCESS)[number];

/** After a run that did not succeed: nothing more starts, or the others go on. */
export const ON_FAILURE = ['stop', 'continue'] as const;

/** One of the two. */
export type OnFailure = (typeof ON_FAILURE)[number];

/** The argument of a `backfill` workflow, every choice made. */
export interface BackfillRequest {
  readonly dag: string;
  /** First and last partition, both included. */
  readonly from: string;
  readonly to: string;
  /** Of every run of `dag`; runs of other DAGs take their defaults. */
  readonly params: JsonObject;
  readonly reprocess: Reprocess;
  /** Runs at a time. @minimum 1 */
  readonly maxActive: number;
  /** The newest partition first. */
  readonly reverse: boolean;
  readonly onFailure: OnFailure;
  /** Runs the DAGs that follow `dag` by their assets too, for the same partitions. */
  readonly cascade: boolean;
}

/** What a caller must say and may leave out. */
export type BackfillInput = Pick<BackfillRequest, 'dag' | 'from' | 'to'> & Partial<BackfillRequest>;

/**
 * What a backfill does about one partition: start a run, wait for the one that is open, or nothing.
 * Thousands of these are one payload, so what can be derived is left out.
 */
export interface PlannedRun {
  readonly dag: string;
  readonly partition: string;
  readonly action: 'run' | 'join' | 'skip';
  /** Why, in words. */
  readonly reason: string;
  /**
   * Which closed run of the partition the new one may follow. Temporal holds to it, so a run that
   * succeeded since the backfill was planned is not done again.
   *
   * @default 'none'
   */
  readonly follows?: 'unsuccessful' | 'any';
  /** Ids of the runs of this backfill that must succeed first. @default none */
  readonly after?: readonly string[];
}

/** A backfill, planned. */
export interface BackfillPlan {
  readonly request: BackfillRequest;
  /** In the order in which runs start. */
  readonly runs: readonly PlannedRun[];
}

/** States of a partition in a backfill; `running` covers a run that was joined. */
export type BackfillRunState =
  | 'planned'
  | 'running'
  | 'success'
  | 'failed'
  | 'cancelled'
  | 'skipped'
  | 'upstream_failed'
  | 'not_run';

/** A backfill as a reader sees it: the answer to the query, and what is recorded when it closes. */
export interface BackfillView {
  readonly backfillId: string;
  readonly dag: string;
  readonly from: string;
  readonly to: string;
  readonly state: 'running' | 'success' | 'failed' | 'cancelled';
  readonly paused: boolean;
  readonly rows: readonly BackfillRow[];
}

/** One line of a backfill's table. */
export interface BackfillRow {
  readonly partition: string;
  readonly dagRunId: string;
  readonly state: BackfillRunState;
  /** True when the run was started by someone else. */
  readonly joined: boolean;
  /** Why it runs, was skipped or failed. */
  readonly reason: string;
}

/** Handed to the activity that records a closed backfill. */
export interface ClosedBackfill {
  readonly view: BackfillView;
  readonly request: BackfillRequest;
  readonly startedMs: number;
  readonly finishedMs: number;
}

/** Query of a backfill: its {@link BackfillView}. */
export const BACKFILL_QUERY = 'backfill';

/** Signal: what runs goes on, nothing more starts. */
export const BACKFILL_PAUSE = 'pause';

/** Signal: ends a pause. */
export const BACKFILL_RESUME = 'resume';

/** Of a backfill's runs; 5 is Temporal's lowest, and a run's activities inherit it. */
export const BACKFILL_PRIORITY = 5;

/** A backfill has at most this many partitions, over all DAGs: its table travels as one payload. */
export const MAX_BACKFILL_RUNS = 10_000;

/** Workflow id of a backfill; the same range of the same DAG is one backfill. */
export function backfillId({
  dag,
  from,
  to,
}: Pick<BackfillRequest, 'dag' | 'from' | 'to'>): string {
  return dagRunId('backfill', `${dag}/${from}..${to}`);
}
