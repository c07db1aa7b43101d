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
import { onAsked, onMoved, onPause } from './asked.js';
import {
  giveUp,
  onFinished,
  onPromoted,
  onRetrainFailed,
  onRolledBack,
  toShadow,
} from './challenger.js';
import { onWindow } from './judged-window.js';
import { record, unchanged, type LoopEvent, type LoopState, type LoopStep } from './loop-state.js';

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
