/**
 * What a Schedule starts. Temporal appends the time to the id of a scheduled workflow, so the tick
 * works out the partition and starts the DAG's run under its own id, then waits for it: a Schedule's
 * overlap policy sees how long the run takes.
 */
import { proxyActivities, startChild, workflowInfo } from '@temporalio/workflow';
import { defineSearchAttributeKey, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { EngineActivities } from '../activities/engine.js';
import { dagRunId } from '../contracts/engine.js';

const engine = proxyActivities<EngineActivities>({
  taskQueue: 'control',
  startToCloseTimeout: '2 minutes',
  heartbeatTimeout: '15s',
});
const SCHEDULED_AT = defineSearchAttributeKey('TemporalScheduledStartTime', 'DATETIME');

/** How a tick ended. */
export interface TickResult {
  readonly dagRunId: string;
  readonly state: 'success' | 'already-run';
}

/** Runs `dag` for the partition that had ended at the scheduled time, unless that has been done. */
export async function scheduleTick({ dag }: { dag: string }): Promise<TickResult> {
  const info = workflowInfo();
  const scheduledAt = info.typedSearchAttributes.get(SCHEDULED_AT) ?? info.startTime;
  const { partition, recorded } = await engine.resolveTick({ dag, atMs: scheduledAt.getTime() });
  const id = dagRunId(dag, partition);
  if (recorded) return { dagRunId: id, state: 'already-run' };
  try {
    const child = await startChild(dag, {
      workflowId: id,
      taskQueue: 'control',
      args: [{ partition }],
      staticSummary: id,
    });
    await child.result();
    return { dagRunId: id, state: 'success' };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return { dagRunId: id, state: 'already-run' };
  }
}
