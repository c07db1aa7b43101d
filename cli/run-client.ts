/** Starting a run, joining one that is open, and following it to its end. */
import {
  ServiceError,
  WorkflowFailedError,
  WorkflowIdConflictPolicy,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { BACKFILL_QUERY, type BackfillRequest, type BackfillView } from '../contracts/backfill.js';
import { describeExecution } from '../activities/runs/describe-execution.js';
import { RUN_QUERY, type RunInput, type RunView } from '../contracts/engine.js';
import { PipelineError } from '../contracts/errors.js';

/** How waiting for a run ended; `interrupted`, by the caller's signal, leaves the run going. */
export type RunEnd = 'success' | 'failed' | 'cancelled' | 'interrupted';

/** A run is looked at again after a twentieth of its time so far, within these limits. */
const MIN_POLL_MS = 50;
const MAX_POLL_MS = 500;
const CALL_MS = 5_000;
/** A run that continues as new goes on under its id. */
const OPEN: readonly string[] = ['RUNNING', 'CONTINUED_AS_NEW'];
/** A server that has not answered for this long, since the first call that failed, is given up. */
const PATIENCE_MS = 60_000;

/** Starts a run; one that is open under the same id is joined instead. */
export async function startOrJoin(
  client: Client,
  dag: string,
  workflowId: string,
  say: (line: string) => void,
  input: RunInput | BackfillRequest = {},
): Promise<WorkflowHandle> {
  if (await isOpen(client, workflowId)) {
    say(`${workflowId} is running already; following it`);
    return client.workflow.getHandle(workflowId);
  }
  return client.workflow.start(dag, {
    workflowId,
    taskQueue: 'control',
    args: [input],
    workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
    staticSummary: workflowId,
  });
}

/** Who hears of a workflow's progress, and when to look away. */
interface Listener {
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Waits for the end of a run, telling each change of a task's state. */
export async function followRun(handle: WorkflowHandle, listener: Listener): Promise<RunEnd> {
  return follow<RunView>(handle, RUN_QUERY, listener, ({ tasks }) =>
    tasks
      .filter(({ state }) => state !== 'none')
      .map(({ task, state, done, total, note }) => ({
        key: task,
        line: `${task} ${state}${total > 1 ? ` ${done}/${total}` : ''}`,
        note: total > 1 ? '' : note,
      })),
  );
}

/** Waits for the end of a backfill, telling each change of a partition's state. */
export async function followBackfill(handle: WorkflowHandle, listener: Listener): Promise<RunEnd> {
  return follow<BackfillView | null>(handle, BACKFILL_QUERY, listener, (view) =>
    (view?.rows ?? [])
      .filter(({ state }) => state !== 'planned')
      .map(({ dagRunId, state, reason }) => ({
        key: dagRunId,
        line: `${dagRunId} ${state}`,
        note: reason,
      })),
  );
}

/** One thing that has a state, and how to tell of it. */
interface Progress {
  readonly key: string;
  /** Told again when it changes. */
  readonly line: string;
  /** Told along with the line. */
  readonly note: string;
}

async function follow<View>(
  handle: WorkflowHandle,
  query: string,
  { say, signal }: Listener,
  progressOf: (view: View) => readonly Progress[],
): Promise<RunEnd> {
  const startedMs = Date.now();
  const told = new Map<string, string>();
  const tell = (view: View): void => {
    for (const { key, line, note } of progressOf(view)) {
      if (told.get(key) === line) continue;
      told.set(key, line);
      const seconds = ((Date.now() - startedMs) / 1_000).toFixed(1).padStart(7);
      say(`${seconds} s  ${line}${note === '' ? '' : `  (${note})`}`);
    }
  };
  let awaySinceMs: number | undefined;
  for (;;) {
    const waitMs = Math.min(MAX_POLL_MS, Math.max(MIN_POLL_MS, (Date.now() - startedMs) / 20));
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return 'interrupted';
    try {
      const { status } = await ask(handle, () => handle.describe());
      awaySinceMs = undefined;
      // the worker may be starting again; the next poll will do
      const view = await ask(handle, () => handle.query<View>(query)).catch(() => undefined);
      if (view !== undefined) tell(view);
      if (!OPEN.includes(status.name)) return await ask(handle, () => endOf(handle, say));
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      awaySinceMs ??= Date.now();
      if (Date.now() - awaySinceMs >= PATIENCE_MS) throw error;
    }
  }
}

/**
 * One call, without the client's long patience. A call that is left waiting for the end of the run would
 * be tried again on the closed connection, and that throws where nobody can catch it.
 */
function ask<T>(handle: WorkflowHandle, call: () => Promise<T>): Promise<T> {
  return handle.client.withDeadline(Date.now() + CALL_MS, call);
}

/** The end of a run that is closed. */
async function endOf(handle: WorkflowHandle, say: (line: string) => void): Promise<RunEnd> {
  try {
    await handle.result();
    return 'success';
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    if (error.cause?.name === 'CancelledFailure') return 'cancelled';
    say(error.cause?.message ?? error.message);
    return 'failed';
  }
}

/** What a command says of a run that it waited for and that did not succeed. */
export function runFailed(id: string, state: RunEnd): PipelineError {
  return new PipelineError({
    code: 'DAG_RUN_FAILED',
    file: id,
    found: `the run ended as ${state}`,
    fix: `see the task that failed with \`sentinel runs show ${id}\` or in the Temporal UI; mend it and start again; files that are in the store are not read twice`,
  });
}

async function isOpen(client: Client, workflowId: string): Promise<boolean> {
  const description = await describeExecution(client.workflow.getHandle(workflowId));
  return description?.status.name === 'RUNNING';
}
