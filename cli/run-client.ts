/** Starting a run, joining one that is open, and following it to its end. */
import {
  ServiceError,
  WorkflowFailedError,
  WorkflowIdConflictPolicy,
  WorkflowNotFoundError,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { RUN_QUERY, type RunInput, type RunView } from '../contracts/engine.js';
import { PipelineError } from '../contracts/errors.js';

/** How waiting for a run ended; `interrupted`, by the caller's signal, leaves the run going. */
export type RunEnd = 'success' | 'failed' | 'cancelled' | 'interrupted';

const POLL_MS = 500;
/** A server that has not answered for this long, since the first call that failed, is given up. */
const PATIENCE_MS = 60_000;

/** Starts a run; one that is open under the same id is joined instead. */
export async function startOrJoin(
  client: Client,
  dag: string,
  workflowId: string,
  say: (line: string) => void,
  input: RunInput = {},
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

/** Waits for the end of a run, telling each change of a task's state. */
export async function followRun(
  handle: WorkflowHandle,
  { say, signal }: { say: (line: string) => void; signal: AbortSignal },
): Promise<RunEnd> {
  const startedMs = Date.now();
  const told = new Map<string, string>();
  const tell = (view: RunView): void => {
    for (const { task, state, done, total, note } of view.tasks) {
      const line = `${task} ${state}${total > 1 ? ` ${done}/${total}` : ''}`;
      if (state === 'none' || told.get(task) === line) continue;
      told.set(task, line);
      const seconds = ((Date.now() - startedMs) / 1_000).toFixed(1).padStart(7);
      say(`${seconds} s  ${line}${note === '' || total > 1 ? '' : `  (${note})`}`);
    }
  };
  const end = endOf(handle, say);
  for (;;) {
    const tick = sleep(POLL_MS).then(() => undefined);
    const result = await Promise.race([end, tick]);
    if (signal.aborted) return 'interrupted';
    // the worker may be starting again; the next poll will do
    const view = await handle.query<RunView>(RUN_QUERY).catch(() => undefined);
    if (view !== undefined) tell(view);
    if (result !== undefined) return result;
  }
}

/** The end of a run; a server that is away for a moment is waited for. */
async function endOf(handle: WorkflowHandle, say: (line: string) => void): Promise<RunEnd> {
  let awaySinceMs: number | undefined;
  for (;;) {
    try {
      await handle.result();
      return 'success';
    } catch (error) {
      if (error instanceof WorkflowFailedError) {
        if (error.cause?.name === 'CancelledFailure') return 'cancelled';
        say(error.cause?.message ?? error.message);
        return 'failed';
      }
      if (!(error instanceof ServiceError)) throw error;
      awaySinceMs ??= Date.now(); // a call that waits for the end fails long after it began
      if (Date.now() - awaySinceMs >= PATIENCE_MS) throw error;
      await sleep(POLL_MS);
      if (await answers(handle)) awaySinceMs = undefined;
    }
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

function answers(handle: WorkflowHandle): Promise<boolean> {
  return handle.describe().then(
    () => true,
    () => false,
  );
}

async function isOpen(client: Client, workflowId: string): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    return status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
