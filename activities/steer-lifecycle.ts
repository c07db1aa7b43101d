/** What a person asks of the lifecycle of a served model, and how it stands. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import {
  QueryNotRegisteredError,
  WithStartWorkflowOperation,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type Client,
} from '@temporalio/client';
import {
  ASK_UPDATE,
  LIFECYCLE_MOVES_ON,
  lifecycleId,
  STATUS_QUERY,
  type Answer,
  type Asked,
  type LifecycleInput,
  type LifecycleStatus,
} from '../contracts/lifecycle.js';

type Lifecycle = (input: LifecycleInput) => Promise<never>;

/** While a lifecycle of an earlier release moves on. */
const TRIES = 20;
const WAIT_MS = 500;

/** Asks the lifecycle of a model, starting it when there is none; what was decided at once. */
export async function askLifecycle(client: Client, model: string, asked: Asked): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    const startWorkflowOperation = new WithStartWorkflowOperation<Lifecycle>('lifecycle', {
      ...{ workflowId: lifecycleId(model), taskQueue: 'control' },
      args: [{ model } satisfies LifecycleInput],
      workflowIdConflictPolicy: 'USE_EXISTING',
      staticSummary: `retrain and promote ${model}`,
    });
    try {
      return await client.workflow.executeUpdateWithStart<Lifecycle, Answer, [Asked]>(ASK_UPDATE, {
        startWorkflowOperation,
        args: [asked],
      });
    } catch (error) {
      if (!movesOn(error) || attempt === TRIES) throw error;
      await sleep(WAIT_MS);
    }
  }
}

/** How the lifecycle of a model stands; undefined while none has been started, or one by an earlier release. */
export async function lifecycleStatus(
  client: Client,
  model: string,
): Promise<LifecycleStatus | undefined> {
  try {
    return await client.workflow.getHandle(lifecycleId(model)).query<LifecycleStatus>(STATUS_QUERY);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError || error instanceof QueryNotRegisteredError) {
      return undefined;
    }
    throw error;
  }
}

function movesOn(error: unknown): boolean {
  return (
    error instanceof WorkflowUpdateFailedError &&
    error.cause instanceof ApplicationFailure &&
    error.cause.type === LIFECYCLE_MOVES_ON
  );
}
