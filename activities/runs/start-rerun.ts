/** Starts a rerun, once the run that it goes on from has closed and been recorded. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import { PipelineError } from '../../contracts/errors.js';
import { locateRun, type RunSources } from './locate-run.js';
import type { PreparedRerun } from './prepare-rerun.js';

/** A run is recorded when it has closed; it takes seconds. */
const RECORD_MS = 15_000;
const POLL_MS = 250;

/**
 * Temporal's id of the newest run of an id, or of the one that `temporalRunId` names, which can be gone
 * on from.
 *
 * @throws PipelineError RUN_UNKNOWN, also for a run that was killed and left no record; RUN_ALREADY_OPEN
 */
export async function closedRunToGoOnFrom(
  sources: RunSources,
  dagRunId: string,
  temporalRunId?: string,
): Promise<string> {
  const untilMs = Date.now() + RECORD_MS;
  for (;;) {
    // the newest one must have closed, whichever it goes on from
    const newest = await locateRun(sources, dagRunId);
    if (newest.kind === 'open') throw alreadyOpen(dagRunId);
    const located =
      temporalRunId === undefined ? newest : await locateRun(sources, dagRunId, temporalRunId);
    if (located.kind === 'recorded') return located.temporalRunId;
    if (located.kind === 'open') throw alreadyOpen(dagRunId);
    const { name } = located.description.status;
    const leavesRecord = name === 'COMPLETED' || name === 'FAILED' || name === 'CANCELLED';
    if (!leavesRecord || Date.now() >= untilMs) throw notRecorded(dagRunId, name);
    await sleep(POLL_MS);
  }
}

/**
 * Starts it under the id of the run that it goes on from.
 *
 * @throws PipelineError RUN_ALREADY_OPEN
 */
export async function startRerun(client: Client, rerun: PreparedRerun): Promise<WorkflowHandle> {
  try {
    return await client.workflow.start(rerun.dag, {
      workflowId: rerun.dagRunId,
      taskQueue: 'control',
      args: [rerun.input],
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
      staticSummary: `${rerun.dagRunId}, rerun`,
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) throw alreadyOpen(rerun.dagRunId);
    throw error;
  }
}

function alreadyOpen(dagRunId: string): PipelineError {
  return new PipelineError({
    code: 'RUN_ALREADY_OPEN',
    file: dagRunId,
    found: 'the run is open',
    expected: 'a run that has closed',
    fix: `wait for its end, or end it with \`sentinel runs cancel ${dagRunId}\``,
  });
}

function notRecorded(dagRunId: string, status: string): PipelineError {
  return new PipelineError({
    code: 'RUN_UNKNOWN',
    file: dagRunId,
    found: `the run ended as ${status} and left no record`,
    fix: 'start the DAG anew with `sentinel run`, or go on from an earlier run with --run ID; `sentinel query` on the table runs lists them',
  });
}
