/** What a lifecycle hears, remembers and commands: the vocabulary of `stepLoop`. */
import type { JsonObject } from '../../contracts/json.js';
import type { GateEvidence, JudgedFlows } from '../../contracts/lifecycle.js';
import type { LifecyclePolicy } from '../../contracts/lifecycle-policy.js';
import type { Alarm } from './alarm.js';

/** A window of flows was judged. */
export interface WindowJudged extends JudgedFlows {
  readonly kind: 'window_judged';
  readonly at: number;
}

/** A challenger was trained and compared with the champion on rows that neither has seen. */
export interface RetrainFinished {
  readonly kind: 'retrain_finished';
  /** The version that it was compared with. */
  readonly champion: string;
  readonly challenger: string;
  readonly gate: GateEvidence;
  readonly at: number;
}

/** What can happen to a served model; `at` is epoch ms by the clock. */
export type LoopEvent =
  | WindowJudged
  | RetrainFinished
  | { readonly kind: 'retrain_failed'; readonly reason: string; readonly at: number }
  | {
      readonly kind: 'approved';
      readonly version: string;
      readonly by: string;
      readonly at: number;
    }
  | { readonly kind: 'refused'; readonly version: string; readonly by: string; readonly at: number }
  | { readonly kind: 'approval_expired'; readonly version: string; readonly at: number }
  | { readonly kind: 'promoted'; readonly version: string; readonly at: number }
  | {
      readonly kind: 'promote_failed';
      readonly version: string;
      readonly reason: string;
      readonly at: number;
    }
  | { readonly kind: 'rolled_back'; readonly version: string; readonly at: number }
  | {
      readonly kind: 'rollback_failed';
      readonly version: string;
      readonly reason: string;
      readonly at: number;
    }
  /** Somebody else has moved the serving alias. */
  | { readonly kind: 'serving_moved'; readonly version: string; readonly at: number }
  | { readonly kind: 'retrain_forced'; readonly by: string; readonly at: number }
  | {
      readonly kind: 'promote_asked';
      readonly version: string;
      readonly by: string;
      readonly at: number;
    }
  | { readonly kind: 'rollback_asked'; readonly by: string; readonly at: number }
  | { readonly kind: 'paused'; readonly by: string; readonly at: number }
  | { readonly kind: 'resumed'; readonly by: string; readonly at: number };

/** What the caller is to do. */
export type LoopCommand =
  | {
      readonly kind: 'start_retrain';
      readonly partition: string;
      readonly attempt: number;
      /** Flows before this may train, epoch ms. */
      readonly endMs: number;
      /** Flows before this train nothing, epoch ms; null when no schema break is known. */
      readonly notBeforeMs: number | null;
      /** The newest flows alone train and gate, in time order. */
      readonly afterSchemaBreak: boolean;
      readonly reason: string;
    }
  | { readonly kind: 'ask_approval'; readonly version: string; readonly expiresAt: number }
  | { readonly kind: 'promote'; readonly version: string; readonly replaces: string }
  | { readonly kind: 'roll_back'; readonly version: string; readonly replaces: string }
  | { readonly kind: 'record_decision'; readonly decision: Decision };

/** One line of the decision log. */
export interface Decision {
  readonly kind: DecisionKind;
  readonly partition: string;
  readonly reason: string;
  readonly evidence: JsonObject;
  readonly at: number;
}

/** What was decided. */
export type DecisionKind =
  | 'noted' // a report that changes nothing
  | 'notice' // people should know; nothing is retrained
  | 'held' // an alarm that may not start a retraining yet
  | 'retrain'
  | 'retried'
  | 'failed'
  | 'keep'
  | 'approval' // a person is asked
  | 'shadow'
  | 'promote'
  | 'promoted'
  | 'roll_back'
  | 'rolled_back'
  | 'moved' // another version serves, and nobody told the loop
  | 'settled' // the watch after a promotion ended well
  | 'paused'
  | 'resumed'
  | 'refused'; // what a person asked for cannot be done now

/** Why a retraining was started. */
export interface Trigger {
  readonly partition: string;
  /** Of the newest flows behind it, epoch ms. */
  readonly endMs: number;
  readonly afterSchemaBreak: boolean;
  readonly reason: string;
  /** The window behind it; empty when a person asked. */
  readonly evidence: JsonObject;
}

/** What is under way. */
export type Phase =
  | { readonly name: 'idle' }
  | { readonly name: 'retraining'; readonly trigger: Trigger; readonly attempt: number }
  | { readonly name: 'awaiting_approval'; readonly trigger: Trigger; readonly challenger: string }
  | {
      readonly name: 'shadow';
      readonly trigger: Trigger;
      readonly challenger: string;
      /** Challenger's weighted F1 less the champion's, of each window. */
      readonly gains: readonly number[];
    }
  | { readonly name: 'promoting'; readonly trigger: Trigger; readonly challenger: string }
  | { readonly name: 'rolling_back'; readonly to: string; readonly reason: string };

/** Everything remembered about one served model; plain JSON. */
export interface LoopState {
  readonly policy: LifecyclePolicy;
  readonly phase: Phase;
  readonly paused: boolean;
  /** The version that serves, as far as was heard; null before the first report. */
  readonly serving: string | null;
  /** The version that served before; null when there is none to go back to. */
  readonly previous: string | null;
  /** Until when, in the time of flows, a promoted version is watched. */
  readonly watchUntilMs: number | null;
  /** By window length and signal. */
  readonly alarms: { readonly [key: string]: Alarm };
  /** What the signals of the serving version were in the last windows, oldest first, by the same. */
  readonly levels: { readonly [key: string]: readonly number[] };
  /** What starts a retraining as soon as the pause ends; null when something else holds it as well. */
  readonly held: Trigger | null;
  /** When flows began to be exported as the serving version knows them, epoch ms; null when no schema break is known. */
  readonly breakMs: number | null;
  /** The same of a schema break that no serving version has learnt yet; null when there is none. */
  readonly openBreakMs: number | null;
  /** When the flows since the break will have doubled since the serving version was trained, epoch ms; null where that is enough. */
  readonly refreshAtMs: number | null;
  /** Nothing is retrained before flows of this time, epoch ms. */
  readonly coolUntilMs: number;
  /** Gates lost in a row. */
  readonly lost: number;
  /** The cool-down was overridden once. */
  readonly overridden: boolean;
  /** End of the newest flows behind each retraining that still counts against the budget. */
  readonly retrains: readonly number[];
  /** End of the newest window heard, by length. */
  readonly newestMs: { readonly day: number; readonly week: number };
  /** The window heard last; empty before the first. */
  readonly partition: string;
  /** Reports heard, oldest first, at most `REMEMBERED_REPORTS`. */
  readonly seen: readonly string[];
}

/** Hashes kept to recognise a report that comes twice. */
export const REMEMBERED_REPORTS = 200;

/** A served model of which nothing has happened yet. */
export function startLoop(policy: LifecyclePolicy): LoopState {
  return {
    policy,
    phase: { name: 'idle' },
    paused: false,
    serving: null,
    previous: null,
    watchUntilMs: null,
    alarms: {},
    levels: {},
    held: null,
    breakMs: null,
    openBreakMs: null,
    refreshAtMs: null,
    coolUntilMs: 0,
    lost: 0,
    overridden: false,
    retrains: [],
    newestMs: { day: 0, week: 0 },
    partition: '',
    seen: [],
  };
}

/** The state after an event, and what is to be done, in order. */
export interface LoopStep {
  readonly state: LoopState;
  readonly commands: readonly LoopCommand[];
}

/** Versions that a window is to be scored with, the serving one first. */
export function versionsToScore({ phase, serving, previous, watchUntilMs }: LoopState): string[] {
  const challenger = phase.name === 'shadow' ? phase.challenger : null;
  const before = watchUntilMs === null ? null : previous;
  return [serving, challenger, before].filter((version) => version !== null);
}

/** The version that is to take over; null while there is none. */
export function challengerOf({ phase }: LoopState): string | null {
  return 'challenger' in phase ? phase.challenger : null;
}

/** The command that writes a decision down. */
export function record(
  kind: DecisionKind,
  partition: string,
  reason: string,
  evidence: JsonObject,
  at: number,
): LoopCommand {
  return { kind: 'record_decision', decision: { kind, partition, reason, evidence, at } };
}

/** Nothing happens. */
export function unchanged(state: LoopState): LoopStep {
  return { state, commands: [] };
}
