/** What people do beside the loop: they ask for something, pause it, or move the alias themselves. */
import { promote, rollBack, settled, startRetrain } from './challenger.js';
import {
  record,
  unchanged,
  type LoopEvent,
  type LoopState,
  type LoopStep,
  type Trigger,
} from './loop-state.js';

/** Another version serves: what was known of the one before is void. A move of the loop's own is not heard of here. */
export function onMoved(
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
export function onAsked(
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

/** Stops retrainings from starting, or lets the one that waited start. */
export function onPause(
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
