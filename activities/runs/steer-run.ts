/** What a person can tell an open run: pause, go on, end, how a task ended, what an approval is answered. */
import { WorkflowUpdateFailedError, type Client, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import {
  APPROVE_UPDATE,
  MARK_UPDATE,
  PAUSE_SIGNAL,
  RESUME_SIGNAL,
  RUN_QUERY,
  type Choice,
  type Mark,
  type RunView,
} from '../../contracts/engine.js';
import { ERROR_CODES, PipelineError, type ErrorCode } from '../../contracts/errors.js';
import { INTERNAL_WORKFLOWS } from '../../contracts/internal-workflows.js';
import { graphOf } from '../../dag/graph.js';
import type { PlanStore } from '../plan-store.js';
import { describeExecution } from './describe-execution.js';

/** An answer that takes longer meets no worker. */
const ANSWER_MS = 30_000;

/** An approval that waits for a choice. */
export interface OpenApproval {
  readonly task: string;
  readonly question: string;
  readonly options: readonly string[];
  /** ISO 8601 in UTC; null for never. */
  readonly expiresAt: string | null;
  /** The option taken then; null fails the task. */
  readonly onExpiry: string | null;
}

/**
 * A run of a DAG that is open.
 *
 * @throws PipelineError RUN_UNKNOWN, RUN_NOT_OPEN also for a workflow that is no run of a DAG
 */
async function openRun(client: Client, dagRunId: string): Promise<WorkflowHandle> {
  const handle = client.workflow.getHandle(dagRunId);
  const description = await describeExecution(handle);
  if (description === undefined) throw notOpen(dagRunId, 'no open run has this id');
  const { status, type } = description;
  if (status.name !== 'RUNNING') throw notOpen(dagRunId, `the run ended as ${status.name}`);
  if (INTERNAL_WORKFLOWS.includes(type)) throw notOpen(dagRunId, `a ${type} is no run of a DAG`);
  return handle;
}

/** Starts nothing more until it is resumed; returns the run as it stands then. @throws PipelineError RUN_NOT_OPEN */
export function pauseRun(client: Client, dagRunId: string): Promise<RunView> {
  return signal(client, dagRunId, PAUSE_SIGNAL);
}

/** Goes on; returns the run as it stands then. @throws PipelineError RUN_NOT_OPEN */
export function resumeRun(client: Client, dagRunId: string): Promise<RunView> {
  return signal(client, dagRunId, RESUME_SIGNAL);
}

/** Asks the run to end what runs and start nothing more. @throws PipelineError RUN_NOT_OPEN */
export async function cancelRun(client: Client, dagRunId: string): Promise<void> {
  await (await openRun(client, dagRunId)).cancel();
}

/** Says how a task of an open run ended. @throws PipelineError RUN_NOT_OPEN, TASK_UNKNOWN */
export async function markTask(client: Client, dagRunId: string, mark: Mark): Promise<RunView> {
  return update(await openRun(client, dagRunId), MARK_UPDATE, mark);
}

/** Answers an approval. @throws PipelineError RUN_NOT_OPEN, TASK_UNKNOWN, CLI_USAGE */
export async function approveTask(
  client: Client,
  dagRunId: string,
  choice: Choice,
): Promise<RunView> {
  return update(await openRun(client, dagRunId), APPROVE_UPDATE, choice);
}

/** The approvals of an open run that wait for a choice. @throws PipelineError RUN_NOT_OPEN, PLAN_NOT_FOUND */
export async function openApprovals(
  { temporal, plans }: { readonly temporal: Client; readonly plans: Pick<PlanStore, 'read'> },
  dagRunId: string,
): Promise<OpenApproval[]> {
  const view = await openRunView(temporal, dagRunId);
  const graph = graphOf(await plans.read(view.planHash));
  return view.tasks.flatMap(({ task, state, note, startedMs }): OpenApproval[] => {
    const { target } = graph.task(task);
    if (target.kind !== 'approval' || state !== 'running') return [];
    const { options, expiresMs, onExpiry } = target;
    const expires = expiresMs === null ? null : new Date((startedMs ?? 0) + expiresMs);
    const expiresAt = expires?.toISOString() ?? null;
    return [{ task, question: note, options, expiresAt, onExpiry }];
  });
}

/** An open run as it stands. @throws PipelineError RUN_NOT_OPEN */
export async function openRunView(client: Client, dagRunId: string): Promise<RunView> {
  return viewOf(await openRun(client, dagRunId));
}

async function signal(client: Client, dagRunId: string, name: string): Promise<RunView> {
  const handle = await openRun(client, dagRunId);
  await handle.signal(name);
  return viewOf(handle);
}

/** Answered after the signals that were sent before. */
function viewOf(handle: WorkflowHandle): Promise<RunView> {
  return withinTime(handle, () => handle.query<RunView>(RUN_QUERY));
}

async function update(
  handle: WorkflowHandle,
  name: string,
  value: Mark | Choice,
): Promise<RunView> {
  try {
    await withinTime(handle, () => handle.executeUpdate(name, { args: [value] }));
  } catch (error) {
    throw asFault(error);
  }
  return viewOf(handle);
}

function withinTime<T>(handle: WorkflowHandle, call: () => Promise<T>): Promise<T> {
  return handle.client.withDeadline(Date.now() + ANSWER_MS, call);
}

const FAULT = /^\w+: (?<found>.*?)(?:, expected (?<expected>.*))?\. Fix: (?<fix>.*)$/s;

/** What the workflow refused, as the fault that it put into words. */
function asFault(error: unknown): unknown {
  const cause = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
  if (!(cause instanceof ApplicationFailure) || !isCode(cause.type)) return error;
  const { found = cause.message, expected, fix = '' } = FAULT.exec(cause.message)?.groups ?? {};
  return new PipelineError(
    { code: cause.type, found, ...(expected !== undefined && { expected }), fix },
    { cause: error },
  );
}

function isCode(type: unknown): type is ErrorCode {
  return typeof type === 'string' && type in ERROR_CODES;
}

function notOpen(dagRunId: string, found: string): PipelineError {
  return new PipelineError({
    code: 'RUN_NOT_OPEN',
    file: dagRunId,
    found,
    expected: 'an open run',
    fix: 'see `sentinel runs list`; a closed run goes on with `sentinel runs rerun`',
  });
}
