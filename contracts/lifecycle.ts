/** What the lifecycle workflow and those who talk to it agree on. Types and names only. */
import type { JsonObject } from './json.js';
import type { LifecyclePolicy } from './lifecycle-policy.js';
import type { Reading } from './signals.js';

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

/** Signal: a `WindowReport`. */
export const WINDOW_SIGNAL = 'window';
/** Query: a `LifecycleStatus`. */
export const STATUS_QUERY = 'status';

/** Update: what a person asks for; takes an `Asked` and gives an `Answer`. */
export const ASK_UPDATE = 'ask';
/** The type of an update's failure that says: ask again in a moment. */
export const LIFECYCLE_MOVES_ON = 'LIFECYCLE_MOVES_ON';

/** What a person asks a lifecycle for. */
export type Asked = { readonly by: string } & (
  | { readonly kind: 'retrain' | 'rollback' | 'pause' | 'resume' }
  | { readonly kind: 'promote' | 'approve' | 'refuse'; readonly version: string }
);

/** What was decided at once. */
export interface Answer {
  readonly decisions: readonly Outcome[];
  /** `LifecycleStatus.decided` after it: what follows has been decided later. */
  readonly decided: number;
}

/** How a version did on a window. */
export interface VersionScore {
  readonly version: string;
  /** [0, 1] */
  readonly weightedF1: number;
}

/** A window of flows, judged against what the serving version was trained on. */
export interface JudgedFlows {
  /** Of the report's content: the same report twice counts once. */
  readonly reportHash: string;
  /** ISO week, or day. */
  readonly partition: string;
  readonly length: 'day' | 'week';
  /** Of the flows, epoch ms; the end is excluded. */
  readonly startMs: number;
  readonly endMs: number;
  readonly rows: number;
  /** Classes with enough rows to be judged by themselves. */
  readonly judgedClasses: number;
  /** The version that served, and was judged. */
  readonly version: string;
  readonly readings: readonly Reading[];
  /** What may lie behind the readings, for people. */
  readonly causes: readonly string[];
  /** Of the versions that were asked, where labels were there. */
  readonly scores: readonly VersionScore[];
}

/** What the monitor tells a lifecycle. */
export interface WindowReport extends JudgedFlows {
  /** By which this window and all later ones are decided on. */
  readonly policy: LifecyclePolicy;
  /** Handed to the retrain DAG, should there be a retraining. */
  readonly preset: JsonObject;
}

/** A lifecycle as a reader sees it. */
export interface LifecycleStatus {
  readonly phase: string;
  readonly paused: boolean;
  /** Null before the first report. */
  readonly serving: string | null;
  /** The one that served before, to which a rollback goes. */
  readonly previous: string | null;
  /** The challenger that is in shadow, waits for approval or is being promoted. */
  readonly challenger: string | null;
  /** Versions that the next window is to be scored with, the serving one first. */
  readonly toScore: readonly string[];
  /** When the approval that is asked for expires, epoch ms; null while none is. */
  readonly approvalExpiresAt: number | null;
  /** Whether nothing is under way: what happens next is a window or a person's word. */
  readonly atRest: boolean;
  /** Decisions made so far, and the newest of them, oldest first. */
  readonly decided: number;
  readonly latest: readonly LatestDecision[];
}

/** A decision without its evidence. */
export interface LatestDecision extends Outcome {
  readonly partition: string;
  /** Epoch ms. */
  readonly at: number;
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

/** What was measured on the held-out rows; JSON, so a number that could not be computed is null. */
export interface GateEvidence {
  readonly heldOutRows: number;
  /** Macro-F1, [0, 1]. */
  readonly championF1: number;
  readonly challengerF1: number;
  /** Of the challenger's macro-F1 over the champion's: the 95 % interval of a paired bootstrap. */
  readonly gain: { readonly lower: number; readonly upper: number };
  /** Classes by rows on the held-out days, and what the challenger loses of their F1 (negative: gains). */
  readonly classes: readonly {
    readonly name: string;
    readonly rows: number;
    readonly loss: number;
  }[];
  /** Challenger's expected calibration error less the champion's. */
  readonly eceRise: number | null;
  /** Time a flow takes the challenger over that of the champion. */
  readonly latencyRatio: number | null;
}

/** Output of the retrain DAG. */
export interface Comparison {
  readonly championVersion: string;
  readonly challengerVersion: string;
  /** Of the gate, under names that older runs have as well. */
  readonly rows: number;
  readonly championF1: number;
  readonly challengerF1: number;
  readonly gate: GateEvidence;
}
