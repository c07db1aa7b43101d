/**
 * When a served model is retrained and when the challenger takes over: a fold over events.
 *
 * One state belongs to one served model. The fold decides only; the caller carries the commands out
 * and reports back with further events. State is plain JSON of bounded size.
 *
 *     idle ──drift──▶ retraining ──gate passed──▶ promoting ──promoted──▶ idle
 *                          └──gate lost, failed──▶ idle (or the newest report that waited)
 */
import type { JsonObject } from '../../contracts/json.js';

/** One statistic that was found drifted. */
interface DriftedStatistic {
  readonly statistic: string;
  readonly value: number;
  readonly threshold: number;
}

/** A drift report about one partition. */
export interface DriftReported {
  readonly kind: 'drift_reported';
  /** Hash of the report's content: the same report twice counts once. */
  readonly reportHash: string;
  /** ISO week. */
  readonly partition: string;
  /** Rows the report rests on. */
  readonly rows: number;
  /** The statistics that drifted; may be empty. */
  readonly statistics: readonly DriftedStatistic[];
  /** Epoch ms. */
  readonly at: number;
}

/** A challenger has been trained and compared with the champion on the same held-out days. */
interface RetrainFinished {
  readonly kind: 'retrain_finished';
  readonly challengerVersion: string;
  /** Macro-F1 on the held-out days, [0, 1]. */
  readonly championF1: number;
  readonly challengerF1: number;
  /** Rows of the held-out days. */
  readonly heldOutRows: number;
  /** What else the gate was shown; goes into the decision unchanged. */
  readonly evidence?: JsonObject;
  readonly at: number;
}

/** What can happen to a served model. */
export type LifecycleEvent =
  | DriftReported
  | RetrainFinished
  | { readonly kind: 'retrain_failed'; readonly reason: string; readonly at: number }
  | { readonly kind: 'promoted'; readonly version: string; readonly at: number }
  | { readonly kind: 'promote_failed'; readonly reason: string; readonly at: number }
  | { readonly kind: 'paused'; readonly at: number }
  | { readonly kind: 'resumed'; readonly at: number };

/** What the caller is to do. */
export type LifecycleCommand =
  | { readonly kind: 'start_retrain'; readonly partition: string; readonly reason: string }
  | { readonly kind: 'promote'; readonly version: string }
  | {
      readonly kind: 'record_decision';
      readonly decision: DecisionKind;
      readonly reason: string;
      readonly evidence: JsonObject;
      readonly at: number;
    };

/**
 * What was decided. Each report leads to one of `noted`, `retrain`, `superseded`; the others follow
 * from a retraining: `promote` or `keep` by the gate, `failed`, and `promoted` when it is done.
 */
type DecisionKind = 'noted' | 'retrain' | 'superseded' | 'promote' | 'keep' | 'promoted' | 'failed';

/** What the policy may be told to do otherwise. */
export interface RetrainPolicy {
  /** The challenger's macro-F1 must exceed the champion's by more than this. */
  readonly minGain: number;
  /** A gate on fewer held-out rows keeps the champion. */
  readonly minHeldOutRows: number;
  /** A report on fewer rows is noted only. */
  readonly minRows: number;
  /** Statistics that never start a retraining by themselves. */
  readonly noticeOnly: readonly string[];
}

/** 200 rows: below, drift itself is not judged. Names change without any effect on the features. */
const RETRAIN_POLICY: RetrainPolicy = Object.freeze({
  minGain: 0,
  minHeldOutRows: 200,
  minRows: 200,
  noticeOnly: Object.freeze(['sni_kl']),
});

/** Everything remembered about one served model; plain JSON. */
export interface LifecycleState {
  readonly policy: RetrainPolicy;
  readonly phase: 'idle' | 'retraining' | 'promoting';
  readonly paused: boolean;
  /** The report behind the retraining or promotion under way. */
  readonly active: DriftReported | null;
  /** The version being promoted. */
  readonly candidate: string | null;
  /** The newest report that waits for the end of the retraining, or of the pause. */
  readonly waiting: DriftReported | null;
  /** Reports seen, oldest first, at most `REMEMBERED_REPORTS`. */
  readonly seen: readonly string[];
}

/** Hashes kept to recognise a report that comes twice. */
export const REMEMBERED_REPORTS = 100;

/** A served model of which nothing has happened yet. */
export function startLifecycle(policy: Partial<RetrainPolicy> = {}): LifecycleState {
  return {
    policy: { ...RETRAIN_POLICY, ...policy },
    phase: 'idle',
    paused: false,
    active: null,
    candidate: null,
    waiting: null,
    seen: [],
  };
}

/** The state after an event, and what is to be done. Events that do not fit the phase change nothing. */
export function stepLifecycle(
  state: LifecycleState,
  event: LifecycleEvent,
): { readonly state: LifecycleState; readonly commands: readonly LifecycleCommand[] } {
  switch (event.kind) {
    case 'drift_reported':
      return onDrift(state, event);
    case 'retrain_finished':
      return state.phase === 'retraining' ? onFinished(state, event) : unchanged(state);
    case 'retrain_failed':
      if (state.phase !== 'retraining') return unchanged(state);
      return settle(state, event.at, [
        decide('failed', `retraining failed: ${event.reason}`, aboutReport(state.active), event.at),
      ]);
    case 'promoted':
      if (state.phase !== 'promoting' || event.version !== state.candidate) return unchanged(state);
      return settle(state, event.at, [
        decide(
          'promoted',
          `version ${event.version} is champion`,
          { version: event.version },
          event.at,
        ),
      ]);
    case 'promote_failed':
      if (state.phase !== 'promoting') return unchanged(state);
      return settle(state, event.at, [
        decide(
          'failed',
          `promotion failed: ${event.reason}`,
          { version: state.candidate, ...aboutReport(state.active) },
          event.at,
        ),
      ]);
    case 'paused':
      return { state: { ...state, paused: true }, commands: [] };
    case 'resumed': {
      const resumed = { ...state, paused: false };
      return resumed.phase === 'idle' ? settle(resumed, event.at, []) : unchanged(resumed);
    }
  }
}

type Step = ReturnType<typeof stepLifecycle>;

function onDrift(state: LifecycleState, report: DriftReported): Step {
  if (state.seen.includes(report.reportHash)) return unchanged(state);
  const seen = [...state.seen, report.reportHash].slice(-REMEMBERED_REPORTS);
  const known = { ...state, seen };
  const reason = whyOnlyNoted(state.policy, report);
  if (reason !== null) {
    return {
      state: known,
      commands: [decide('noted', reason, aboutReport(report), report.at)],
    };
  }
  if (state.phase === 'idle' && !state.paused) return startRetrain(known, report, report.at, []);
  return { state: { ...known, waiting: report }, commands: supersede(state.waiting, report) };
}

/** The reason why a report starts no retraining; null when it does. */
function whyOnlyNoted(policy: RetrainPolicy, report: DriftReported): string | null {
  if (report.rows < policy.minRows) {
    return `${report.rows} rows, a retraining needs a report on at least ${policy.minRows}`;
  }
  if (report.statistics.length === 0) return 'nothing drifted';
  const names = report.statistics.map(({ statistic }) => statistic);
  if (names.every((name) => policy.noticeOnly.includes(name))) {
    return `only ${names.join(', ')} drifted, which changes no feature`;
  }
  return null;
}

function startRetrain(
  state: LifecycleState,
  report: DriftReported,
  at: number,
  before: readonly LifecycleCommand[],
): Step {
  const reason = `${report.partition}: ${report.statistics.map(describe).join(', ')}`;
  return {
    state: { ...state, phase: 'retraining', active: report, candidate: null, waiting: null },
    commands: [
      ...before,
      decide('retrain', reason, aboutReport(report), at),
      { kind: 'start_retrain', partition: report.partition, reason },
    ],
  };
}

function supersede(older: DriftReported | null, newer: DriftReported): readonly LifecycleCommand[] {
  if (older === null) return [];
  const reason = `the report on ${newer.partition} came before this one could start a retraining`;
  return [decide('superseded', reason, aboutReport(older), newer.at)];
}

function onFinished(state: LifecycleState, event: RetrainFinished): Step {
  const { minGain, minHeldOutRows } = state.policy;
  const { championF1, challengerF1, challengerVersion, heldOutRows } = event;
  const gain = challengerF1 - championF1;
  const evidence = {
    ...event.evidence,
    ...aboutReport(state.active),
    championF1,
    challengerF1,
    challengerVersion,
    heldOutRows,
    minGain,
  };
  const scores = `macro-F1 ${challengerF1.toFixed(4)} against ${championF1.toFixed(4)} on ${heldOutRows} held-out rows`;
  // a comparison with NaN is false, so a score that could not be computed keeps the champion
  if (gain > minGain && heldOutRows >= minHeldOutRows) {
    return {
      state: { ...state, phase: 'promoting', candidate: challengerVersion },
      commands: [
        decide('promote', `challenger ${challengerVersion}: ${scores}`, evidence, event.at),
        { kind: 'promote', version: challengerVersion },
      ],
    };
  }
  const why =
    heldOutRows < minHeldOutRows
      ? `${heldOutRows} held-out rows, the gate needs ${minHeldOutRows}`
      : `${scores}, the gain must exceed ${minGain}`;
  return settle(state, event.at, [decide('keep', `champion stays: ${why}`, evidence, event.at)]);
}

/** Back to idle, and on to the report that waited. */
function settle(state: LifecycleState, at: number, commands: readonly LifecycleCommand[]): Step {
  const idle: LifecycleState = { ...state, phase: 'idle', active: null, candidate: null };
  if (idle.waiting === null || idle.paused) return { state: idle, commands };
  return startRetrain(idle, idle.waiting, at, commands);
}

function decide(
  decision: DecisionKind,
  reason: string,
  evidence: JsonObject,
  at: number,
): LifecycleCommand {
  return { kind: 'record_decision', decision, reason, evidence, at };
}

function aboutReport(report: DriftReported | null): JsonObject {
  if (report === null) return {};
  const { reportHash, partition, rows, statistics } = report;
  return { reportHash, partition, rows, statistics: statistics.map((s) => ({ ...s })) };
}

function describe({ statistic, value, threshold }: DriftedStatistic): string {
  return `${statistic} ${value.toFixed(4)} > ${threshold.toFixed(4)}`;
}

function unchanged(state: LifecycleState): Step {
  return { state, commands: [] };
}
