/** What the lifecycle workflow lets happen: decisions written down, the serving alias moved. */
import { join } from 'node:path';
import { PipelineError } from '../contracts/errors.js';
import type { Decision } from '../contracts/lifecycle.js';
import { appendRows } from '../feature-store/append-rows.js';
import { FeatureDb } from '../feature-store/duckdb.js';
import { DECISIONS } from '../feature-store/engine-tables.js';
import type { ActivityDependencies } from './index.js';
import { CHAMPION, fetchModel, findChampion, requireChampion } from './model-store.js';

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

    /** The version that serves; null while there is none. */
    async readServing({ model }: { model: string }): Promise<string | null> {
      return (await findChampion(mlflow, model))?.version ?? null;
    },

    /**
     * Whether a version could serve: it is registered, and its files and those of its members are on this disk.
     *
     * @throws PipelineError MODEL_VERSION_UNKNOWN, MODEL_FILES
     */
    async checkVersion({ model, version }: VersionOf): Promise<void> {
      await fetchModel(mlflow, layout, model, version);
    },

    /**
     * Lets `to` serve in place of `from`; nothing happens when it does already.
     *
     * @throws PipelineError SERVING_MOVED when a third version serves
     */
    async moveAlias({ model, from, to }: AliasMove): Promise<void> {
      const serving = (await findChampion(mlflow, model))?.version ?? '';
      if (serving === to) return;
      if (serving !== from) throw servingMoved(model, serving, from);
      await mlflow.models.setAlias(model, CHAMPION, to);
    },

    /**
     * Asks for the model as those do who answer with it.
     *
     * @throws PipelineError SERVING_MOVED when it is another version
     */
    async confirmServing({ model, version }: VersionOf): Promise<void> {
      const serving = await requireChampion(mlflow, model);
      if (serving.version !== version) throw servingMoved(model, serving.version, version);
      await fetchModel(mlflow, layout, model, serving.version);
    },

    /** Undoes a move: `to` serves again if `from` does; what somebody else has moved stays. */
    async restoreAlias({ model, from, to }: AliasMove): Promise<void> {
      if ((await findChampion(mlflow, model))?.version !== from) return;
      if (to === '') await mlflow.models.deleteAlias(model, CHAMPION);
      else await mlflow.models.setAlias(model, CHAMPION, to);
    },

    /**
     * Moves the serving alias and reads it back, for lifecycles that releases up to 0.6 started.
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

interface VersionOf {
  readonly model: string;
  readonly version: string;
}

interface AliasMove {
  readonly model: string;
  /** Empty for no version. */
  readonly from: string;
  readonly to: string;
}

function servingMoved(model: string, serving: string, expected: string): PipelineError {
  const named = (version: string): string => (version === '' ? 'no version' : `version ${version}`);
  return new PipelineError({
    code: 'SERVING_MOVED',
    found: `${model}@${CHAMPION} is ${named(serving)}`,
    expected: named(expected),
    fix: 'somebody else moved the alias; ask for the move again if it is still wanted',
  });
}

/** For `proxyActivities` in workflows. */
export type LifecycleActivities = ReturnType<typeof createLifecycleActivities>;
