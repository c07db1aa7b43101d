/** The way of a challenger: retrained, through the gate, approved, in shadow, promoted; or given up, or taken back. */
import type { JsonObject } from '../../contracts/json.js';
import type { GateEvidence } from '../../contracts/lifecycle.js';
import type { LifecyclePolicy } from '../../contracts/lifecycle-policy.js';
import { judgeGate } from './gate.js';
import {
  record,
  type LoopCommand,
  type LoopEvent,
  type LoopState,
  type LoopStep,
  type Phase,
  type RetrainFinished,
  type Trigger,
} from './loop-state.js';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Starts a retraining; the budget counts it unless a schema break is behind it. */
export function startRetrain(state: LoopState, trigger: Trigger, at: number): LoopStep {
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

/** Tries again, or gives up. */
export function onRetrainFailed(
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

/** Holds a challenger against the gate. */
export function onFinished(
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

/** On to the shadow, or to the promotion where there is none. */
export function toShadow(
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

/** Lets a challenger serve. */
export function promote(
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

/** What holds once a challenger serves. */
export function onPromoted(
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
export function giveUp(
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

/** Lets the version before serve again. */
export function rollBack(
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

/** What holds once the version before serves again. */
export function onRolledBack(
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

/** Idle, with alarms silent and cooling down. */
export function settled(state: LoopState, coolUntilMs: number): LoopState {
  const phase = { name: 'idle' } as const;
  return { ...state, phase, alarms: {}, held: null, coolUntilMs, overridden: false };
}

function newestOf({ newestMs }: LoopState, { endMs }: Trigger): number {
  return Math.max(endMs, newestMs.day, newestMs.week);
}

function evidenceOf({ evidence, afterSchemaBreak, reason }: Trigger): JsonObject {
  return { ...evidence, afterSchemaBreak, because: reason };
}

function gateJson({ gain, classes, ...gate }: GateEvidence): JsonObject {
  return { ...gate, gain: { ...gain }, classes: classes.map((one) => ({ ...one })) };
}
