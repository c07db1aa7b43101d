/** Runs one instance of a task that is an activity or a workflow, and says how it ended. */
import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  isCancellation,
  log,
  scheduleActivity,
  startChild,
  TimeoutFailure,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { dagRunId, type TaskContext } from '../contracts/engine.js';
import type { Json } from '../contracts/json.js';
import type { ActivityTarget, PlanTask, RetryRule } from '../dag/plan.js';
import { instanceName, type InstanceEnd, type TaskError } from '../dag/run-record.js';

/** The run that an instance belongs to. */
export type RunOfTask = Pick<TaskContext, 'planHash' | 'dagRunId' | 'temporalRunId'>;

/** An error of this code says that there was nothing to do: the instance is skipped. */
const SKIP_CODE = 'TASK_SKIPPED';

/** Runs an instance to its end; never throws. */
export async function executeTask(
  task: PlanTask,
  index: number,
  { input, summary }: { input: Json; summary: string },
  run: RunOfTask,
): Promise<InstanceEnd> {
  try {
    return { state: 'success', output: await execute(task, index, input, summary, run) };
  } catch (error) {
    const why = taskError(error);
    return { state: why.code === SKIP_CODE ? 'skipped' : 'failed', error: why };
  }
}

async function execute(
  task: PlanTask,
  index: number,
  input: Json,
  summary: string,
  run: RunOfTask,
): Promise<Json> {
  const { target } = task;
  switch (target.kind) {
    case 'activity':
      return executeActivity(target, instanceName(task, index), input, summary, run);
    case 'workflow': {
      const child = await startChild(target.type, {
        workflowId: dagRunId(target.type, partitionOfInput(input)),
        args: [input],
        staticSummary: summary,
      });
      return (await child.result()) as Json; // a workflow's result came through JSON
    }
    case 'inline':
      return input;
    case 'approval':
    case 'latest_only':
      throw new Error(`${task.id} is not an activity or a workflow`);
  }
}

function executeActivity(
  target: ActivityTarget,
  activityId: string,
  input: Json,
  summary: string,
  run: RunOfTask,
): Promise<Json> {
  const { retry, deadlineMs } = target;
  const context: TaskContext = {
    contract: target.contract,
    ...run,
    ...(needsWorker(retry) && { retry }),
  };
  return scheduleActivity<Json>(target.name, [input, context], {
    activityId,
    taskQueue: target.queue,
    startToCloseTimeout: target.timeoutMs,
    ...(deadlineMs !== null && { scheduleToCloseTimeout: deadlineMs }),
    heartbeatTimeout: '15s', // heartbeats come every 2 s; a dead worker is noticed within this
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: {
      maximumAttempts: Math.max(retry.maximumAttempts, ...Object.values(retry.attemptsByCode)),
      initialInterval: retry.initialIntervalMs,
      backoffCoefficient: retry.backoffCoefficient,
      maximumInterval: retry.maximumIntervalMs,
    },
    summary,
  });
}

/** Temporal's own retry policy knows neither chance nor a number of tries for each code. */
function needsWorker(retry: RetryRule): boolean {
  return retry.jitter > 0 || Object.keys(retry.attemptsByCode).length > 0;
}

/** The partition that a task's input names for the workflow it runs. */
function partitionOfInput(input: Json): string {
  const { partition } = (input ?? {}) as { partition?: Json }; // any JSON may lack it
  return typeof partition === 'string' ? partition : '';
}

/** The innermost cause that has a code; Temporal wraps what a task threw once or twice. */
export function taskError(error: unknown): TaskError {
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
