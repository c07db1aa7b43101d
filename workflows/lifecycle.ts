/**
 * `lifecycle/<model>`: the long-lived workflow of one served model. It hears judged windows and what people ask for, and
 * carries out what the policy in domain/lifecycle decides: retrain, promote, roll back, write down why.
 */
import {
  allHandlersFinished,
  ChildWorkflowFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  executeChild,
  patched,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { LifecycleActivities } from '../activities/lifecycle.js';
import type { NoticeActivities } from '../activities/notices.js';
import { dagRunId } from '../contracts/engine.js';
import type { JsonObject } from '../contracts/json.js';
import { DEFAULT_POLICY } from '../contracts/lifecycle-policy.js';
import {
  ASK_UPDATE,
  OUTCOME_QUERY,
  STATUS_QUERY,
  WINDOW_SIGNAL,
  type Answer,
  type Asked,
  type Comparison,
  type LatestDecision,
  type LifecycleInput,
  type LifecycleStatus,
  type Outcome,
  type WindowReport,
} from '../contracts/lifecycle.js';
import { isoWeekOf } from '../dag/partitions.js';
import { stepLoop } from '../domain/lifecycle/loop.js';
import {
  challengerOf,
  REMEMBERED_REPORTS,
  startLoop,
  versionsToScore,
  type Decision,
  type LoopCommand,
  type LoopEvent,
  type LoopState,
} from '../domain/lifecycle/loop-state.js';
import {
  lifecycleBeforeLoop,
  type MemoryBeforeLoop,
  type MemoryOfMove,
} from './lifecycle-before-loop.js';
import { moveServing } from './move-serving.js';

const activities = proxyActivities<LifecycleActivities & NoticeActivities>({
  taskQueue: 'control',
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '15s', // a dead worker is noticed within this
  retry: { initialInterval: '1s', maximumInterval: '1 minute' },
});

/** Carried over when the workflow continues as new. */
export interface LifecycleMemory {
  readonly state: LoopState;
  readonly preset: JsonObject;
  /** When the approval that is asked for expires, epoch ms. */
  readonly approvalExpiresAt: number | null;
  readonly outcomes: readonly (readonly [reportHash: string, Outcome])[];
  readonly latest: readonly LatestDecision[];
  /** Decisions made so far. */
  readonly decided: number;
}

/** Runs for ever. */
export async function lifecycle(
  input: LifecycleInput,
  memory?: LifecycleMemory | MemoryOfMove | MemoryBeforeLoop,
): Promise<never> {
  if (!patched('loop')) {
    const before = memory as MemoryBeforeLoop | undefined; // its own, or none
    return lifecycleBeforeLoop(input, before, (memory) =>
      continueAsNew<typeof lifecycle>(input, memory),
    );
  }
  return new ServedModel(input, memory).run();
}

/** An event, and who waits for what it leads to. */
interface Heard {
  readonly event: LoopEvent;
  readonly answer?: (answer: Answer) => void;
}

/** Decisions of which people are not told: the monitor tells of every window that drifted. */
const ONLY_LOGGED: readonly Decision['kind'][] = ['noted', 'notice', 'held'];

/** Decisions shown in the Temporal UI. */
const SHOWN_DECISIONS = 20;

class ServedModel {
  readonly #input: LifecycleInput;
  readonly #heard: Heard[] = [];
  /** Of reports that are not at rest yet: what was decided on them last. */
  readonly #open = new Map<string, Outcome>();
  readonly #outcomes: Map<string, Outcome>;
  #state: LoopState;
  #preset: JsonObject = {};
  #approvalExpiresAt: number | null = null;
  #latest: readonly LatestDecision[] = [];
  #decided = 0;
  /** An event is being dealt with: the state is ahead of what is recorded. */
  #taking = false;
  /** Notices that are being sent. */
  #telling = 0;

  constructor(input: LifecycleInput, memory?: LifecycleMemory | MemoryOfMove | MemoryBeforeLoop) {
    this.#input = input;
    const carried = memory !== undefined && 'decided' in memory ? memory : undefined;
    this.#state = carried?.state ?? startLoop(DEFAULT_POLICY);
    this.#outcomes = new Map(memory?.outcomes);
    if (carried !== undefined) {
      this.#preset = carried.preset;
      this.#approvalExpiresAt = carried.approvalExpiresAt;
      this.#latest = carried.latest;
      this.#decided = carried.decided;
    }
    if (memory !== undefined && 'windows' in memory) {
      for (const window of memory.windows) this.#hear(window);
    }
  }

  async run(): Promise<never> {
    setHandler(defineSignal<[WindowReport]>(WINDOW_SIGNAL), (window) => this.#hear(window));
    setHandler(defineUpdate<Answer, [Asked]>(ASK_UPDATE), (asked) => this.#ask(asked));
    setHandler(
      defineQuery<Outcome | null, [string]>(OUTCOME_QUERY),
      (hash) => this.#outcomes.get(hash) ?? null,
    );
    setHandler(defineQuery<LifecycleStatus>(STATUS_QUERY), () => this.#status());
    if (this.#state.serving === null) {
      const serving = await activities.readServing({ model: this.#input.model });
      this.#state = { ...this.#state, serving };
    }
    for (;;) {
      await this.#somethingToDo();
      const heard = this.#heard.shift();
      if (heard === undefined) return this.#continueAsNew();
      this.#taking = true;
      await this.#take(heard);
      this.#taking = false;
    }
  }

  #hear({ policy, preset, ...window }: WindowReport): void {
    // the newest report brings the settings in force: this workflow outlives many of them
    this.#preset = preset;
    this.#state = { ...this.#state, policy };
    this.#push({ kind: 'window_judged', ...window, at: Date.now() });
  }

  #ask(asked: Asked): Promise<Answer> {
    return new Promise((answer) => {
      this.#heard.push({ event: eventOf(asked), answer });
    });
  }

  #push(event: LoopEvent): void {
    this.#heard.push({ event });
  }

  /** Until there is an event, or the history is long enough to be cut while nothing is under way. */
  async #somethingToDo(): Promise<void> {
    const ready = (): boolean => this.#heard.length > 0 || this.#mayContinueAsNew();
    const { phase } = this.#state;
    if (this.#approvalExpiresAt === null || phase.name !== 'awaiting_approval') {
      return condition(ready);
    }
    const left = Math.max(1, this.#approvalExpiresAt - Date.now());
    if (await condition(ready, left)) return;
    this.#push({ kind: 'approval_expired', version: phase.challenger, at: Date.now() });
  }

  async #take({ event, answer }: Heard): Promise<void> {
    if (event.kind === 'window_judged' && !this.#outcomes.has(event.reportHash)) {
      this.#open.set(event.reportHash, { kind: 'noted', reason: 'it had been decided on' });
    }
    await this.#noticeMove(event);
    const decisions = await this.#step(event);
    answer?.({
      decisions: decisions.map(({ kind, reason }) => ({ kind, reason })),
      decided: this.#decided,
    });
    if (this.#isAtRest()) this.#settle();
    setCurrentDetails(this.#details());
  }

  /** A version that serves without the loop's doing becomes known by the first event that names it. */
  async #noticeMove(event: LoopEvent): Promise<void> {
    if (event.kind !== 'window_judged' && event.kind !== 'retrain_finished') return;
    const champion = event.kind === 'window_judged' ? event.version : event.champion;
    if (champion === this.#state.serving) return;
    const version = await activities.readServing({ model: this.#input.model });
    if (version !== null) await this.#step({ kind: 'serving_moved', version, at: Date.now() });
  }

  async #step(event: LoopEvent): Promise<Decision[]> {
    const { state, commands } = stepLoop(this.#state, event);
    this.#state = state;
    const decisions: Decision[] = [];
    for (const command of commands) {
      if (command.kind === 'record_decision') decisions.push(command.decision);
      await this.#carryOut(command);
    }
    return decisions;
  }

  async #carryOut(command: LoopCommand): Promise<void> {
    const { model } = this.#input;
    switch (command.kind) {
      case 'record_decision':
        return this.#record(command.decision);
      case 'start_retrain':
        void this.#retrain(command).then((event) => this.#push(event));
        return;
      case 'promote':
        void moveServing(model, command).then((failure) =>
          this.#push(
            failure === null
              ? { kind: 'promoted', version: command.version, at: Date.now() }
              : { kind: 'promote_failed', version: command.version, ...failure, at: Date.now() },
          ),
        );
        return;
      case 'roll_back':
        void moveServing(model, command).then((failure) =>
          this.#push(
            failure === null
              ? { kind: 'rolled_back', version: command.version, at: Date.now() }
              : { kind: 'rollback_failed', version: command.version, ...failure, at: Date.now() },
          ),
        );
        return;
      case 'ask_approval':
        this.#approvalExpiresAt = command.expiresAt;
        return;
    }
  }

  async #record(decision: Decision): Promise<void> {
    const { model } = this.#input;
    const { kind, partition, reason, evidence, at } = decision;
    const key = `${model}/${workflowInfo().firstExecutionRunId}/${this.#decided++}`;
    await activities.recordDecision({ key, model, partition, kind, reason, evidence, atMs: at });
    this.#latest = [...this.#latest, { kind, partition, reason, at }].slice(-SHOWN_DECISIONS);
    for (const [hash, last] of this.#open) {
      if (last.kind === 'noted' || kind !== 'noted') this.#open.set(hash, { kind, reason });
    }
    if (ONLY_LOGGED.includes(kind)) return;
    this.#telling += 1;
    void activities
      .sendNotice({
        ...{ key, title: `${model} ${partition}: ${kind}`, text: reason },
        json: { model, partition, kind, reason, evidence },
      })
      .finally(() => (this.#telling -= 1));
  }

  async #retrain({
    endMs,
    notBeforeMs,
    afterSchemaBreak,
  }: Extract<LoopCommand, { kind: 'start_retrain' }>): Promise<LoopEvent> {
    const partition = isoWeekOf(new Date(endMs - 1));
    try {
      const result = (await executeChild('retrain', {
        workflowId: dagRunId('retrain', partition),
        args: [
          {
            partition,
            params: {
              preset: this.#preset,
              retraining: { endMs, notBeforeMs, afterSchemaBreak },
            },
          },
        ],
        staticSummary: `retrain ${this.#input.model} with flows up to ${partition}`,
      })) as Comparison; // output of the retrain DAG
      const { championVersion: champion, challengerVersion: challenger, gate } = result;
      return { kind: 'retrain_finished', champion, challenger, gate, at: Date.now() };
    } catch (error) {
      return { kind: 'retrain_failed', reason: reasonOf(error), at: Date.now() };
    }
  }

  /** Nothing is under way: what happens next is a window or a person's word. */
  #isAtRest(): boolean {
    return ['idle', 'shadow', 'awaiting_approval'].includes(this.#state.phase.name);
  }

  /** What was decided last on each open report is its outcome. */
  #settle(): void {
    for (const [hash, outcome] of this.#open) this.#outcomes.set(hash, outcome);
    this.#open.clear();
    for (const old of [...this.#outcomes.keys()].slice(0, -REMEMBERED_REPORTS)) {
      this.#outcomes.delete(old);
    }
  }

  #mayContinueAsNew(): boolean {
    return (
      workflowInfo().continueAsNewSuggested &&
      this.#isAtRest() &&
      this.#telling === 0 &&
      allHandlersFinished()
    );
  }

  #continueAsNew(): Promise<never> {
    return continueAsNew<typeof lifecycle>(this.#input, {
      ...{ state: this.#state, preset: this.#preset, latest: this.#latest },
      ...{ approvalExpiresAt: this.#approvalExpiresAt, decided: this.#decided },
      outcomes: [...this.#outcomes],
    });
  }

  #status(): LifecycleStatus {
    const { phase, paused, serving, previous } = this.#state;
    return {
      ...{ phase: phase.name, paused, serving, previous },
      challenger: challengerOf(this.#state),
      toScore: versionsToScore(this.#state),
      approvalExpiresAt: phase.name === 'awaiting_approval' ? this.#approvalExpiresAt : null,
      atRest: this.#isAtRest() && !this.#taking && this.#heard.length === 0,
      ...{ decided: this.#decided, latest: this.#latest },
    };
  }

  #details(): string {
    const { phase, serving, previous, challenger, paused } = this.#status();
    const about = [
      `phase: **${phase}**${paused ? ', paused' : ''}`,
      `serves: version ${serving ?? 'none'}`,
      ...(previous === null ? [] : [`before it: version ${previous}`]),
      ...(challenger === null ? [] : [`challenger: version ${challenger}`]),
    ];
    const rows = [...this.#latest].reverse().map(({ partition, kind, reason }) => {
      return `| ${partition} | ${kind} | ${reason.replaceAll('|', '\\|')} |`;
    });
    const head = ['| window | decision | reason |', '| --- | --- | --- |'];
    return [about.join(', '), '', ...head, ...rows].join('\n');
  }
}

function eventOf(asked: Asked): LoopEvent {
  const { by } = asked;
  const at = Date.now();
  switch (asked.kind) {
    case 'retrain':
      return { kind: 'retrain_forced', by, at };
    case 'rollback':
      return { kind: 'rollback_asked', by, at };
    case 'pause':
      return { kind: 'paused', by, at };
    case 'resume':
      return { kind: 'resumed', by, at };
    case 'promote':
      return { kind: 'promote_asked', version: asked.version, by, at };
    case 'approve':
      return { kind: 'approved', version: asked.version, by, at };
    case 'refuse':
      return { kind: 'refused', version: asked.version, by, at };
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof ChildWorkflowFailure && error.cause !== undefined) {
    return error.cause.message;
  }
  return error instanceof Error ? error.message : String(error);
}
