/**
 * The one workflow that runs every DAG: it resolves the plan, carries out the fold's commands, and
 * tells the fold what came of them. Nothing is decided here.
 */
import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  ChildWorkflowFailure,
  condition,
  defineQuery,
  isCancellation,
  log,
  patched,
  proxyActivities,
  proxyLocalActivities,
  proxySinks,
  scheduleActivity,
  setCurrentDetails,
  setHandler,
  startChild,
  TimeoutFailure,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { EngineActivities } from '../activities/engine.js';
import {
  dagRunId,
  partitionOf,
  RUN_QUERY,
  type ClosedRun,
  type RunInput,
  type TaskContext,
} from '../contracts/engine.js';
import { CLOSED_RUN_QUERY } from '../contracts/closed-run.js';
import type { Json } from '../contracts/json.js';
import { SEARCH_ATTRIBUTES } from '../contracts/queues.js';
import {
  fold,
  instanceName,
  newRun,
  type Command,
  type RunEvent,
  type RunRecord,
  type TaskError,
} from '../dag/fold.js';
import type { Plan, PlanTask } from '../dag/plan.js';
import { runView, taskTable } from '../dag/run-view.js';
import type { RunSinks } from './run-sinks.js';

const engine = proxyActivities<EngineActivities>({
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '15s', // a dead worker is noticed within this
  retry: { initialInterval: '500ms', maximumInterval: '30s' },
});

/** Reading a plan takes less than a hop through a task queue. */
const local = proxyLocalActivities<EngineActivities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '500ms', maximumInterval: '30s' },
});

const { runs } = proxySinks<RunSinks>();

/** Runs that are open since 0.3.0 resolve their plan by a queue and record themselves before they end. */
const RECORDED_BY_WORKER = 'recorded-by-worker';

/** Runs the DAG that the workflow type names. Returns the plan's output. */
export async function interpret(input: RunInput = {}): Promise<Json> {
  const { workflowId, workflowType, startTime } = workflowInfo();
  const partition = input.partition ?? partitionOf(workflowId);
  const recordedByWorker = patched(RECORDED_BY_WORKER);
  const { plan, hash, params } = await (recordedByWorker ? local : engine).resolvePlan({
    dag: workflowType,
    planHash: input.planHash ?? null,
    params: input.params ?? {},
  });
  setSearchAttributes({ dag: workflowType, partition, planHash: hash, state: 'running' });

  const run = new Run(
    plan,
    newRun(plan, {
      dagRunId: workflowId,
      planHash: hash,
      partition,
      params,
    }),
  );
  let closed: ClosedRun<RunRecord> | null = null;
  setHandler(defineQuery(RUN_QUERY), () => runView(run.record));
  setHandler(defineQuery(CLOSED_RUN_QUERY), () => closed);
  const output = await run.toEnd();

  closed = {
    dag: workflowType,
    codeVersion: plan.codeVersion,
    startedMs: startTime.getTime(),
    finishedMs: Date.now(),
    record: run.record,
  };
  if (recordedByWorker) runs.closed(closed);
  else await CancellationScope.nonCancellable(() => engine.recordRun(closed));
  setSearchAttributes({ state: run.record.state });
  if (run.record.state === 'cancelled') throw new CancelledFailure('the run was cancelled');
  if (run.record.state === 'failed') throw runFailure(run.record);
  return output;
}

/** One run under way: the fold's state, and the tasks that are out. */
class Run {
  record: RunRecord;
  private readonly plan: Plan;
  private readonly tasks: Map<string, PlanTask>;
  private output: Json = null;

  constructor(plan: Plan, record: RunRecord) {
    this.plan = plan;
    this.record = record;
    this.tasks = new Map(plan.tasks.map((task) => [task.id, task]));
  }

  async toEnd(): Promise<Json> {
    const tasks = new CancellationScope();
    this.apply(tasks, { kind: 'run_started', atMs: Date.now() });
    try {
      await condition(() => this.record.state !== 'running');
    } catch (error) {
      if (!isCancellation(error)) throw error;
      this.apply(tasks, { kind: 'cancel_requested', atMs: Date.now() });
      tasks.cancel();
      await CancellationScope.nonCancellable(() =>
        condition(() => this.record.state !== 'running'),
      );
    }
    return this.output;
  }

  private apply(tasks: CancellationScope, event: RunEvent): void {
    const { state, commands } = fold(this.plan, this.record, event);
    this.record = state;
    setCurrentDetails(taskTable(runView(state)));
    const starts: StartCommand[] = [];
    for (const command of commands) {
      if (command.kind === 'finish') this.output = command.output;
      else starts.push(command);
    }
    if (starts.length === 0) return;
    const startAll = () => starts.forEach((command) => this.carryOut(tasks, command));
    if (CancellationScope.current() === tasks) startAll();
    else void tasks.run(async () => startAll());
  }

  /**
   * Plain `then`, and one scope for all commands of an event: the sandbox keeps a stack trace of every
   * promise, and for a short task that is what costs.
   */
  private carryOut(tasks: CancellationScope, { key, input, summary }: StartCommand): void {
    const task = this.tasks.get(key.task)!; // the fold starts tasks of this plan only
    execute(task, key.index, input, summary, this.record.planHash).then(
      (output) => {
        this.apply(tasks, { kind: 'instance_succeeded', key, output, atMs: Date.now() });
      },
      (thrown: unknown) => {
        const error = taskError(thrown);
        this.apply(tasks, { kind: 'instance_failed', key, error, atMs: Date.now() });
      },
    );
  }
}

type StartCommand = Extract<Command, { kind: 'start' }>;

function execute(
  task: PlanTask,
  index: number,
  input: Json,
  summary: string,
  planHash: string,
): Promise<Json> {
  const { target } = task;
  if (target.kind === 'activity') {
    const { maximumAttempts, initialIntervalMs, backoffCoefficient, maximumIntervalMs } =
      target.retry;
    const run: TaskContext = { contract: target.contract, planHash };
    return scheduleActivity<Json>(target.name, [input, run], {
      activityId: instanceName(task, index),
      taskQueue: target.queue,
      startToCloseTimeout: target.timeoutMs,
      heartbeatTimeout: '15s', // heartbeats come every 2 s; a dead worker is noticed within this
      cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
      retry: {
        maximumAttempts,
        initialInterval: initialIntervalMs,
        backoffCoefficient,
        maximumInterval: maximumIntervalMs,
      },
      summary,
    });
  }
  return runWorkflow(target.type, input, summary);
}

async function runWorkflow(type: string, input: Json, summary: string): Promise<Json> {
  const child = await startChild(type, {
    workflowId: dagRunId(type, partitionOfInput(input)),
    args: [input],
    staticSummary: summary,
  });
  return (await child.result()) as Json; // a workflow's result came through JSON
}

/** The partition that a task's input names for the workflow it runs. */
function partitionOfInput(input: Json): string {
  const { partition } = (input ?? {}) as { partition?: Json }; // any JSON may lack it
  return typeof partition === 'string' ? partition : '';
}

/** The innermost cause that has a code; Temporal wraps what a task threw once or twice. */
function taskError(error: unknown): TaskError {
  if (error instanceof ActivityFailure || error instanceof ChildWorkflowFailure) {
    return taskError(error.cause);
  }
  if (error instanceof ApplicationFailure) {
    return { code: error.type ?? 'INTERNAL', message: error.message };
  }
  if (error instanceof TimeoutFailure) return { code: 'TASK_TIMEOUT', message: error.message };
  if (isCancellation(error)) return { code: 'TASK_CANCELLED', message: 'cancelled' };
  if (error instanceof WorkflowExecutionAlreadyStartedError) {
    return { code: 'RUN_ALREADY_OPEN', message: `${error.workflowId} is open already` };
  }
  log.error('a task failed in an unforeseen way', { error });
  return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) };
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
