/** Watching new weeks: predictions, drift, and the word to the lifecycle. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { PipelineError } from '../contracts/errors.js';
import {
  DRIFT_SIGNAL,
  lifecycleId,
  OUTCOME_QUERY,
  type DriftReport,
  type LifecycleInput,
  type Outcome,
} from '../contracts/lifecycle.js';
import type { Split } from '../contracts/schemas/values.js';
import { hashJson } from '../dag/plan-hash.js';
import { wholeWeeks } from '../domain/lifecycle/split-weeks.js';
import { appendRows } from '../feature-store/append-rows.js';
import { commitTable } from '../feature-store/delta/commit.js';
import { readSnapshot } from '../feature-store/delta/snapshot.js';
import { isInWeek } from '../feature-store/derived.js';
import { FeatureDb } from '../feature-store/duckdb.js';
import { DRIFT_SCORES, PREDICTIONS } from '../feature-store/engine-tables.js';
import { FLOW_FEATURES, tableFolder } from '../feature-store/tables.js';
import type { TaskCodes } from './checked.js';
import { taskKey } from './compute.js';
import { cancellable } from './heartbeats.js';
import type { ActivityDependencies } from './index.js';
import {
  fetchModel,
  recordScores,
  requireChampion,
  splitOf,
  transformerOf,
} from './model-store.js';

const POLL_MS = 500;
const WEEK_MS = 7 * 86_400_000;

/** The tasks of the `monitor` DAG. */
export function monitoringTasks({ layout, compute, mlflow, temporal }: ActivityDependencies) {
  const { tables: tablesRoot } = layout;

  async function featuresVersion(): Promise<number> {
    const snapshot = await readSnapshot(tableFolder(tablesRoot, FLOW_FEATURES.name));
    return snapshot?.version ?? 0;
  }

  return {
    scoreWeek: async ({ week, model }) => {
      const [champion, local] = await cancellable(`fetching ${model}`, async () => {
        const version = await requireChampion(mlflow, model);
        return [version, await fetchModel(mlflow, layout, model, version.version)] as const;
      });
      const input = { model: local, version: await featuresVersion(), week };
      return compute('predictFlows', input, async ({ output }) => {
        const inWeek = isInWeek(week);
        const { version } = await commitTable({
          table: tableFolder(tablesRoot, PREDICTIONS.name),
          schema: PREDICTIONS,
          adds: output.staged,
          removes: (file) =>
            inWeek(file) &&
            file.tags['model'] === champion.name &&
            file.tags['model_version'] === champion.version,
          txn: { appId: `predictions/${taskKey()}`, version: 1 },
        });
        if (output.score !== null) await recordScores(mlflow, champion, [output.score]);
        const predictions = { table: PREDICTIONS.name, version };
        const { transformer } = local;
        return { week, model: champion, transformer, predictions, score: output.score };
      });
    },

    measureDrift: async ({ week, model, preset }) => {
      const champion = await requireChampion(mlflow, model);
      const reference = referenceOf(await splitOf(mlflow, champion));
      const named = await transformerOf(mlflow, champion);
      const version = await featuresVersion();
      const transformer = named?.hash ?? null;
      const input = { reference, version, transformer: named?.transformer ?? null, week, preset };
      return compute('measureDrift', input, async ({ output, stagingDir }) => {
        const { rows, scores } = output;
        const report = {
          model,
          modelVersion: champion.version,
          partition: week,
          rows,
          scores: scores.map(({ statistic, value, threshold, verdict }) => ({
            ...{ partition: week, statistic, threshold, verdict },
            value: Number.isFinite(value) ? value : null,
          })),
        };
        const reportHash = hashJson(report);
        const db = await FeatureDb.open({ threads: 1 });
        await appendRows({
          db,
          tablesRoot,
          schema: DRIFT_SCORES,
          stagingDir: join(stagingDir, 'scores'),
          txn: { appId: `drift/${reportHash}`, version: 1 },
          rows: report.scores.map(({ partition, statistic, value, threshold, verdict }) => ({
            ...{ report_hash: reportHash, model, model_version: champion.version, partition },
            ...{
              features_version: version,
              rows,
              statistic,
              value,
              threshold,
              verdict,
              transformer,
            },
          })),
        }).finally(() => db.close());
        const drifted = report.scores.some(({ verdict }) => verdict === 'drifted');
        return { week, reportHash, rows, transformer, scores: report.scores, drifted };
      });
    },

    wakeLifecycle: async ({ model, week, reportHash, rows, scores, preset }) => {
      const workflowId = lifecycleId(model);
      const report: DriftReport = {
        reportHash,
        partition: week,
        rows,
        preset,
        policy: {
          minRows: preset.policy.minRows ?? 1000,
          minGain: preset.policy.minGain ?? 0,
          minHeldOutRows: preset.policy.minHeldOutRows ?? 200,
        },
        statistics: scores.flatMap(({ statistic, value, threshold, verdict }) =>
          verdict === 'drifted' && value !== null && threshold !== null
            ? [{ statistic, value, threshold }]
            : [],
        ),
      };
      await temporal.workflow.signalWithStart('lifecycle', {
        workflowId,
        taskQueue: 'control',
        args: [{ model } satisfies LifecycleInput],
        signal: DRIFT_SIGNAL,
        signalArgs: [report],
        staticSummary: `retrain and promote ${model}`,
      });
      return { workflowId };
    },

    awaitDecision: async ({ workflowId, reportHash }) => {
      const handle = temporal.workflow.getHandle(workflowId);
      const context = Context.current();
      for (;;) {
        const outcome = await handle
          .query<Outcome | null, [string]>(OUTCOME_QUERY, reportHash)
          .catch(() => null); // no worker answers at the moment: asked again
        if (outcome !== null) return outcome;
        const { status } = await handle.describe();
        if (status.name !== 'RUNNING') {
          throw new PipelineError({
            code: 'LIFECYCLE_ENDED',
            file: workflowId,
            found: `the workflow is ${status.name} and has decided nothing on report ${reportHash.slice(0, 12)}`,
            fix: 'see why in the Temporal UI; the next report starts it anew',
          });
        }
        await Promise.race([sleep(POLL_MS), context.cancelled]);
      }
    },
  } satisfies Partial<TaskCodes>;
}

/**
 * What a week is compared with: all of the champion's training rows, or after a retraining the whole of
 * its newest week. Weeks before a change that the model has learnt are no reference.
 */
function referenceOf({ selections, features }: Split) {
  const { train, test } = selections;
  const { version } = features;
  if (
    train.kind === 'time' &&
    train.fromMs !== null &&
    test.kind === 'time' &&
    test.toMs !== null
  ) {
    const fromMs = Math.max(train.fromMs, test.toMs - WEEK_MS);
    return { selection: { ...test, fromMs }, version };
  }
  const newest = train.kind === 'slices' ? train.slices.filter(({ days }) => days !== null) : [];
  if (newest.length === 0) return { selection: train, version };
  return { selection: wholeWeeks(newest.map(({ week }) => week)), version };
}
