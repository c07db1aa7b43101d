/**
 * When a served model is retrained, when its challenger takes over, and when it is taken back: a fold over events.
 *
 * One state belongs to one served model. The fold decides only; the caller carries the commands out and reports back
 * with further events. State is plain JSON of bounded size. Cool-down, budget, shadow and watch count in the time of
 * the flows, so that weeks which are caught up with in an hour are judged as if they had passed.
 *
 *     idle ─alarm─▶ retraining ─gate─▶ awaiting approval ─▶ shadow ─▶ promoting ─▶ idle, watched ─worse─▶ rolling back ─▶ idle
 *                       └─ lost, failed, expired, refused, worse in shadow ─▶ idle, cooling down
 */
import type { JsonObject } from '../../contracts/json.js';
import type { GateEvidence, JudgedFlows } from '../../contracts/lifecycle.js';
import type { LifecyclePolicy } from '../../contracts/lifecycle-policy.js';
import { isAbove, type Reading } from '../../contracts/signals.js';
import { SILENT, stepAlarm, type Alarm } from './alarm.js';
import { judgeGate } from './gate.js';

/** A window of flows was judged. */
export interface WindowJudged extends JudgedFlows {
  readonly kind: 'window_judged';
  readonly at: number;
}

/** A challenger was trained and compared with the champion on rows that neither has seen. */
interface RetrainFinished {
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
interface Trigger {
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

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

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

/** Folds one event. Events that do not fit the phase, such as an answer that comes twice, change nothing. */
export function stepLoop(state: LoopState, event: LoopEvent): LoopStep {
  const { phase } = state;
  switch (event.kind) {
    case 'window_judged':
      return onWindow(state, event);
    case 'retrain_finished':
      return phase.name === 'retraining' ? onFinished(state, phase, event) : unchanged(state);
    case 'retrain_failed':
      return phase.name === 'retraining' ? onRetrainFailed(state, phase, event) : unchanged(state);
    case 'approved':
      if (phase.name !== 'awaiting_approval' || phase.challenger !== event.version) break;
      return toShadow(state, phase, `approved by ${event.by}`, event.at);
    case 'refused':
    case 'approval_expired': {
      if (phase.name !== 'awaiting_approval' || phase.challenger !== event.version) break;
      const why =
        event.kind === 'refused' ? `refused by ${event.by}` : 'nobody approved it in time';
      return giveUp(
        state,
        phase.trigger,
        'keep',
        `challenger ${phase.challenger}: ${why}`,
        event.at,
      );
    }
    case 'promoted':
      if (phase.name !== 'promoting' || phase.challenger !== event.version) break;
      return onPromoted(state, phase, event.at);
    case 'promote_failed':
      if (phase.name !== 'promoting' || phase.challenger !== event.version) break;
      return giveUp(state, phase.trigger, 'failed', `promotion failed: ${event.reason}`, event.at);
    case 'rolled_back':
      if (phase.name !== 'rolling_back' || phase.to !== event.version) break;
      return onRolledBack(state, phase, event.at);
    case 'rollback_failed':
      if (phase.name !== 'rolling_back' || phase.to !== event.version) break;
      return {
        state: { ...state, phase: { name: 'idle' } },
        commands: [
          record('failed', state.partition, `rollback failed: ${event.reason}`, {}, event.at),
        ],
      };
    case 'serving_moved':
      return onMoved(state, event);
    case 'retrain_forced':
    case 'promote_asked':
    case 'rollback_asked':
      return onAsked(state, event);
    case 'paused':
    case 'resumed':
      return onPause(state, event);
  }
  return unchanged(state);
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

function onWindow(before: LoopState, window: WindowJudged): LoopStep {
  if (before.seen.includes(window.reportHash)) return unchanged(before);
  const seen = [...before.seen, window.reportHash].slice(-REMEMBERED_REPORTS);
  const heard = { ...before, seen, serving: before.serving ?? window.version };
  const note = (reason: string): LoopStep => ({
    state: heard,
    commands: [record('noted', window.partition, reason, about(window), window.at)],
  });
  if (window.endMs <= before.newestMs[window.length]) {
    return note('it came after a later window had been judged');
  }
  if (window.version !== heard.serving) {
    return note(`version ${window.version} was judged, ${heard.serving} serves`);
  }
  const listened = listen(heard, window);
  const worse = onWorse(listened, window);
  if (worse !== null) return worse;
  const { state, commands } = endWatch(listened, window);
  const step =
    state.phase.name === 'shadow'
      ? onShadowed(state, state.phase, window)
      : decideOn(state, window);
  return { state: step.state, commands: [...commands, ...step.commands] };
}

/** Days and weeks have alarms of their own. */
function alarmKey({ length }: WindowJudged, { signal }: Reading): string {
  return `${length}/${signal}`;
}

/** The alarms after a window. */
function listen(state: LoopState, window: WindowJudged): LoopState {
  const rule = state.policy.alarm[window.length];
  const alarms = { ...state.alarms };
  const levels = { ...state.levels };
  for (const reading of window.readings) {
    const key = alarmKey(window, reading);
    alarms[key] = stepAlarm(alarms[key] ?? SILENT, reading, window.rows, rule);
    const known = [...(levels[key] ?? []), reading.value];
    levels[key] = known.slice(-state.policy.schemaBreak.windows - 1);
  }
  const newestMs = { ...state.newestMs, [window.length]: window.endMs };
  return { ...state, alarms, levels, newestMs, partition: window.partition };
}

/** Takes a watched version back that is worse than the one before; null when it is not. */
function onWorse(state: LoopState, window: WindowJudged): LoopStep | null {
  const { phase, previous, serving, watchUntilMs, policy } = state;
  if (watchUntilMs === null || previous === null || serving === null) return null;
  const now = scoreOf(window, serving);
  const before = scoreOf(window, previous);
  if (now === null || before === null || phase.name !== 'idle') return null;
  if (now >= before - policy.watch.maxLoss) return null;
  const reason = `weighted F1 ${now.toFixed(4)} of version ${serving}, ${before.toFixed(4)} of version ${previous} before it`;
  return rollBack(state, previous, serving, reason, window);
}

function endWatch(state: LoopState, window: WindowJudged): LoopStep {
  const { serving, watchUntilMs } = state;
  if (watchUntilMs === null || window.endMs < watchUntilMs) return unchanged(state);
  const reason = `version ${serving ?? ''} did well`;
  return {
    state: { ...state, watchUntilMs: null },
    commands: [record('settled', window.partition, reason, {}, window.at)],
  };
}

function onShadowed(
  state: LoopState,
  phase: Extract<Phase, { name: 'shadow' }>,
  window: WindowJudged,
): LoopStep {
  const challenger = scoreOf(window, phase.challenger);
  const champion = scoreOf(window, window.version);
  const noted = (reason: string): LoopCommand =>
    record('noted', window.partition, reason, about(window), window.at);
  if (challenger === null || champion === null) {
    return { state, commands: [noted(`no labels to compare challenger ${phase.challenger} by`)] };
  }
  const gains = [...phase.gains, challenger - champion];
  const { windows, maxLoss } = state.policy.shadow;
  const mean = gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
  const reason = `challenger ${phase.challenger} in shadow: weighted F1 ${signed(mean)} in the mean of ${gains.length} windows`;
  if (gains.length < windows) {
    return { state: { ...state, phase: { ...phase, gains } }, commands: [noted(reason)] };
  }
  const step =
    mean >= -maxLoss
      ? promote(state, phase.trigger, phase.challenger, reason, window.at)
      : giveUp(state, phase.trigger, 'keep', reason, window.at);
  return { state: step.state, commands: [noted(reason), ...step.commands] };
}

/** What an idle loop does about a window. */
function decideOn(state: LoopState, window: WindowJudged): LoopStep {
  const { policy, phase, alarms } = state;
  const raised = window.readings.filter(
    (reading) => alarms[alarmKey(window, reading)]?.raised === true,
  );
  const urgent = raised.filter(({ signal }) => policy.retrainOn.includes(signal));
  const notices = raised.filter(({ signal }) => !policy.retrainOn.includes(signal));
  const tell = notices.map((reading) =>
    record('notice', window.partition, describe(reading), about(window, [reading]), window.at),
  );
  const refresh = urgent.some(isAbove) ? null : refreshOf(state, window);
  if (urgent.length === 0 && refresh === null) {
    const calm: LoopState = {
      ...{ ...state, held: null },
      openBreakMs: isQuiet(policy, window) ? null : state.openBreakMs,
    };
    if (tell.length > 0) return { state: calm, commands: tell };
    const reason = 'no alarm';
    return {
      state: calm,
      commands: [record('noted', window.partition, reason, about(window), window.at)],
    };
  }
  const trigger = refresh ?? triggerOf(state, window, urgent);
  const at: LoopState = trigger.afterSchemaBreak
    ? { ...state, openBreakMs: state.openBreakMs ?? window.startMs }
    : state;
  const obstacle =
    phase.name === 'idle'
      ? whyHeld(at, trigger, window, refresh === null ? urgent : [])
      : 'the loop is busy';
  const why = obstacle ?? (state.paused ? 'the loop is paused' : null);
  if (why !== null) {
    const held = record(
      'held',
      window.partition,
      `${trigger.reason}; ${why}`,
      trigger.evidence,
      window.at,
    );
    return {
      state: { ...at, held: obstacle === null ? trigger : null },
      commands: [...tell, held],
    };
  }
  const step = startRetrain(at, trigger, window.at);
  return { state: step.state, commands: [...tell, ...step.commands] };
}

/** A schema break that was none, or is over: no signal that starts a retraining is above its threshold. */
function isQuiet({ retrainOn }: LifecyclePolicy, { readings }: WindowJudged): boolean {
  const judged = readings.filter(
    ({ signal, threshold }) => retrainOn.includes(signal) && threshold !== null,
  );
  return judged.length > 0 && !judged.some(isAbove);
}

function triggerOf(state: LoopState, window: WindowJudged, urgent: readonly Reading[]): Trigger {
  const afterSchemaBreak =
    state.openBreakMs !== null || urgent.some((reading) => isBreak(state, window, reading));
  return {
    partition: window.partition,
    endMs: window.endMs,
    afterSchemaBreak,
    evidence: about(window, urgent),
    reason: `${window.partition}: ${urgent.map(describe).join(', ')}`,
  };
}

function isBreak({ policy, levels }: LoopState, window: WindowJudged, reading: Reading): boolean {
  const { signals, ratio, ratioOf } = policy.schemaBreak;
  const { signal, value, threshold } = reading;
  if (!signals.includes(signal) || threshold === null || value <= threshold) return false;
  if (ratioOf.includes(signal) && value <= ratio * threshold) return false;
  const before = (levels[alarmKey(window, reading)] ?? []).slice(0, -1);
  return value > ratio * Math.max(0, ...before);
}

/** A retraining on more flows since a schema break than the serving version learnt; null when none is due. */
function refreshOf({ refreshAtMs, breakMs }: LoopState, window: WindowJudged): Trigger | null {
  if (refreshAtMs === null || breakMs === null || window.endMs < refreshAtMs) return null;
  return {
    ...{ partition: window.partition, endMs: window.endMs, afterSchemaBreak: false },
    evidence: about(window),
    reason: `${window.partition}: the flows since the schema break of ${isoDay(breakMs)} have doubled`,
  };
}

/** Why an alarm may not start a retraining now; null when it may. */
function whyHeld(
  state: LoopState,
  trigger: Trigger,
  window: WindowJudged,
  urgent: readonly Reading[],
): string | null {
  const { policy, alarms } = state;
  const frozen = policy.frozen.find(({ from, to }) => isWithin(window.at, from, to));
  if (frozen !== undefined) return `frozen from ${frozen.from} to ${frozen.to}: ${frozen.reason}`;
  if (urgent.length > 0) {
    if (!urgent.some(isAbove)) return 'nothing is above its threshold now';
    if (!trigger.afterSchemaBreak && isHarmless(window)) return 'errors have not risen';
    const rows = Math.max(...urgent.map((reading) => alarms[alarmKey(window, reading)]?.rows ?? 0));
    const needed = Math.max(
      policy.minSamples.rows,
      policy.minSamples.rowsPerClass * window.judgedClasses,
    );
    if (rows < needed) return `${rows} flows since the alarm began, ${needed} are needed`;
  }
  if (trigger.endMs < state.coolUntilMs && !mayOverride(state, trigger, urgent)) {
    return `cooling down until ${isoDay(state.coolUntilMs)}`;
  }
  if (trigger.afterSchemaBreak) return null;
  const { retrains, days } = policy.budget;
  const spent = state.retrains.filter((end) => end > trigger.endMs - days * DAY_MS).length;
  if (spent >= retrains) return `${spent} retrainings within ${days} days are the budget`;
  return null;
}

/** Whether errors are known and no more than they were: flows that moved, and are answered as before. */
function isHarmless({ readings }: WindowJudged): boolean {
  return readings.some(
    (reading) => reading.signal === 'error_rise' && reading.threshold !== null && !isAbove(reading),
  );
}

function mayOverride(state: LoopState, trigger: Trigger, urgent: readonly Reading[]): boolean {
  if (state.overridden) return false;
  const { errorRise } = state.policy.coolDown;
  return (
    trigger.afterSchemaBreak ||
    urgent.some(({ signal, value }) => signal === 'error_rise' && value > errorRise)
  );
}

function startRetrain(state: LoopState, trigger: Trigger, at: number): LoopStep {
  const { days } = state.policy.budget;
  const overridden = state.overridden || trigger.endMs < state.coolUntilMs;
  const retrains = [...state.retrains, ...(trigger.afterSchemaBreak ? [] : [trigger.endMs])].filter(
    (end) => end > trigger.endMs - days * DAY_MS,
  );
  const phase = { name: 'retraining', trigger, attempt: 1 } as const;
  const next: LoopState = { ...state, phase, overridden, retrains, held: null };
  return {
    state: next,
    commands: [
      record('retrain', trigger.partition, trigger.reason, evidenceOf(trigger), at),
      retrainCommand(next, phase),
    ],
  };
}

function retrainCommand(
  { breakMs, openBreakMs }: LoopState,
  { trigger, attempt }: Extract<Phase, { name: 'retraining' }>,
): LoopCommand {
  const { partition, endMs, afterSchemaBreak, reason } = trigger;
  return {
    kind: 'start_retrain',
    partition,
    attempt,
    endMs,
    notBeforeMs: openBreakMs ?? breakMs,
    afterSchemaBreak,
    reason,
  };
}

function onRetrainFailed(
  state: LoopState,
  phase: Extract<Phase, { name: 'retraining' }>,
  { reason, at }: Extract<LoopEvent, { kind: 'retrain_failed' }>,
): LoopStep {
  const { attempts } = state.policy;
  const { trigger, attempt } = phase;
  const said = `try ${attempt} of ${attempts} failed: ${reason}`;
  if (attempt >= attempts) return giveUp(state, trigger, 'failed', said, at);
  const next = { ...phase, attempt: attempt + 1 };
  return {
    state: { ...state, phase: next },
    commands: [
      record('retried', trigger.partition, said, { ...evidenceOf(trigger), attempt }, at),
      retrainCommand(state, next),
    ],
  };
}

function onFinished(
  state: LoopState,
  { trigger }: Extract<Phase, { name: 'retraining' }>,
  { champion, challenger, gate, at }: RetrainFinished,
): LoopStep {
  if (champion !== state.serving) {
    const reason = `challenger ${challenger} was compared with version ${champion}, ${state.serving ?? 'none'} serves`;
    return giveUp(state, trigger, 'keep', reason, at);
  }
  const { passed, against } = judgeGate(state.policy.gate, gate, trigger.afterSchemaBreak);
  const scores = `macro-F1 ${gate.challengerF1.toFixed(4)} against ${gate.championF1.toFixed(4)} on ${gate.heldOutRows} held-out rows`;
  const evidence = { ...evidenceOf(trigger), challenger, gate: gateJson(gate) };
  if (!passed) {
    const reason = `champion stays, challenger ${challenger}: ${scores}; ${against.join('; ')}`;
    return giveUp(state, trigger, 'keep', reason, at, evidence);
  }
  const won = `challenger ${challenger} won the gate: ${scores}`;
  const { approvalHours } = state.policy;
  if (approvalHours === null) return toShadow(state, { trigger, challenger }, won, at, evidence);
  const expiresAt = at + approvalHours * HOUR_MS;
  return {
    state: { ...state, phase: { name: 'awaiting_approval', trigger, challenger } },
    commands: [
      record('approval', trigger.partition, `${won}; a person is asked`, evidence, at),
      { kind: 'ask_approval', version: challenger, expiresAt },
    ],
  };
}

function toShadow(
  state: LoopState,
  { trigger, challenger }: { readonly trigger: Trigger; readonly challenger: string },
  reason: string,
  at: number,
  evidence: JsonObject = evidenceOf(trigger),
): LoopStep {
  const { windows } = state.policy.shadow;
  if (windows === 0 || trigger.afterSchemaBreak) {
    return promote(state, trigger, challenger, reason, at, evidence);
  }
  const said = `${reason}; it answers beside the champion in ${windows} windows`;
  return {
    state: { ...state, phase: { name: 'shadow', trigger, challenger, gains: [] } },
    commands: [record('shadow', trigger.partition, said, evidence, at)],
  };
}

function promote(
  state: LoopState,
  trigger: Trigger,
  challenger: string,
  reason: string,
  at: number,
  evidence: JsonObject = evidenceOf(trigger),
): LoopStep {
  return {
    state: { ...state, phase: { name: 'promoting', trigger, challenger } },
    commands: [
      record('promote', trigger.partition, reason, { ...evidence, challenger }, at),
      { kind: 'promote', version: challenger, replaces: state.serving ?? '' },
    ],
  };
}

function onPromoted(
  state: LoopState,
  { trigger, challenger }: Extract<Phase, { name: 'promoting' }>,
  at: number,
): LoopStep {
  const { watch, coolDown } = state.policy;
  const days = trigger.afterSchemaBreak ? watch.daysSchemaBreak : watch.days;
  const now = newestOf(state, trigger);
  const breakMs = state.openBreakMs ?? state.breakMs;
  return {
    state: {
      ...settled(state, now + coolDown.days * DAY_MS),
      ...{ serving: challenger, levels: {}, lost: 0 },
      ...{
        breakMs,
        openBreakMs: null,
        refreshAtMs: refreshAfter(state.policy, breakMs, trigger.endMs),
      },
      previous: state.serving,
      watchUntilMs: state.serving === null ? null : now + days * DAY_MS,
    },
    commands: [
      record(
        'promoted',
        trigger.partition,
        `version ${challenger} serves`,
        { ...evidenceOf(trigger), challenger },
        at,
      ),
    ],
  };
}

/** When flows since a break will have doubled; null when there was none, or they are enough. */
function refreshAfter(
  { schemaBreak }: LifecyclePolicy,
  breakMs: number | null,
  nowMs: number,
): number | null {
  if (breakMs === null || nowMs - breakMs >= schemaBreak.refreshDays * DAY_MS) return null;
  return breakMs + 2 * (nowMs - breakMs);
}

/** Back to idle after a challenger that does not serve. */
function giveUp(
  state: LoopState,
  trigger: Trigger,
  kind: 'keep' | 'failed',
  reason: string,
  at: number,
  evidence: JsonObject = evidenceOf(trigger),
): LoopStep {
  const now = newestOf(state, trigger);
  const { breakMs, openBreakMs, refreshAtMs, lost, policy } = state;
  const { days, maxDays } = policy.coolDown;
  const isOpen = openBreakMs !== null;
  const pause = isOpen ? now - openBreakMs : Math.min(maxDays, days * 2 ** lost) * DAY_MS;
  return {
    state: {
      ...settled(state, now + pause),
      overridden: isOpen,
      lost: lost + (kind === 'keep' && !isOpen ? 1 : 0),
      refreshAtMs: refreshAtMs === null ? null : refreshAfter(policy, breakMs, now),
    },
    commands: [record(kind, trigger.partition, reason, evidence, at)],
  };
}

function rollBack(
  state: LoopState,
  to: string,
  from: string,
  reason: string,
  about_: { readonly partition: string; readonly at: number },
): LoopStep {
  return {
    state: { ...state, phase: { name: 'rolling_back', to, reason } },
    commands: [
      record('roll_back', about_.partition, reason, { from, to }, about_.at),
      { kind: 'roll_back', version: to, replaces: from },
    ],
  };
}

function onRolledBack(
  state: LoopState,
  { to, reason }: Extract<Phase, { name: 'rolling_back' }>,
  at: number,
): LoopStep {
  const now = Math.max(state.newestMs.day, state.newestMs.week);
  return {
    state: {
      ...settled(state, now + state.policy.coolDown.days * DAY_MS),
      ...{ serving: to, levels: {} },
      previous: null,
      watchUntilMs: null,
    },
    commands: [
      record(
        'rolled_back',
        state.partition,
        `version ${to} serves again: ${reason}`,
        { version: to },
        at,
      ),
    ],
  };
}

/** Another version serves: what was known of the one before is void. A move of the loop's own is not heard of here. */
function onMoved(
  state: LoopState,
  { version, at }: Extract<LoopEvent, { kind: 'serving_moved' }>,
): LoopStep {
  const { phase, serving, partition } = state;
  if (version === serving || phase.name === 'promoting' || phase.name === 'rolling_back') {
    return unchanged(state);
  }
  const reason = `version ${version} serves in place of ${serving ?? 'none'}: somebody moved the alias`;
  return {
    state: {
      ...settled(state, state.coolUntilMs),
      phase: phase.name === 'retraining' ? phase : { name: 'idle' },
      serving: version,
      previous: serving,
      watchUntilMs: null,
    },
    commands: [record('moved', partition, reason, { from: serving, to: version }, at)],
  };
}

/** What a person asked for. */
function onAsked(
  state: LoopState,
  event: Extract<LoopEvent, { kind: 'retrain_forced' | 'promote_asked' | 'rollback_asked' }>,
): LoopStep {
  const { phase, serving, previous } = state;
  const refuse = (why: string): LoopStep => ({
    state,
    commands: [
      record(
        'refused',
        state.partition,
        `${event.by} asked: ${why}`,
        { asked: event.kind },
        event.at,
      ),
    ],
  });
  const idle = phase.name === 'idle';
  const chosen = phase.name === 'shadow' || phase.name === 'awaiting_approval';
  if (!idle && !(chosen && event.kind === 'promote_asked')) {
    return refuse(`the loop is busy (${phase.name})`);
  }
  const trigger: Trigger = {
    ...{ partition: state.partition, endMs: Math.max(state.newestMs.day, state.newestMs.week) },
    ...{
      afterSchemaBreak: state.openBreakMs !== null,
      reason: `asked by ${event.by}`,
      evidence: {},
    },
  };
  switch (event.kind) {
    case 'retrain_forced':
      if (state.partition === '') return refuse('no window has been judged yet');
      return startRetrain(state, trigger, event.at);
    case 'promote_asked':
      if (event.version === serving) return refuse(`version ${serving} serves already`);
      return promote(state, trigger, event.version, trigger.reason, event.at);
    case 'rollback_asked':
      if (previous === null || serving === null) return refuse('there is no version to go back to');
      return rollBack(state, previous, serving, trigger.reason, { ...trigger, at: event.at });
  }
}

function onPause(
  state: LoopState,
  event: Extract<LoopEvent, { kind: 'paused' | 'resumed' }>,
): LoopStep {
  const paused = event.kind === 'paused';
  if (state.paused === paused) return unchanged(state);
  const said = record(event.kind, state.partition, `by ${event.by}`, {}, event.at);
  const next: LoopState = { ...state, paused };
  if (paused || state.held === null || state.phase.name !== 'idle') {
    return { state: next, commands: [said] };
  }
  const step = startRetrain(next, state.held, event.at);
  return { state: step.state, commands: [said, ...step.commands] };
}

/** Idle, with alarms silent and cooling down. */
function settled(state: LoopState, coolUntilMs: number): LoopState {
  const phase = { name: 'idle' } as const;
  return { ...state, phase, alarms: {}, held: null, coolUntilMs, overridden: false };
}

function newestOf({ newestMs }: LoopState, { endMs }: Trigger): number {
  return Math.max(endMs, newestMs.day, newestMs.week);
}

function scoreOf({ scores }: WindowJudged, version: string): number | null {
  return scores.find((score) => score.version === version)?.weightedF1 ?? null;
}

function isWithin(at: number, from: string, to: string): boolean {
  const day = new Date(at).toISOString().slice(5, 10);
  return from <= to ? from <= day && day <= to : day >= from || day <= to;
}

function isoDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(4)}`;
}

function describe({ signal, value, threshold }: Reading): string {
  const now = `${signal} ${value.toFixed(4)}`;
  if (threshold === null) return `${signal}, not judged in this window`;
  return value > threshold ? `${now} > ${threshold.toFixed(4)}` : `${now}, not yet calm`;
}

function record(
  kind: DecisionKind,
  partition: string,
  reason: string,
  evidence: JsonObject,
  at: number,
): LoopCommand {
  return { kind: 'record_decision', decision: { kind, partition, reason, evidence, at } };
}

function about(window: WindowJudged, alarms: readonly Reading[] = []): JsonObject {
  const { reportHash, length, rows, version, readings, causes, scores } = window;
  return {
    ...{ reportHash, length, rows, version, causes },
    alarms: alarms.map(({ signal }) => signal),
    readings: readings.map((reading) => ({ ...reading })),
    scores: scores.map((score) => ({ ...score })),
  };
}

function evidenceOf({ evidence, afterSchemaBreak, reason }: Trigger): JsonObject {
  return { ...evidence, afterSchemaBreak, because: reason };
}

function gateJson({ gain, classes, ...gate }: GateEvidence): JsonObject {
  return { ...gate, gain: { ...gain }, classes: classes.map((one) => ({ ...one })) };
}

function unchanged(state: LoopState): LoopStep {
  return { state, commands: [] };
}
