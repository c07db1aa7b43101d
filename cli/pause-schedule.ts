/**
 * A person's pause of a DAG's Schedule. It stands beside the pauses that `sentinel up` makes by itself,
 * which know it by its note and leave it alone.
 */
import { userInfo } from 'node:os';
import { ScheduleNotFoundError, type Client } from '@temporalio/client';
import { pauseRun, resumeRun } from '../activities/runs/steer-run.js';
import { PipelineError } from '../contracts/errors.js';

/** What pausing or resuming a DAG has come to. */
export interface PausedDag {
  readonly dag: string;
  readonly paused: boolean;
  /** Who, and why. */
  readonly note: string;
  /** Open runs that were told the same. */
  readonly runs: readonly string[];
}

/**
 * Lets the Schedule of a DAG start no more runs, or start them again.
 *
 * @param options.runs tells the open runs of the DAG the same. @default false
 * @throws PipelineError DAG_NOT_SCHEDULED
 */
export async function pauseDag(
  client: Client,
  dag: string,
  options: { readonly paused: boolean; readonly note?: string; readonly runs?: boolean },
): Promise<PausedDag> {
  const { paused } = options;
  const note = `${userInfo().username}: ${options.note ?? (paused ? 'paused' : 'resumed')}`;
  const handle = client.schedule.getHandle(dag);
  try {
    await (paused ? handle.pause(note) : handle.unpause(note));
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error;
    throw new PipelineError({
      code: 'DAG_NOT_SCHEDULED',
      found: `no schedule of "${dag}" on the server`,
      fix: 'see `sentinel dags list`; a DAG that declares a schedule gets it from `sentinel up`. One run is paused by `sentinel runs pause`',
    });
  }
  const runs: string[] = [];
  if (options.runs === true) {
    const query = `WorkflowType = '${dag}' AND ExecutionStatus = 'Running'`;
    for await (const { workflowId } of client.workflow.list({ query })) {
      const told = paused ? pauseRun(client, workflowId) : resumeRun(client, workflowId);
      if (await told.catch(closedMeanwhile)) runs.push(workflowId);
    }
  }
  return { dag, paused, note, runs };
}

function closedMeanwhile(error: unknown): undefined {
  if (error instanceof PipelineError && error.code === 'RUN_NOT_OPEN') return undefined;
  throw error;
}
