/** Where a run stands: in Temporal while it is open, in our tables from then on, for a moment in neither. */
import {
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
} from '@temporalio/client';
import { PipelineError } from '../../contracts/errors.js';
import { describeExecution } from './describe-execution.js';
import type { ClosedRuns } from './closed-runs.js';

/** What tells of runs; without Temporal, the closed ones. */
export interface RunSources {
  readonly closed: ClosedRuns;
  readonly temporal: Client | undefined;
}

/** A run, found. */
export type LocatedRun = { readonly temporalRunId: string } & (
  | { readonly kind: 'recorded' }
  /** `unrecorded`: it has closed, and our tables do not have it (yet). */
  | {
      readonly kind: 'open' | 'unrecorded';
      readonly handle: WorkflowHandle;
      readonly description: WorkflowExecutionDescription;
    }
);

/**
 * The newest run of an id, or the one that `temporalRunId` names.
 *
 * @throws PipelineError RUN_UNKNOWN
 */
export async function locateRun(
  { closed, temporal }: RunSources,
  dagRunId: string,
  temporalRunId?: string,
): Promise<LocatedRun> {
  const newest = await inTemporal(temporal, dagRunId);
  const known =
    temporalRunId === undefined || newest?.temporalRunId === temporalRunId
      ? newest
      : await inTemporal(temporal, dagRunId, temporalRunId);
  if (known?.kind === 'open') return known;
  const [recorded] = await closed.list(
    { dagRunId, ...(temporalRunId !== undefined && { temporalRunId }) },
    1,
  );
  const isNewer = (recorded?.finishedMs ?? 0) < (known?.description.startTime.getTime() ?? 0);
  if (known !== undefined && isNewer) return known;
  if (recorded !== undefined) return { kind: 'recorded', temporalRunId: recorded.temporalRunId };
  throw new PipelineError({
    code: 'RUN_UNKNOWN',
    found: `no run "${dagRunId}"${temporalRunId === undefined ? '' : ` ${temporalRunId}`} in this home`,
    fix: 'see `sentinel runs list`',
  });
}

/** A run as the server knows it; undefined when it does not, or has forgotten it. */
async function inTemporal(
  temporal: Client | undefined,
  dagRunId: string,
  temporalRunId?: string,
): Promise<Exclude<LocatedRun, { kind: 'recorded' }> | undefined> {
  if (temporal === undefined) return undefined;
  const handle = temporal.workflow.getHandle(dagRunId, temporalRunId);
  const description = await describeExecution(handle);
  if (description === undefined) return undefined;
  const kind = description.status.name === 'RUNNING' ? 'open' : 'unrecorded';
  return { kind, temporalRunId: firstRunIdOf(description), handle, description };
}

/** Temporal's id of the first execution: it stays when a run continues as new. */
function firstRunIdOf({ raw, runId }: WorkflowExecutionDescription): string {
  return raw.workflowExecutionInfo?.firstRunId || runId; // a server of before 2024 does not say it
}
