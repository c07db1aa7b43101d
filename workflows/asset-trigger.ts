/**
 * One for each DAG that is scheduled by assets, under the id `asset-trigger/<dag>`. It hears of updates
 * by signal, starts the DAG's runs under their own ids and stays. The runs outlive it: cancelling it
 * stops new runs only, and the next update starts it again.
 */
import {
  condition,
  continueAsNew,
  defineSignal,
  ParentClosePolicy,
  setHandler,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { ASSET_UPDATED } from '../contracts/assets.js';
import { dagRunId } from '../contracts/engine.js';
import {
  forgetOpenRuns,
  NO_UPDATES,
  stepAssetTrigger,
  type AssetTriggerEvent,
  type AssetTriggerState,
  type AssetUpdate,
} from '../dag/assets.js';

/** A run that somebody else has open under the same id is waited for in steps of this, doubled up to the second. */
const BUSY_MIN_MS = 2_000;
const BUSY_MAX_MS = 60_000;

/** Starts runs of `dag` when its assets have been updated. */
export async function assetTrigger(input: {
  dag: string;
  state?: AssetTriggerState;
}): Promise<void> {
  const { dag } = input;
  const events: AssetTriggerEvent[] = [{ type: 'resumed' }];
  const started = new Set<string>();
  let starting = 0;
  let state = input.state ?? NO_UPDATES;
  setHandler(defineSignal<[AssetUpdate]>(ASSET_UPDATED), (update) => {
    events.push({ type: 'asset_updated', ...update });
  });

  /** Starts the run as soon as no other is open under its id, and waits for its end. */
  async function run(partition: string): Promise<void> {
    const workflowId = dagRunId(dag, partition);
    for (let waitMs = BUSY_MIN_MS; ; waitMs = Math.min(2 * waitMs, BUSY_MAX_MS)) {
      starting += 1;
      try {
        const child = await startChild(dag, {
          workflowId,
          taskQueue: 'control',
          args: [{ partition }],
          parentClosePolicy: ParentClosePolicy.ABANDON,
          staticSummary: workflowId,
        }).finally(() => (starting -= 1));
        started.add(partition);
        await child.result().catch(() => undefined); // how it ended stands in its own record
        started.delete(partition);
        events.push({ type: 'run_closed', partition });
        return;
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        await sleep(waitMs);
      }
    }
  }

  for (;;) {
    const isFull = (): boolean => workflowInfo().continueAsNewSuggested && starting === 0;
    await condition(() => events.length > 0 || isFull());
    const event = events.shift();
    if (event === undefined) break;
    const step = stepAssetTrigger(state, event);
    state = step.state;
    for (const { partition } of step.commands) {
      // a fault of ours: without its end the partition would wait for ever
      run(partition).catch(() => events.push({ type: 'run_closed', partition }));
    }
  }
  await continueAsNew<typeof assetTrigger>({ dag, state: forgetOpenRuns(state, started) });
}
