/** Work inside the worker that takes more than a moment: heartbeats while it lasts. */
import { Context } from '@temporalio/activity';

const HEARTBEAT_MS = 2_000;

/** Runs `work` with heartbeats; a cancel ends the wait for it. */
export async function heartbeating<T>(detail: string, work: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(detail), HEARTBEAT_MS);
  try {
    return await Promise.race([work(), context.cancelled]);
  } finally {
    clearInterval(timer);
  }
}
