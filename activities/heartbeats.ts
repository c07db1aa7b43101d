/** Heartbeats of a task while it runs: how the server knows that the worker lives, and the worker of a cancel. */
import { Context } from '@temporalio/activity';
import { taskLog } from './task-log.js';

const HEARTBEAT_MS = 2_000;

const details = new WeakMap<Context, string>();

/** Runs a task's code with heartbeats from its start to its end. */
export async function withHeartbeats<T>(code: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(details.get(context)), HEARTBEAT_MS);
  try {
    return await code();
  } finally {
    clearInterval(timer);
  }
}

/** Says how far the task is, in its log too; the next heartbeat carries it. */
export function tellProgress(detail: string, context = Context.current()): void {
  if (details.get(context) !== detail) taskLog(context).write('progress', detail);
  details.set(context, detail);
}

/** Work inside the worker whose end nobody waits for once the task is cancelled. */
export async function cancellable<T>(detail: string, work: () => Promise<T>): Promise<T> {
  tellProgress(detail);
  return Promise.race([work(), Context.current().cancelled]);
}
