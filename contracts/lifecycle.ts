/** What the lifecycle workflow and those who talk to it agree on. Types and names only. */
import type { JsonObject } from './json.js';

/** Long-lived, one for each served model. */
export function lifecycleId(model: string): string {
  return `lifecycle/${model}`;
}

/** Signal: a drift report that calls for a decision. */
export const DRIFT_SIGNAL = 'drift';
/** Query by report hash: the decision that ended the matter, null while it is open. */
export const OUTCOME_QUERY = 'outcome';

/** What a lifecycle is started with. */
export interface LifecycleInput {
  readonly model: string;
}

/** A drifted week, as the monitor reports it. */
export interface DriftReport {
  /** Hash of the report's content; the same report twice counts once. */
  readonly reportHash: string;
  /** ISO week. */
  readonly partition: string;
  readonly rows: number;
  /** Handed to the retrain DAG, should there be a retraining. */
  readonly preset: JsonObject;
  /** By which this report and all later ones are judged. */
  readonly policy: {
    readonly minRows: number;
    readonly minGain: number;
    readonly minHeldOutRows: number;
  };
  readonly statistics: readonly {
    readonly statistic: string;
    readonly value: number;
    readonly threshold: number;
  }[];
}

/** What a lifecycle did about a report, and why. */
export interface Outcome {
  readonly kind: string;
  readonly reason: string;
}

/** One line of the `decisions` table. */
export interface Decision extends Outcome {
  /** Unique and stable: the same decision recorded twice is one line. */
  readonly key: string;
  readonly model: string;
  readonly partition: string;
  readonly evidence: JsonObject;
  readonly atMs: number;
}

/** Output of the retrain DAG. */
export interface Comparison {
  readonly championVersion: string;
  readonly challengerVersion: string;
  readonly rows: number;
  readonly championF1: number;
  readonly challengerF1: number;
}
