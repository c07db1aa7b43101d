/**
 * The lifecycle as releases up to 0.6 started it, for those that are still open: what is under way ends as it began,
 * and once it is idle the first judged window, or a person's word, moves it on to the loop.
 */
import {
  allHandlersFinished,
  ApplicationFailure,
  ChildWorkflowFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  executeChild,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { LifecycleActivities } from '../activities/lifecycle.js';
import { dagRunId } from '../contracts/engine.js';
import type { JsonObject } from '../contracts/json.js';
import {
  ASK_UPDATE,
  DRIFT_SIGNAL,
  LIFECYCLE_MOVES_ON,
  OUTCOME_QUERY,
  WINDOW_SIGNAL,
  type Asked,
  type Comparison,
  type DriftReport,
  type LifecycleInput,
  type Outcome,
  type WindowReport,
} from '../contracts/lifecycle.js';
import {
  REMEMBERED_REPORTS,
  startLifecycle,
  stepLifecycle,
  type LifecycleCommand,
  type LifecycleEvent,
  type LifecycleState,
} from '../domain/lifecycle/retrain-policy.js';

const activities = proxyActivities<LifecycleActivities>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '15s', // a dead worker is noticed within this
  retry: { initialInterval: '1s', maximumInterval: '1 minute' },
});

/** What it hands to the loop: windows that came to it, and its outcomes. */
export interface MemoryOfMove {
  readonly windows: readonly WindowReport[];
  readonly outcomes: MemoryBeforeLoop['outcomes'];
}

/** What it carries over when it continues as new. */
export interface MemoryBeforeLoop {
  readonly state: LifecycleState;
  readonly preset: JsonObject;
  readonly outcomes: readonly (readonly [reportHash: string, Outcome])[];
}

/** Decisions after which nothing follows for the report. */
const FINAL: readonly string[] = ['noted', 'superseded', 'keep', 'promoted', 'failed'];

/** Runs until the loop takes over; each report ends in one outcome. */
export async function lifecycleBeforeLoop(
  input: LifecycleInput,
  memory: MemoryBeforeLoop | undefined,
  moveOn: (memory: MemoryOfMove) => Promise<never>,
): Promise<never> {
  const { model } = input;
  let state = memory?.state ?? startLifecycle();
  let preset: JsonObject = memory?.preset ?? {};
  const outcomes = new Map<string, Outcome>(memory?.outcomes ?? []);
  const events: LifecycleEvent[] = [];
  const windows: WindowReport[] = [];
  let asked = false;

  setHandler(defineSignal<[DriftReport]>(DRIFT_SIGNAL), ({ policy, preset: newest, ...report }) => {
    // the newest report brings the settings in force: this workflow outlives many of them
    preset = newest;
    state = { ...state, policy: { ...state.policy, ...policy } };
    events.push({ kind: 'drift_reported', ...report, at: Date.now() });
  });
  setHandler(
    defineQuery<Outcome | null, [string]>(OUTCOME_QUERY),
    (hash) => outcomes.get(hash) ?? null,
  );

  setHandler(defineSignal<[WindowReport]>(WINDOW_SIGNAL), (window) => void windows.push(window));
  setHandler(defineUpdate<never, [Asked]>(ASK_UPDATE), () => {
    asked = true;
    throw ApplicationFailure.create({
      ...{ type: LIFECYCLE_MOVES_ON, message: 'an earlier release started it; ask again' },
    });
  });

  const movesOn = (): boolean => state.phase === 'idle' && (asked || windows.length > 0);
  for (;;) {
    await condition(() => events.length > 0 || movesOn() || mayContinueAsNew(state));
    const event = events.shift();
    if (event === undefined) {
      if (movesOn()) return moveOn({ windows, outcomes: [...outcomes] });
      return continueAsNew(input, { state, preset, outcomes: [...outcomes] });
    }
    const before = state;
    const step = stepLifecycle(state, event);
    state = step.state;
    for (const command of step.commands) await carryOut(command, before);
    setCurrentDetails(details(state, outcomes));
  }

  async function carryOut(command: LifecycleCommand, before: LifecycleState): Promise<void> {
    switch (command.kind) {
      case 'record_decision':
        return record(command, before);
      case 'start_retrain':
        void retrain(command.partition).then((event) => events.push(event));
        return;
      case 'promote':
        void promote(command.version).then((event) => events.push(event));
        return;
    }
  }

  async function record(
    { decision, reason, evidence, at }: Extract<LifecycleCommand, { kind: 'record_decision' }>,
    before: LifecycleState,
  ): Promise<void> {
    const about = before.active ?? before.waiting;
    const reportHash = text(evidence, 'reportHash') ?? about?.reportHash ?? '';
    const partition = text(evidence, 'partition') ?? about?.partition ?? '';
    const key = `${model}/${reportHash}/${decision}`;
    await activities.recordDecision({
      ...{ key, model, partition, kind: decision, reason, evidence },
      atMs: at,
    });
    if (!FINAL.includes(decision)) return;
    outcomes.set(reportHash, { kind: decision, reason });
    for (const old of [...outcomes.keys()].slice(0, -REMEMBERED_REPORTS)) outcomes.delete(old);
  }

  async function retrain(partition: string): Promise<LifecycleEvent> {
    try {
      const result = (await executeChild('retrain', {
        workflowId: dagRunId('retrain', partition),
        args: [{ partition, params: { preset } }],
        staticSummary: `retrain ${model} with ${partition}`,
      })) as Comparison; // output of the retrain DAG
      return {
        kind: 'retrain_finished',
        challengerVersion: result.challengerVersion,
        championF1: result.championF1,
        challengerF1: result.challengerF1,
        heldOutRows: result.rows,
        evidence: { championVersion: result.championVersion },
        at: Date.now(),
      };
    } catch (error) {
      return { kind: 'retrain_failed', reason: reasonOf(error), at: Date.now() };
    }
  }

  async function promote(version: string): Promise<LifecycleEvent> {
    try {
      await activities.promoteModel({ model, version });
      return { kind: 'promoted', version, at: Date.now() };
    } catch (error) {
      return { kind: 'promote_failed', reason: reasonOf(error), at: Date.now() };
    }
  }
}

function mayContinueAsNew(state: LifecycleState): boolean {
  return workflowInfo().continueAsNewSuggested && state.phase === 'idle' && allHandlersFinished();
}

function details(state: LifecycleState, outcomes: ReadonlyMap<string, Outcome>): string {
  const rows = [...outcomes].reverse().map(([hash, { kind, reason }]) => {
    return `| ${hash.slice(0, 12)} | ${kind} | ${reason.replaceAll('|', '\\|')} |`;
  });
  const head = ['| report | decision | reason |', '| --- | --- | --- |'];
  return [`phase: **${state.phase}**`, '', ...head, ...rows].join('\n');
}

function text(evidence: JsonObject, name: string): string | undefined {
  const value = evidence[name];
  return typeof value === 'string' ? value : undefined;
}

function reasonOf(error: unknown): string {
  if (error instanceof ChildWorkflowFailure && error.cause !== undefined) {
    return error.cause.message;
  }
  return error instanceof Error ? error.message : String(error);
}
