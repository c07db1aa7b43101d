/** Tells the DAGs that are scheduled by assets of updates. */
import { log } from '@temporalio/activity';
import type { Client } from '@temporalio/client';
import { ASSET_UPDATED, type AssetPublication } from '../contracts/assets.js';
import { assetsOf, type AssetUpdate } from '../dag/assets.js';
import { isPartition, type PartitionKind } from '../dag/partitions.js';
import type { Plan } from '../dag/plan.js';

/** What the activity works on. */
export interface AssetDependencies {
  readonly temporal: Client;
  /** The newest plan of each DAG, by id. */
  readonly plans: ReadonlyMap<string, Plan>;
}

/** The activity of assets. */
export function createAssetActivities({ temporal, plans }: AssetDependencies) {
  return {
    /**
     * Signals the trigger of every DAG that waits for one of the assets, and starts the triggers that do
     * not run yet. Telling the same update again changes nothing.
     *
     * @returns ids of the DAGs that have been told
     */
    async publishAssets(publication: AssetPublication): Promise<string[]> {
      const { partition, dagRunId, temporalRunId, task } = publication;
      const told = new Set<string>();
      for (const [dag, { partitions, schedule }] of plans) {
        const condition = schedule?.assets;
        if (condition === undefined) continue;
        const wanted = assetsOf(condition).filter((asset) => publication.assets.includes(asset));
        const target = partitionFor(partitions, partition);
        if (wanted.length > 0 && target === undefined) {
          log.warn(
            `${dag} has no partition "${partition}": it is not told of ${wanted.join(', ')}`,
          );
          continue;
        }
        for (const asset of wanted) {
          const update: AssetUpdate = {
            asset,
            partition: target ?? '',
            by: `${dagRunId} ${temporalRunId} ${task}`,
            atMs: Date.now(),
            condition,
          };
          await temporal.workflow.signalWithStart('asset-trigger', {
            workflowId: `asset-trigger/${dag}`,
            taskQueue: 'triggers',
            args: [{ dag }],
            signal: ASSET_UPDATED,
            signalArgs: [update],
            staticSummary: `runs ${dag} when its assets are updated`,
          });
          told.add(dag);
        }
      }
      return [...told];
    },
  };
}

/** For `proxyActivities` in workflows. */
export type AssetActivities = ReturnType<typeof createAssetActivities>;

/** The consumer's partition for an update of the producer's; undefined when it has none of that kind. */
function partitionFor(consumer: PartitionKind, produced: string): string | undefined {
  if (consumer === 'none') return '';
  return isPartition(consumer, produced) ? produced : undefined;
}
