/** How often each activity of a run was tried: the server knows, the workflow does not. */
import { WorkflowNotFoundError, type Client, type WorkflowHandle } from '@temporalio/client';

type Events = NonNullable<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>['events']>;

/**
 * Tries by activity id, over all executions of a run that has continued as new, and its map batches.
 *
 * @param pending counts the tries under way as well, at one more question to the server for each execution
 */
export async function triesOfRun(
  temporal: Client,
  run: { readonly workflowId: string; readonly temporalRunId: string },
  { pending = false } = {},
): Promise<ReadonlyMap<string, number>> {
  const tries = new Map<string, number>();
  const executions = [run];
  for (const { workflowId, temporalRunId } of executions) {
    const handle = temporal.workflow.getHandle(workflowId, temporalRunId);
    const events = await eventsOf(handle);
    add(tries, endedTries(events));
    if (pending) add(tries, await pendingTries(handle));
    executions.push(...batchesOf(events));
    const next = continuedIn(events);
    if (next !== undefined) executions.push({ workflowId, temporalRunId: next });
  }
  return tries;
}

/** None for an execution that the server has forgotten: a run is recorded without its tries rather than not at all. */
async function eventsOf(handle: WorkflowHandle): Promise<Events> {
  try {
    return (await handle.fetchHistory()).events ?? [];
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return [];
    throw error;
  }
}

/** The server writes down that an activity started only when its last try has ended. */
function endedTries(events: Events): [string, number][] {
  const ids = new Map<string, string>();
  const tries: [string, number][] = [];
  for (const event of events) {
    const activityId = event.activityTaskScheduledEventAttributes?.activityId;
    if (activityId != null) ids.set(String(event.eventId), activityId);
    const started = event.activityTaskStartedEventAttributes;
    const id = ids.get(String(started?.scheduledEventId));
    if (id !== undefined) tries.push([id, started?.attempt ?? 1]);
  }
  return tries;
}

async function pendingTries(handle: WorkflowHandle): Promise<[string, number][]> {
  try {
    const { raw } = await handle.describe();
    return (raw.pendingActivities ?? []).map(({ activityId, attempt }) => [
      activityId ?? '',
      attempt ?? 1,
    ]);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return [];
    throw error;
  }
}

function batchesOf(events: Events): { workflowId: string; temporalRunId: string }[] {
  return events.flatMap(({ childWorkflowExecutionStartedEventAttributes: child }) => {
    const { workflowId, runId } = child?.workflowExecution ?? {};
    if (child?.workflowType?.name !== 'map-batch' || workflowId == null || runId == null) return [];
    return [{ workflowId, temporalRunId: runId }];
  });
}

function continuedIn(events: Events): string | undefined {
  const runId = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
  return runId ?? undefined;
}

function add(tries: Map<string, number>, more: readonly [string, number][]): void {
  for (const [id, count] of more) tries.set(id, (tries.get(id) ?? 0) + count);
}
