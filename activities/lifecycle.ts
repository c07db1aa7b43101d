/** What the lifecycle workflow lets happen: decisions written down, the serving alias moved. */
import { join } from 'node:path';
import { PipelineError } from '../contracts/errors.js';
import type { Decision } from '../contracts/lifecycle.js';
import { appendRows } from '../feature-store/append-rows.js';
import { FeatureDb } from '../feature-store/duckdb.js';
import { DECISIONS } from '../feature-store/engine-tables.js';
import type { ActivityDependencies } from './index.js';
import { CHAMPION, findChampion } from './model-store.js';

/** The lifecycle's activities over one home. */
export function createLifecycleActivities({ layout, mlflow }: ActivityDependencies) {
  return {
    /** One line of `decisions`; the same key again changes nothing. */
    async recordDecision({ key, atMs, evidence, ...decision }: Decision): Promise<void> {
      const db = await FeatureDb.open({ threads: 1 });
      await appendRows({
        db,
        tablesRoot: layout.tables,
        schema: DECISIONS,
        rows: [
          { key, ...decision, evidence: JSON.stringify(evidence), decided_at: new Date(atMs) },
        ],
        stagingDir: join(layout.staging, 'decisions'),
        txn: { appId: `decision/${key}`, version: 1 },
      }).finally(() => db.close());
    },

    /**
     * Moves the serving alias and reads it back.
     *
     * @throws PipelineError MODEL_NOT_PROMOTED when the alias names another version afterwards
     */
    async promoteModel({ model, version }: { model: string; version: string }): Promise<void> {
      await mlflow.models.setAlias(model, CHAMPION, version);
      const champion = await findChampion(mlflow, model);
      if (champion?.version === version) return;
      throw new PipelineError({
        code: 'MODEL_NOT_PROMOTED',
        found: `${model}@${CHAMPION} is version ${champion?.version ?? 'none'}`,
        expected: `version ${version}`,
        fix: 'it is tried again; if it stays so, see who else moves the alias',
      });
    },
  };
}

/** For `proxyActivities` in workflows. */
export type LifecycleActivities = ReturnType<typeof createLifecycleActivities>;
