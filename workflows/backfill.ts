/**
 * `backfill/<dag>/<from>..<to>`: runs a DAG for a range of partitions, a few at a time. What is done
 * about each partition is planned once, at the start; dag/backfill-fold.ts decides what starts when.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  ChildWorkflowFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  ParentClosePolicy,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  startChild,
  WorkflowIdReusePolicy,
  workflowInfo,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { BackfillActivities } from '../activities/backfill.js';
import {
  BACKFILL_PAUSE,
  BACKFILL_PRIORITY,
  BACKFILL_QUERY,
  BACKFILL_RESUME,
  type BackfillInput,
  type BackfillPlan,
  type BackfillView,
  type PlannedRun,
} from '../contracts/backfill.js';
import { dagRunId } from '../contracts/engine.js';
import {
  backfillTable,
  backfillView,
  isDrained,
  newBackfill,
  stepBackfill,
  type BackfillCommand,
  type BackfillEvent,
  type BackfillState,
  type RunOutcome,
} from '../dag/backfill-fold.js';

const engine = proxyActivities<BackfillActivities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '15s', // a dead worker is noticed within this
  retry: { initialInterval: '500ms', maximumInterval: '30s' },
});
const { awaitRun } = proxyActivities<BackfillActivities>({
  startToCloseTimeout: '30 days', // as long as a run may take
  heartbeatTimeout: '15s',
  retry: { initialInterval: '500ms', maximumInterval: '30s' },
});

/** Carried over when the workflow continues as new. */
export interface BackfillMemory {
  readonly state: BackfillState;
  readonly startedMs: number;
}

/** What a backfill comes to. */
export type BackfillResult = Readonly<Record<string, number>>;

/** Returns how many partitions ended in which state, when all has gone well. */
export async function backfill(
  input: BackfillInput,
  memory?: BackfillMemory,
): Promise<BackfillResult> {
  const run = new Backfill(memory?.state);
  setHandler(defineSignal(BACKFILL_PAUSE), () => run.pause(true));
  setHandler(defineSignal(BACKFILL_RESUME), () => run.pause(false));
  setHandler(defineQuery<BackfillView | null>(BACKFILL_QUERY), () => run.view());
  if (memory === undefined) run.plan(await engine.resolveBackfill(input));
  const startedMs = memory?.startedMs ?? workflowInfo().startTime.getTime();
  const state = await run.toEnd();

  if (state.state === 'running') {
    return continueAsNew<typeof backfill>(input, { state, startedMs });
  }
  const view = backfillView(state);
  await CancellationScope.nonCancellable(() =>
    engine.recordBackfill({ view, request: state.request, startedMs, finishedMs: Date.now() }),
  );
  if (state.state === 'cancelled') throw new CancelledFailure('the backfill was cancelled');
  if (state.state === 'failed') throw backfillFailure(view);
  return countStates(view);
}

/** What a backfill would do; a workflow, for a worker knows the parameters that runs will get. */
export async function backfillDryRun(input: BackfillInput): Promise<BackfillPlan> {
  return engine.resolveBackfill(input);
}

/** One backfill under way: the fold's state, and the runs that are out. */
class Backfill {
  private state: BackfillState | undefined;
  /** Of a backfill that is told to pause before it is planned. */
  private paused = false;
  private readonly workflow = CancellationScope.current();
  private readonly runs = new CancellationScope();

  constructor(state: BackfillState | undefined) {
    this.state = state;
  }

  plan(plan: BackfillPlan): void {
    this.state = { ...newBackfill(plan), paused: this.paused };
  }

  pause(paused: boolean): void {
    this.paused = paused;
    if (this.state !== undefined) this.apply({ kind: paused ? 'paused' : 'resumed' });
  }

  view(): BackfillView | null {
    return this.state === undefined ? null : backfillView(this.state);
  }

  /** The last state; it is still `running` when the workflow has to continue as new. */
  async toEnd(): Promise<BackfillState> {
    this.apply({ kind: 'started' });
    try {
      await condition(() => this.hasEnded() || workflowInfo().continueAsNewSuggested);
      if (!this.hasEnded()) {
        this.apply({ kind: 'drain_requested' });
        await condition(() => this.hasEnded() || isDrained(this.current()));
      }
    } catch (error) {
      if (!isCancellation(error)) throw error;
      this.apply({ kind: 'cancel_requested' });
      await CancellationScope.nonCancellable(() => condition(() => this.hasEnded()));
    }
    return this.current();
  }

  private apply(event: BackfillEvent): void {
    const { state, commands } = stepBackfill(this.current(), event);
    this.state = state;
    setCurrentDetails(backfillTable(state));
    for (const command of commands) this.carryOut(command);
  }

  private carryOut(command: BackfillCommand): void {
    switch (command.kind) {
      case 'cancel_runs':
        this.runs.cancel();
        return;
      case 'start':
      case 'join': {
        const { kind, at, run } = command;
        void this.runs
          .run(() => (kind === 'join' ? this.join(at, run) : this.start(at, run)))
          .catch(outcomeOf)
          .then((outcome) => {
            // what ends because the backfill is cancelled is no failure that stops it
            if (this.workflow.consideredCancelled) this.apply({ kind: 'cancel_requested' });
            this.apply({ kind: 'run_ended', at, ...outcome });
          });
      }
    }
  }

  private async start(at: number, run: PlannedRun): Promise<RunOutcome> {
    const { dag, partition, follows, reason } = run;
    const workflowId = dagRunId(dag, partition);
    const { request } = this.current();
    const params = dag === request.dag ? request.params : {};
    try {
      const child = await startChild(dag, {
        workflowId,
        args: [{ partition, params }],
        workflowIdReusePolicy: reusePolicy(follows),
        // a backfill that is terminated leaves nothing running either
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        priority: { priorityKey: BACKFILL_PRIORITY },
        staticSummary: `${workflowId}: ${reason}`,
      });
      await child.result();
      return SUCCESS;
    } catch (error) {
      // someone else was quicker, since the backfill was planned
      if (error instanceof WorkflowExecutionAlreadyStartedError) return this.join(at, run);
      throw error;
    }
  }

  private async join(at: number, { dag, partition }: PlannedRun): Promise<RunOutcome> {
    this.apply({ kind: 'run_joined', at });
    const workflowId = dagRunId(dag, partition);
    return awaitRun.executeWithOptions({ summary: `wait for ${workflowId}` }, [{ workflowId }]);
  }

  private hasEnded(): boolean {
    return this.current().state !== 'running';
  }

  private current(): BackfillState {
    return this.state!; // called once it is planned
  }
}

const SUCCESS: RunOutcome = { state: 'success', reason: '' };

function reusePolicy(follows: PlannedRun['follows']): WorkflowIdReusePolicy {
  switch (follows) {
    case undefined:
      return WorkflowIdReusePolicy.REJECT_DUPLICATE;
    case 'unsuccessful':
      return WorkflowIdReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY;
    case 'any':
      return WorkflowIdReusePolicy.ALLOW_DUPLICATE;
  }
}

/** What a run that did not succeed, or could not be waited for, has come to. */
function outcomeOf(error: unknown): RunOutcome {
  if (isCancellation(error)) return { state: 'cancelled', reason: 'cancelled' };
  if (error instanceof ChildWorkflowFailure || error instanceof ActivityFailure) {
    return { state: 'failed', reason: error.cause?.message ?? error.message };
  }
  return { state: 'failed', reason: error instanceof Error ? error.message : String(error) };
}

function backfillFailure({ backfillId, rows }: BackfillView): ApplicationFailure {
  const lost = rows.filter(({ state }) => state === 'failed' || state === 'cancelled');
  const [first] = lost;
  const more = lost.length > 1 ? `, and ${lost.length - 1} more` : '';
  return ApplicationFailure.nonRetryable(
    `BACKFILL_FAILED ${backfillId}: ${first?.dagRunId} ${first?.state}: ${first?.reason}${more}. ` +
      'Fix: mend the cause, then start it again with --reprocess failed',
    'BACKFILL_FAILED',
  );
}

function countStates({ rows }: BackfillView): BackfillResult {
  const counts: Record<string, number> = {};
  for (const { state } of rows) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
