/**
 * Promotion and rollback as a saga over the one serving alias: check, move, read back; what fails is undone.
 *
 * Who answers asks for the alias once and then for the files of that version, whose manifest pins its members. So there
 * is always one serving version, before the move the one and after it the other.
 */
import { ActivityFailure, proxyActivities } from '@temporalio/workflow';
import type { LifecycleActivities } from '../activities/lifecycle.js';

const ATTEMPT = {
  taskQueue: 'control',
  startToCloseTimeout: '10 minutes', // a version that is not on this disk yet is fetched
  heartbeatTimeout: '15s',
  retry: { initialInterval: '1s', maximumInterval: '30s' },
} as const;
const forward = proxyActivities<LifecycleActivities>({
  ...ATTEMPT,
  scheduleToCloseTimeout: '1 hour', // a registry that is down this long ends the move
});
/** Tried until it is done: whatever was begun has to be undone. */
const backward = proxyActivities<LifecycleActivities>(ATTEMPT);

/** Which version is to serve, and in whose place. */
interface Move {
  readonly version: string;
  /** Empty when none serves. */
  readonly replaces: string;
}

/** Moves the alias; null when `version` serves, or why the version before still does. */
export async function moveServing(
  model: string,
  { version, replaces }: Move,
): Promise<{ readonly reason: string } | null> {
  try {
    await forward.checkVersion({ model, version });
    await forward.moveAlias({ model, from: replaces, to: version });
    await forward.confirmServing({ model, version });
    return null;
  } catch (error) {
    const undone = await backward.restoreAlias({ model, from: version, to: replaces }).then(
      () => '',
      (left: unknown) => `, and the alias could not be put back: ${reasonOf(left)}`,
    );
    return { reason: `${reasonOf(error)}${undone}` };
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof ActivityFailure && error.cause !== undefined) return error.cause.message;
  return error instanceof Error ? error.message : String(error);
}
