/**
 * The one workflow that runs every DAG: it resolves the plan, carries out the fold's commands, and
 * tells the fold what came of them. Nothing is decided here.
 */
import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  executeChild,
  isCancellation,
  patched,
  proxyActivities,
  proxyLocalActivities,
  proxySinks,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { AssetActivities } from '../activities/assets.js';
import type { CallbackActivities } from '../activities/callbacks.js';
import type { EngineActivities, ResolvedPlan } from '../activities/engine.js';
import {
  APPROVE_UPDATE,
  MARK_UPDATE,
  partitionOf,
  PAUSE_SIGNAL,
  RESUME_SIGNAL,
  RUN_QUERY,
  type Approval,
  type Choice,
  type ClosedRun,
  type Mark,
  type Notice,
  type RunInput,
} from '../contracts/engine.js';
import { CLOSED_RUN_QUERY } from '../contracts/closed-run.js';
import type { Json } from '../contracts/json.js';
import { SEARCH_ATTRIBUTES } from '../contracts/queues.js';
import { BATCH_SIZE, fold, type Command, type RunEvent } from '../dag/fold.js';
import { graphOf } from '../dag/graph.js';
import {
  readPlan,
  type ApprovalTarget,
  type Callback,
  type Plan,
  type PlanTask,
} from '../dag/plan.js';
import {
  newRun,
  type InstanceEnd,
  type InstanceKey,
  type RunRecord,
  type TaskError,
} from '../dag/run-record.js';
import { runView, taskTable } from '../dag/run-view.js';
import { executeTask, taskError, type RunOfTask } from './execute-task.js';
import type { mapBatch } from './map-batch.js';
import type { RunSinks } from './run-sinks.js';
import { TaskScope } from './task-scope.js';

const engine = proxyActivities<EngineActivities & AssetActivities>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '15s', // a dead worker is noticed within this
  retry: { initialInterval: '500ms', maximumInterval: '30s' },
});

/** A receiver that is down must not keep a run from its end. */
const { notify } = proxyActivities<CallbackActivities>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '15s',
  retry: { initialInterval: '500ms', maximumInterval: '30s', maximumAttempts: 5 },
});

/** Reading a plan takes less than a hop through a task queue. */
const local = proxyLocalActivities<EngineActivities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '500ms', maximumInterval: '30s' },
});

const { runs } = proxySinks<RunSinks>();

/** Runs of 0.3.0 resolve their plan by a queue, and record themselves before they end. */
const RECORDED_BY_WORKER = 'recorded-by-worker';

/**
 * The run continues as new when the server suggests it (at 4,096 events) and nothing is under way; from
 * this length on nothing more is started until that is so. The server ends a history at 51,200.
 */
const TOO_LONG_HISTORY = 10_000;

/** The same in bytes, for few events that carry much. The server ends a history at 50 MB. */
const TOO_LARGE_HISTORY = 20_000_000;

/**
 * Runs the DAG that the workflow type names. Returns the plan's output.
 *
 * @param carried the record of a run that continues as new
 */
export async function interpret(input: RunInput = {}, carried?: RunRecord): Promise<Json> {
  const { workflowId, workflowType } = workflowInfo();
  const partition = input.partition ?? partitionOf(workflowId);
  const recordedByWorker = patched(RECORDED_BY_WORKER);
  const resolve = (): Promise<ResolvedPlan> =>
    (recordedByWorker ? local : engine).resolvePlan({
      dag: workflowType,
      planHash: input.planHash ?? null,
      params: input.params ?? {},
      ...(input.rerun !== undefined && carried === undefined && { rerun: input.rerun }),
    });
  // a run that has begun lives on when it is cancelled here: it has teardowns to run
  const resolved = await (carried === undefined
    ? resolve()
    : CancellationScope.nonCancellable(resolve));
  const plan = readPlan(resolved.plan);
  const { hash: planHash, params } = resolved;
  setSearchAttributes({ dag: workflowType, partition, planHash, state: 'running' });

  const start = newRun(plan, { dagRunId: workflowId, planHash, partition, params }, resolved.kept);
  let closed: ClosedRun<RunRecord> | null = null;
  setHandler(defineQuery(CLOSED_RUN_QUERY), () => closed);
  // asked for here, where a cancel arrives; the run itself must live on to end its tasks
  const cancelled = CancellationScope.current().cancelRequested;
  return new TaskScope({ cancellable: false }).run(async () => {
    const run = new Run(plan, carried ?? start, input.rerun?.of ?? null);
    const output = await run.toEnd(cancelled);
    if (run.record.state === 'running') {
      await condition(allHandlersFinished);
      return continueAsNew<typeof interpret>({ ...input, planHash }, run.record);
    }
    closed = {
      dag: workflowType,
      codeVersion: plan.codeVersion,
      startedMs: run.record.startedMs,
      finishedMs: Date.now(),
      temporalRunId: run.identity.temporalRunId,
      ...(input.rerun !== undefined && { rerunOf: input.rerun.of }),
      record: run.record,
    };
    if (recordedByWorker) runs.closed(closed);
    else await engine.recordRun(closed);
    setSearchAttributes({ state: run.record.state });
    if (!allHandlersFinished()) await condition(allHandlersFinished);
    if (run.record.state === 'cancelled') throw new CancelledFailure('the run was cancelled');
    if (run.record.state === 'failed') throw runFailure(run.record);
    return output;
  });
}

type StartCommand = Extract<Command, { kind: 'start' | 'start_batch' }>;

/** One run under way: the fold's record, and the tasks that are out. */
class Run {
  record: RunRecord;
  readonly identity: RunOfTask;
  private readonly plan: Plan;
  private output: Json = null;
  /** Activities and workflows that are out. */
  private working = 0;
  /** Callbacks and asset updates that are out. */
  private telling = 0;
  /** What was to start, but the history is too long. */
  private parked: StartCommand[] = [];
  /** Lives as long as the run, whoever cancels it. */
  private readonly root = CancellationScope.current();
  private readonly scopes = new Map<string, CancellationScope>();
  /** Scopes of tasks that have ended and were not cancelled, for the next ones. */
  private readonly idleScopes: CancellationScope[] = [];
  private readonly choices = new Map<string, Choice>();

  constructor(plan: Plan, record: RunRecord, rerunOf: string | null) {
    this.plan = plan;
    this.record = record;
    this.identity = {
      planHash: record.planHash,
      dagRunId: record.dagRunId,
      temporalRunId: workflowInfo().firstExecutionRunId,
    };
    setHandler(defineQuery(RUN_QUERY), () => runView(plan, this.record, rerunOf));
    setHandler(defineSignal(PAUSE_SIGNAL), () => this.apply({ kind: 'paused', atMs: Date.now() }));
    setHandler(defineSignal(RESUME_SIGNAL), () =>
      this.apply({ kind: 'resumed', atMs: Date.now() }),
    );
    setHandler(defineUpdate<void, [Mark]>(MARK_UPDATE), (mark) => this.mark(mark), {
      validator: (mark: Mark) => this.checkMark(mark),
    });
    setHandler(defineUpdate<void, [Choice]>(APPROVE_UPDATE), (choice) => this.approve(choice), {
      validator: (choice: Choice) => this.checkChoice(choice),
    });
  }

  /** Goes on until the run has ended, or must continue as new: then its state is still `running`. */
  async toEnd(cancelled: Promise<never>): Promise<Json> {
    void cancelled.catch(() => this.apply({ kind: 'cancel_requested', atMs: Date.now() }));
    const { timeoutMs } = this.plan;
    const begun = this.record.startedMs > 0;
    if (begun) this.goOn();
    else this.apply({ kind: 'run_started', atMs: Date.now() });
    const timer = timeoutMs === null ? undefined : this.startTimer(timeoutMs);
    await condition(
      () =>
        this.telling === 0 &&
        (this.record.state !== 'running' || (this.parked.length > 0 && this.working === 0)),
    );
    timer?.cancel();
    return this.output;
  }

  private startTimer(timeoutMs: number): CancellationScope {
    const timer = new TaskScope({ cancellable: true, parent: this.root });
    const leftMs = this.record.startedMs + timeoutMs - Date.now();
    void timer
      .run(() => sleep(Math.max(1, leftMs)))
      .then(
        () => this.apply({ kind: 'timed_out', atMs: Date.now() }),
        () => undefined, // the run ended before
      );
    return timer;
  }

  private apply(event: RunEvent): void {
    const { record, commands } = fold(this.plan, this.record, event);
    this.record = record;
    setCurrentDetails(taskTable(runView(this.plan, record)));
    for (const command of commands) this.carryOut(command);
    if (record.ending !== null) this.parked.splice(0).forEach((command) => this.carryOut(command));
  }

  /** Starts anew what had been started, but was parked, when the run continued as new. */
  private goOn(): void {
    for (const { id } of this.plan.tasks) {
      const { instances, state } = this.record.tasks[id]!; // see `newRun`
      if (state !== 'running') continue;
      for (let index = 0; index < instances.length; index += 1) {
        if (instances[index]?.state !== 'running') continue;
        if (instances.length <= BATCH_SIZE) {
          this.carryOut({ kind: 'start', key: { task: id, index } });
          continue;
        }
        const isRunning = ({ state: of }: { state: string }): boolean => of === 'running';
        const batch = instances.slice(index, index + BATCH_SIZE);
        const count = batch.every(isRunning)
          ? batch.length
          : batch.findIndex((of) => !isRunning(of));
        const width = Math.min(BATCH_SIZE, this.task(id).map?.width ?? 1);
        this.carryOut({ kind: 'start_batch', task: id, first: index, count, width });
        index += count - 1;
      }
    }
  }

  private carryOut(command: Command): void {
    switch (command.kind) {
      case 'start':
        if (this.isFull(command.key.task)) return void this.parked.push(command);
        return this.begin(command.key.task, () => this.startOne(command.key));
      case 'start_batch':
        if (this.isFull(command.task)) return void this.parked.push(command);
        return this.begin(command.task, () => void this.startBatch(command));
      case 'cancel':
        return this.scopeOf(command.task).cancel();
      case 'task_ended': {
        this.leaveScope(command.task);
        const { callbacks, updates } = this.task(command.task);
        const reason = this.record.tasks[command.task]?.reason ?? '';
        this.notify(callbacks, { task: command.task, state: command.state, reason });
        if (command.state === 'success' && updates.length > 0) {
          this.tell(() => this.publish(command.task, updates));
        }
        return;
      }
      case 'finish':
        this.output = command.output;
        this.notify(this.plan.callbacks, { state: command.state, reason: '' });
        return;
    }
  }

  /**
   * True once the history leaves no room to start more; waiting for a person takes none. A run that is
   * being ended finds room for its teardowns: only the execution that was cancelled can close as such.
   */
  private isFull(task: string): boolean {
    if (this.task(task).target.kind === 'approval' || this.record.ending !== null) return false;
    if (this.parked.length > 0) return true;
    const { historyLength, historySize, continueAsNewSuggested } = workflowInfo();
    return this.working === 0
      ? continueAsNewSuggested
      : historyLength > TOO_LONG_HISTORY || historySize > TOO_LARGE_HISTORY;
  }

  /**
   * Starts work of a task in the task's own scope, which a cancel of the task ends. Promises are few
   * here and in what is started: see `TaskScope`.
   */
  private begin(task: string, start: () => void): void {
    const scope = this.scopeOf(task);
    if (CancellationScope.current() === scope) start();
    else void scope.run(() => Promise.resolve(start()));
  }

  private scopeOf(task: string): CancellationScope {
    let scope = this.scopes.get(task);
    if (scope === undefined) {
      // not a child of the scope in which its upstream task ended, which may be a cancelled one
      scope = this.idleScopes.pop() ?? new TaskScope({ cancellable: true, parent: this.root });
      this.scopes.set(task, scope);
    }
    return scope;
  }

  private leaveScope(task: string): void {
    const scope = this.scopes.get(task);
    if (scope === undefined) return;
    this.scopes.delete(task);
    if (!scope.consideredCancelled) this.idleScopes.push(scope);
  }

  private startOne(key: InstanceKey): void {
    const task = this.task(key.task);
    const instance = this.record.tasks[key.task]!.instances[key.index]!; // the fold has just started it
    const { target } = task;
    const ended = (end: InstanceEnd): void => {
      if (target.kind !== 'approval') this.working -= 1;
      this.apply({ kind: 'instances_ended', ends: [{ key, end }], atMs: Date.now() });
    };
    if (target.kind === 'approval') {
      const askedMs = instance.startedMs ?? Date.now();
      void this.awaitChoice(key.task, target, askedMs).then(ended);
      return;
    }
    this.working += 1;
    const work =
      target.kind === 'latest_only'
        ? this.isLatest()
        : executeTask(task, key.index, instance, this.identity);
    void work.then(ended);
  }

  private async startBatch(batch: Extract<StartCommand, { kind: 'start_batch' }>): Promise<void> {
    const { first, count, width } = batch;
    const items = this.record.tasks[batch.task]!.instances.slice(first, first + count); // as above
    this.working += 1;
    let ends: readonly InstanceEnd[];
    try {
      ends = await executeChild<typeof mapBatch>('map-batch', {
        workflowId: `${this.record.dagRunId}:${batch.task}:${first}-${first + count - 1}`,
        args: [
          {
            task: withoutElements(this.task(batch.task)),
            run: this.identity,
            first,
            items: items.map(({ input, summary }) => ({ input, summary })),
            width,
          },
        ],
        staticSummary: `${batch.task} ${first} to ${first + count - 1}`,
      });
    } catch (error) {
      const why: TaskError = taskError(error);
      ends = items.map(() => ({ state: 'failed', error: why }));
    }
    this.working -= 1;
    this.apply({
      kind: 'instances_ended',
      ends: ends.map((end, offset) => ({ key: { task: batch.task, index: first + offset }, end })),
      atMs: Date.now(),
    });
  }

  private async isLatest(): Promise<InstanceEnd> {
    try {
      const { partition, startedMs } = this.record;
      const dag = this.plan.dag;
      const output = await engine.chooseLatest({ dag, partition, atMs: startedMs });
      return { state: 'success', output };
    } catch (error) {
      return { state: 'failed', error: taskError(error) };
    }
  }

  private async awaitChoice(
    task: string,
    { expiresMs, onExpiry }: ApprovalTarget,
    askedMs: number,
  ): Promise<InstanceEnd> {
    const isChosen = (): boolean => this.choices.has(task);
    try {
      if (expiresMs === null) await condition(isChosen);
      else await condition(isChosen, Math.max(1, askedMs + expiresMs - Date.now()));
    } catch (error) {
      if (!isCancellation(error)) throw error;
      return { state: 'failed', error: taskError(error) };
    }
    const choice = this.choices.get(task);
    if (choice !== undefined) {
      const output: Approval = { option: choice.option, by: choice.by, expired: false };
      return { state: 'success', output: { ...output } };
    }
    if (onExpiry !== null) {
      return { state: 'success', output: { option: onExpiry, by: '', expired: true } };
    }
    const message = 'nobody chose in time, and no option is the default';
    return { state: 'failed', error: { code: 'APPROVAL_EXPIRED', message } };
  }

  private mark({ task, state, output = null, by }: Mark): void {
    const reason = `marked ${state} by ${by}`;
    this.apply({ kind: 'task_marked', task, state, output, reason, atMs: Date.now() });
  }

  private checkMark({ task, state }: Mark): void {
    if (this.record.tasks[task] === undefined) throw unknownTask(this.record, task);
    if (!['success', 'failed', 'skipped'].includes(state)) {
      throw badChoice(`state ${JSON.stringify(state)}`, 'success, failed or skipped');
    }
  }

  private approve(choice: Choice): void {
    this.choices.set(choice.task, choice);
  }

  private checkChoice({ task, option }: Choice): void {
    const record = this.record.tasks[task];
    if (record === undefined) throw unknownTask(this.record, task);
    const { target } = this.task(task);
    if (target.kind !== 'approval' || record.state !== 'running' || this.choices.has(task)) {
      throw badChoice(`"${task}" is ${record.state}`, 'an approval that waits for a choice');
    }
    if (!target.options.includes(option)) {
      throw badChoice(`option ${JSON.stringify(option)}`, `one of ${target.options.join(', ')}`);
    }
  }

  private notify(
    callbacks: readonly Callback[],
    { task, state, reason }: Pick<Notice, 'task' | 'state' | 'reason'>,
  ): void {
    const { dagRunId, partition } = this.record;
    const { temporalRunId } = this.identity;
    const about = { dag: this.plan.dag, dagRunId, partition, temporalRunId, state, reason };
    const notice: Notice = { ...about, ...(task !== undefined && { task }), atMs: Date.now() };
    for (const [index, callback] of callbacks.entries()) {
      if (!(callback.on as readonly string[]).includes(state)) continue;
      const key = `${task ?? ''}/${state}/${index}`;
      this.tell(() => notify({ notify: callback.notify, notice, key }));
    }
  }

  private publish(task: string, assets: readonly string[]): Promise<unknown> {
    const { dagRunId, partition } = this.record;
    const { temporalRunId } = this.identity;
    return engine.publishAssets({ assets, partition, dagRunId, temporalRunId, task });
  }

  /**
   * Tells the outside, also of a task that has been cancelled; the run ends after that, but not
   * otherwise because it failed.
   */
  private tell(work: () => Promise<unknown>): void {
    this.telling += 1;
    const done = (): void => {
      this.telling -= 1;
    };
    void this.root.run(work).then(done, done);
  }

  private task(id: string): PlanTask {
    return graphOf(this.plan).task(id);
  }
}

/** A batch has the inputs of its own instances: a list in the plan may be too long to go to every batch. */
function withoutElements(task: PlanTask): PlanTask {
  return task.map === null ? task : { ...task, map: { ...task.map, over: null } };
}

function unknownTask(record: RunRecord, task: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `TASK_UNKNOWN: no task "${task}", expected one of ${Object.keys(record.tasks).join(', ')}. ` +
      'Fix: correct the name',
    'TASK_UNKNOWN',
  );
}

function badChoice(found: string, expected: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `CLI_USAGE: ${found}, expected ${expected}. Fix: see \`sentinel runs show\``,
    'CLI_USAGE',
  );
}

function runFailure(record: RunRecord): ApplicationFailure {
  const failed = Object.entries(record.tasks).filter(([, task]) => task.state === 'failed');
  const causes = failed.map(([id, task]) => `${id}: ${task.reason}`).join('; ');
  return ApplicationFailure.nonRetryable(
    `DAG_RUN_FAILED ${record.dagRunId}: ${causes}. Fix: mend the cause, then run it again`,
    'DAG_RUN_FAILED',
  );
}

function setSearchAttributes(values: Partial<Record<AttributeName, string>>): void {
  upsertSearchAttributes(
    Object.entries(values).map(([name, value]) => ({
      // `values` has the names of attributes only
      key: defineSearchAttributeKey(SEARCH_ATTRIBUTES[name as AttributeName], 'KEYWORD'),
      value,
    })),
  );
}

type AttributeName = keyof typeof SEARCH_ATTRIBUTES;
