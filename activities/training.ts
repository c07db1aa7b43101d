/** Training, registering and scoring models; MLflow hears of each exactly once. */
import { join } from 'node:path';
import { activityInfo } from '@temporalio/activity';
import type { JsonObject } from '../contracts/json.js';
import type { Tasks } from '../contracts/schemas/tasks.js';
import type { Split } from '../contracts/schemas/values.js';
import { FLOW_FEATURES, tableFolder } from '../feature-store/tables.js';
import {
  readTransformer,
  saveTransformer,
  TRANSFORMER_FILE,
} from '../feature-store/transformer-store.js';
import { readSnapshot } from '../feature-store/delta/snapshot.js';
import { hashJson } from '../dag/plan-hash.js';
import { wholeWeeks } from '../domain/lifecycle/split-weeks.js';
import type { MlflowRun } from '../models/registry/mlflow-runs.js';
import type { TaskCodes } from './checked.js';
import { taskKey } from './compute.js';
import { cancellable } from './heartbeats.js';
import type { ActivityDependencies } from './index.js';
import { STAGED } from './jobs/staged-files.js';
import {
  ARTIFACTS,
  asModelVersion,
  CHAMPION,
  EXPERIMENT,
  fetchModel,
  findChampion,
  recordScores,
  splitOf,
  TRANSFORMER_TAG,
  type NamedTransformer,
} from './model-store.js';
import { monitor } from '../pipelines/monitor.js';
import { ENSEMBLE } from '../pipelines/train.js';
import { knownToMs, succeededPartitions, usableWeeks, weekEndMs } from './judged-weeks.js';

/** The tasks that train, register and score. */
export function trainingTasks(dependencies: ActivityDependencies) {
  const { layout, compute, mlflow, recorder } = dependencies;
  const { tables: tablesRoot } = layout;

  /** A run that says what went in: rows, plan, settings. */
  async function openRun(
    name: string,
    split: Split,
    planHash: string,
    transformer: NamedTransformer | null,
    params: Readonly<Record<string, string>>,
  ): Promise<MlflowRun> {
    const run = await mlflow.runs.ensureRun({
      experiment: EXPERIMENT,
      key: taskKey(),
      name: `${name} to ${split.train.at(-1) ?? ''}`,
      startTimeMs: activityInfo().currentAttemptScheduledTimestampMs,
      tags: {
        'sentinel.planHash': planHash,
        'sentinel.features': `${split.features.table}@${split.features.version}`,
        ...(transformer && { [TRANSFORMER_TAG]: transformer.hash }),
        'mlflow.source.name': activityInfo().workflowExecution?.workflowId ?? '',
        'mlflow.source.type': 'PROJECT',
      },
    });
    await mlflow.runs.log(run.runId, { params: { ...params, planHash } });
    const source = tableFolder(tablesRoot, FLOW_FEATURES.name);
    const { version } = split.features;
    await mlflow.runs.logInputs(
      run.runId,
      Object.entries(split.selections).map(([context, selection]) => ({
        name: `${FLOW_FEATURES.name}-${context}`,
        digest: hashJson({ source: FLOW_FEATURES.name, version, selection }).slice(0, 32),
        sourceType: 'delta',
        source: JSON.stringify({ path: source, version, selection: selection as JsonObject }), // parsed from JSON
        context,
      })),
    );
    await mlflow.artifacts.uploadText(
      JSON.stringify(split, null, 2),
      `${run.artifactUri}/${ARTIFACTS.split}`,
    );
    if (transformer !== null) {
      await saveTransformer(layout.transformers, transformer.transformer);
      await mlflow.artifacts.uploadText(
        JSON.stringify(transformer.transformer),
        `${run.artifactUri}/${ARTIFACTS.transformer}`,
      );
    }
    return run;
  }

  async function closeRun(
    run: MlflowRun,
    name: string,
    stagingDir: string,
    metrics: Readonly<Record<string, number>>,
    history: readonly Readonly<Record<string, number>>[],
  ): Promise<void> {
    const atMs = run.startTimeMs;
    const { runId, experimentId } = run;
    const wish = { experimentId, runId, name, key: runId };
    const { modelId, artifactUri } = await mlflow.loggedModels.ensure(wish);
    await mlflow.artifacts.uploadFolder(join(stagingDir, STAGED.model), artifactUri);
    await mlflow.loggedModels.finish(modelId);
    await mlflow.runs.logModel(runId, modelId);
    await mlflow.artifacts.uploadFolder(
      join(stagingDir, STAGED.plots),
      `${run.artifactUri}/${ARTIFACTS.plots}`,
    );
    await mlflow.runs.log(runId, {
      metrics: [
        // the time of a point is part of its identity: with the run's start, logging again changes nothing
        ...history.flatMap((point, index) =>
          Object.entries(point).map(([key, value]) => ({
            key,
            value,
            timestampMs: atMs,
            step: index + 1,
          })),
        ),
        ...Object.entries(metrics).map(([key, value]) => ({
          key,
          value,
          timestampMs: atMs,
          modelId,
        })),
      ],
    });
    await mlflow.runs.finish(runId, 'FINISHED');
  }

  /** Where a run's model lies. */
  async function filesOf({ artifactUri, modelIds: [modelId] }: MlflowRun) {
    // runs of before 0.6 have it among their own files
    if (modelId === undefined) return { source: `${artifactUri}/${ARTIFACTS.model}` };
    return { modelId, source: (await mlflow.loggedModels.get(modelId)).artifactUri };
  }

  return {
    planSplit: async ({ preset }) => {
      const features = await readSnapshot(tableFolder(tablesRoot, FLOW_FEATURES.name));
      if (features === undefined) {
        return { split: null, trainingNeeded: false, parts: [], watch: [], faults: [] };
      }
      const { weeks, usable } = usableWeeks(features, preset);
      const champion = await findChampion(mlflow, ENSEMBLE);
      if (champion !== undefined) {
        const known = knownToMs(await splitOf(mlflow, champion));
        await recorder.catchUp(); // a monitor may have ended a moment ago
        const judged = await succeededPartitions(layout, monitor.type);
        const watch = usable.filter((week) => weekEndMs(week) > known && !judged.has(week));
        const first = await mlflow.models.getVersion(ENSEMBLE, '1');
        const split = await splitOf(mlflow, first === undefined ? champion : asModelVersion(first));
        return { split, trainingNeeded: false, parts: [], watch, faults: [] };
      }
      const input = { preset, version: features.version, weeks, usable };
      return compute('planSplit', input, async ({ output }) => {
        const { split, faults } = output;
        const trainable = faults.length === 0;
        return {
          split,
          trainingNeeded: trainable,
          parts: partsOf(split),
          watch: trainable ? split.watch : [],
          faults: [...faults],
        };
      });
    },

    trainModel: ({ model, split, preset }, { planHash }) =>
      compute('trainModel', { model, split, preset }, async ({ output, stagingDir }) => {
        const transformer = await stagedTransformer(stagingDir, output.transformer);
        const run = await openRun(model.name, split, planHash, transformer, {
          ...{ model: model.name, kind: model.kind, target: model.target, preset: preset.name },
          ...{ seed: String(preset.seed), classes: String(output.classes.length) },
          ...{ trainRows: String(output.rows.train), validateRows: String(output.rows.validate) },
          ...output.params,
        });
        await closeRun(run, model.name, stagingDir, output.metrics, output.history);
        return {
          model,
          mlflowRunId: run.runId,
          transformer: output.transformer,
          classes: output.classes.length,
          validationMacroF1: output.metrics['validate.macroF1'] ?? 0,
        };
      }),

    fitEnsemble: async ({ name, target, members, split, preset }, { planHash }) => {
      const local = await cancellable('fetching the members', () =>
        Promise.all(
          members.map((member) => fetchModel(mlflow, layout, member.name, member.version)),
        ),
      );
      const input = { name, target, members: local, split, preset };
      return compute('fitEnsemble', input, async ({ output, stagingDir }) => {
        const transformer =
          output.transformer === null
            ? null
            : await stagedTransformer(stagingDir, output.transformer);
        const run = await openRun(name, split, planHash, transformer, {
          ...{
            model: name,
            kind: 'ensemble',
            target,
            preset: preset.name,
            seed: String(preset.seed),
          },
          ...Object.fromEntries(
            members.map((member) => [
              `member ${member.name}`,
              `version ${member.version}, weight ${output.weights[member.name] ?? 0}`,
            ]),
          ),
        });
        await closeRun(run, name, stagingDir, output.metrics, []);
        return {
          name,
          mlflowRunId: run.runId,
          transformer: output.transformer,
          weights: { ...output.weights },
          validationMacroF1: output.metrics['validate.macroF1'] ?? 0,
        };
      });
    },

    registerModel: ({ name, target, kind, mlflowRunId, firstIsChampion }) =>
      cancellable(`registering ${name}`, async () => {
        const run = await mlflow.runs.get(mlflowRunId);
        const transformer = run.tags[TRANSFORMER_TAG];
        const version = await mlflow.models.ensureModelVersion({
          name,
          runId: mlflowRunId,
          key: mlflowRunId,
          ...(await filesOf(run)),
          tags: {
            target,
            kind,
            'sentinel.planHash': run.tags['sentinel.planHash'] ?? '',
            'sentinel.features': run.tags['sentinel.features'] ?? '',
            ...(transformer !== undefined && { [TRANSFORMER_TAG]: transformer }),
          },
        });
        if (firstIsChampion && (await findChampion(mlflow, name)) === undefined) {
          await mlflow.models.setAlias(name, CHAMPION, version.version);
        }
        return asModelVersion(version);
      }),

    evaluateModel: async ({ model, split, parts }) => {
      const local = await cancellable(`fetching ${model.name}`, () =>
        fetchModel(mlflow, layout, model.name, model.version),
      );
      const input = { model: local, target: model.target, split, parts };
      return compute('evaluateModel', input, async ({ output, stagingDir }) => {
        const run = await mlflow.runs.get(model.mlflowRunId);
        const scores = output.map(({ perClass: _, ...score }) => score);
        if (output.length > 0) {
          await mlflow.artifacts.uploadFolder(
            join(stagingDir, STAGED.plots),
            `${run.artifactUri}/${ARTIFACTS.plots}-scores`,
          );
        }
        await mlflow.artifacts.uploadText(
          JSON.stringify(output, null, 2),
          `${run.artifactUri}/scores.json`,
        );
        await recordScores(mlflow, model, scores);
        return { model, scores };
      });
    },
  } satisfies Partial<TaskCodes>;
}

/** The transformer that a job has left in the folder of its model. */
async function stagedTransformer(stagingDir: string, hash: string): Promise<NamedTransformer> {
  const file = join(stagingDir, STAGED.model, TRANSFORMER_FILE);
  return { hash, transformer: await readTransformer(file, hash) };
}

/** What new models are scored on: the test rows, and each watched week. */
function partsOf({
  kind,
  test,
  watch,
  selections,
}: Split): Tasks['evaluateModel']['input']['parts'] {
  if (kind === 'weeks') {
    return [...test, ...watch].map((week) => ({ partition: week, selection: wholeWeeks([week]) }));
  }
  return [{ partition: 'test', selection: selections.test }];
}
