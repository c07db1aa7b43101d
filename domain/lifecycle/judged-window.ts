/** What a judged window leads to: alarms, a watch that ends or takes a version back, a shadow, a retraining or why there is none. */
import type { JsonObject } from '../../contracts/json.js';
import type { LifecyclePolicy } from '../../contracts/lifecycle-policy.js';
import { isAbove, type Reading } from '../../contracts/signals.js';
import { SILENT, stepAlarm } from './alarm.js';
import { giveUp, promote, rollBack, startRetrain } from './challenger.js';
import { isoDay } from './iso-day.js';
import {
  record,
  REMEMBERED_REPORTS,
  unchanged,
  type LoopCommand,
  type LoopState,
  type LoopStep,
  type Phase,
  type Trigger,
  type WindowJudged,
} from './loop-state.js';

const DAY_MS = 86_400_000;

/** Folds a window. */
export function onWindow(before: LoopState, window: WindowJudged): LoopStep {
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

function scoreOf({ scores }: WindowJudged, version: string): number | null {
  return scores.find((score) => score.version === version)?.weightedF1 ?? null;
}

function isWithin(at: number, from: string, to: string): boolean {
  const day = new Date(at).toISOString().slice(5, 10);
  return from <= to ? from <= day && day <= to : day >= from || day <= to;
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(4)}`;
}

function describe({ signal, value, threshold }: Reading): string {
  const now = `${signal} ${value.toFixed(4)}`;
  if (threshold === null) return `${signal}, not judged in this window`;
  return value > threshold ? `${now} > ${threshold.toFixed(4)}` : `${now}, not yet calm`;
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
