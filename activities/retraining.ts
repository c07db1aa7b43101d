/** The tasks of a retraining: which flows, and the challenger beside the champion. */
import type { ModelVersion } from '../contracts/schemas/values.js';
import { readSnapshot } from '../feature-store/delta/snapshot.js';
import { FLOW_FEATURES, tableFolder } from '../feature-store/tables.js';
import type { TaskCodes } from './checked.js';
import { cancellable } from './heartbeats.js';
import type { ActivityDependencies } from './index.js';
import type { ComparedModel } from './jobs/compare-models.js';
import { policyFor } from './model-policy.js';
import { fetchModel, recordScores, requireChampion, splitOf } from './model-store.js';

/** The tasks that plan a challenger and compare it; those of `training.ts` make it. */
export function retrainingTasks({ layout, compute, mlflow }: ActivityDependencies) {
  /** The files and the split of a version. */
  const compared = async (model: ModelVersion): Promise<ComparedModel> => ({
    local: await fetchModel(mlflow, layout, model.name, model.version),
    split: await splitOf(mlflow, model),
  });

  return {
    planRetrain: async ({ model, week, preset, retraining }) => {
      const features = await readSnapshot(tableFolder(layout.tables, FLOW_FEATURES.name));
      const { minHeldOutRows } = (await policyFor(layout, model, preset)).gate;
      const version = features?.version ?? 0;
      const input = { preset, version, week, retraining, minHeldOutRows };
      return compute('planRetrain', input, async ({ output: split }) => ({ split }));
    },

    compareModels: async ({ champion, challenger, partition, selection, features }) => {
      const both = await cancellable('fetching both models', async () => ({
        champion: await compared(await requireChampion(mlflow, champion)),
        challenger: await compared(challenger),
      }));
      const input = {
        ...{ ...both, selection, version: features.version },
        // the rows are a part of the week: a name of their own keeps the scores of whole weeks apart
        partition: `${partition} held out`,
      };
      return compute('compareModels', input, async ({ output: { gate, score } }) => {
        await recordScores(mlflow, challenger, [score]);
        return {
          championVersion: both.champion.local.version,
          challengerVersion: challenger.version,
          rows: gate.heldOutRows,
          championF1: gate.championF1,
          challengerF1: gate.challengerF1,
          gate: { ...gate, classes: [...gate.classes] },
        };
      });
    },
  } satisfies Partial<TaskCodes>;
}
