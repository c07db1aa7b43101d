/** Registered models as the tasks need them: the champion, its data, its files on this disk. */
import { PipelineError } from '../contracts/errors.js';
import type { HomeLayout } from '../contracts/home.js';
import type { ReportedModel } from '../contracts/report.js';
import {
  split as splitSchema,
  type ModelVersion,
  type Score,
  type Split,
  type Target,
} from '../contracts/schemas/values.js';
import type { Transformer } from '../domain/traffic/transformer.js';
import { parseTransformer } from '../feature-store/transformer-store.js';
import { readManifest } from '../models/model-folder.js';
import type { MlflowClient } from '../models/registry/mlflow-client.js';
import type { MlflowModelVersion } from '../models/registry/mlflow-models.js';
import type { LocalModel } from './jobs/open-model.js';

/** The alias that serves. */
export const CHAMPION = 'champion';
/** All runs of one home are in this MLflow experiment. */
export const EXPERIMENT = 'sentinel-flow';
/** Names of artifacts below a run. */
export const ARTIFACTS = {
  ...{ model: 'model', plots: 'plots', split: 'split.json', transformer: 'transformer.json' },
} as const;
/** The tag of runs and versions that names the transformer of their inputs. */
export const TRANSFORMER_TAG = 'sentinel.transformer';

const SCORE_TAG = 'score.';

/** The version that serves under a name, undefined while there is none. */
export async function findChampion(
  mlflow: MlflowClient,
  name: string,
): Promise<ModelVersion | undefined> {
  const model = await mlflow.models.getModel(name);
  if (model === undefined || !(CHAMPION in model.aliases)) return undefined;
  const version = await mlflow.models.getByAlias(name, CHAMPION);
  return version === undefined ? undefined : asModelVersion(version);
}

/**
 * The version that serves under a name.
 *
 * @throws PipelineError MODEL_NO_CHAMPION
 */
export async function requireChampion(mlflow: MlflowClient, name: string): Promise<ModelVersion> {
  const champion = await findChampion(mlflow, name);
  if (champion !== undefined) return champion;
  throw new PipelineError({
    code: 'MODEL_NO_CHAMPION',
    found: `no version of "${name}" has the alias ${CHAMPION}`,
    fix: 'run `weekly`, which trains the first one, or set the alias in MLflow',
  });
}

/**
 * The version that a user names: `app-cnn/3`, `app-cnn@champion`, or `app-cnn` for the one that serves.
 *
 * @throws PipelineError MODEL_VERSION_UNKNOWN, MODEL_NO_CHAMPION
 */
export async function requireVersion(mlflow: MlflowClient, id: string): Promise<ModelVersion> {
  const parts = versionIdParts(id);
  if (parts === undefined) return requireChampion(mlflow, id);
  const found = await findVersion(mlflow, id);
  if (found !== undefined) return found;
  throw new PipelineError({
    code: 'MODEL_VERSION_UNKNOWN',
    found: `no version ${parts.version} of "${parts.name}" in the registry`,
    fix: 'see `sentinel models list`',
  });
}

/** The version `app-cnn/3` or `app-cnn@champion`; `@` may stand for the last slash, and the other way round. */
export async function findVersion(
  mlflow: MlflowClient,
  id: string,
): Promise<ModelVersion | undefined> {
  const parts = versionIdParts(id);
  if (parts === undefined) return undefined;
  const { name, version } = parts;
  const found = /^\d+$/.test(version)
    ? await mlflow.models.getVersion(name, version)
    : await mlflow.models.getByAlias(name, version);
  return found && asModelVersion(found);
}

/** The parts of such an id; undefined for any other text. */
export function versionIdParts(id: string): { name: string; version: string } | undefined {
  const [, name, version] = /^(.+)[/@]([^/@]+)$/.exec(id) ?? [];
  return name === undefined || version === undefined ? undefined : { name, version };
}

/** The split a version was trained on, from the artifacts of its run. */
export async function splitOf(mlflow: MlflowClient, model: ModelVersion): Promise<Split> {
  const run = await mlflow.runs.get(model.mlflowRunId);
  const text = await mlflow.artifacts.downloadText(`${run.artifactUri}/${ARTIFACTS.split}`);
  return splitSchema.parse(JSON.parse(text));
}

/**
 * The transformer that a version names, from the artifacts of its run; null for a version that names none.
 *
 * @throws PipelineError TRANSFORMER_FILE when the artifact is another one
 */
export async function transformerOf(
  mlflow: MlflowClient,
  model: ModelVersion,
): Promise<NamedTransformer | null> {
  const found = await mlflow.models.getVersion(model.name, model.version);
  const hash = found?.tags[TRANSFORMER_TAG];
  if (hash === undefined) return null;
  const run = await mlflow.runs.get(model.mlflowRunId);
  const uri = `${run.artifactUri}/${ARTIFACTS.transformer}`;
  const text = await mlflow.artifacts.downloadText(uri);
  return { hash, transformer: parseTransformer(text, hash, uri) };
}

/** A transformer and its SHA-256. */
export interface NamedTransformer {
  readonly hash: string;
  readonly transformer: Transformer;
}

/** The files of a version, and of its members if it is an ensemble, on this disk. */
export async function fetchModel(
  mlflow: MlflowClient,
  layout: HomeLayout,
  name: string,
  version: string,
): Promise<LocalModel> {
  const found = await mlflow.models.getVersion(name, version);
  if (found === undefined) {
    throw new PipelineError({
      code: 'MODEL_VERSION_UNKNOWN',
      found: `no version ${version} of "${name}" in the registry`,
      fix: 'see `sentinel models list`',
    });
  }
  const { folder } = await mlflow.artifacts.downloadFolder(found.source, layout.modelCache);
  const manifest = await readManifest(folder);
  const members =
    manifest.kind === 'ensemble'
      ? await Promise.all(
          manifest.members.map((member) => fetchModel(mlflow, layout, member.name, member.version)),
        )
      : [];
  const transformer = found.tags[TRANSFORMER_TAG] ?? null;
  return { name, version, folder, transformer, members };
}

/** Keeps scores with a version, where MLflow's page shows them. */
export async function recordScores(
  mlflow: MlflowClient,
  model: ModelVersion,
  scores: readonly Score[],
): Promise<void> {
  const tags = scores.map((score) => [`${SCORE_TAG}${score.partition}`, JSON.stringify(score)]);
  await mlflow.models.setVersionTags(
    model.name,
    model.version,
    Object.fromEntries(tags) as Record<string, string>, // text by text
  );
  const known = await mlflow.models.getVersion(model.name, model.version);
  const lines = (known === undefined ? [] : scoresOf(known)).map(
    ({ partition, rows, macroF1, accuracy }) =>
      `| ${partition} | ${rows} | ${macroF1.toFixed(3)} | ${accuracy.toFixed(3)} |`,
  );
  const head = ['| scored on | flows | macro-F1 | accuracy |', '| --- | --- | --- | --- |'];
  await mlflow.models.describeVersion(model.name, model.version, [...head, ...lines].join('\n'));
  // the time of a point is part of its identity: with the run's start, scoring again changes nothing
  const {
    startTimeMs,
    modelIds: [modelId],
  } = await mlflow.runs.get(model.mlflowRunId);
  const metrics = scores.flatMap(({ partition, accuracy, macroF1, weightedF1 }) =>
    Object.entries({ accuracy, macroF1, weightedF1 }).map(([name, value]) => ({
      key: `${partition}.${name}`,
      value,
      timestampMs: startTimeMs,
      ...(modelId !== undefined && { modelId }),
    })),
  );
  await mlflow.runs.log(model.mlflowRunId, { metrics });
}

/** Every version of every registered model with its scores: by name, then oldest first. */
export async function allVersions(mlflow: MlflowClient): Promise<ReportedModel[]> {
  const models = await mlflow.models.listModels();
  return (await Promise.all(models.map(({ name }) => versionsOf(mlflow, name)))).flat();
}

async function versionsOf(mlflow: MlflowClient, name: string): Promise<ReportedModel[]> {
  const [model, versions] = await Promise.all([
    mlflow.models.getModel(name),
    mlflow.models.listVersions(name),
  ]);
  // the search leaves aliases out, the registered model has them
  const aliases = Object.entries(model?.aliases ?? {});
  return versions.reverse().map((version) => ({
    name,
    target: version.tags['target'] ?? '',
    version: version.version,
    alias: aliases.find(([, of]) => of === version.version)?.[0] ?? null,
    test: scoresOf(version),
  }));
}

/** Scores of a version by partition, in order of the partitions' names. */
export function scoresOf(version: MlflowModelVersion): Score[] {
  return Object.entries(version.tags)
    .filter(([tag]) => tag.startsWith(SCORE_TAG))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, text]) => JSON.parse(text) as Score); // written by `recordScores`
}

/** A registry entry as it travels between tasks. */
export function asModelVersion(version: MlflowModelVersion): ModelVersion {
  return {
    name: version.name,
    version: version.version,
    target: (version.tags['target'] ?? 'APP') as Target, // set by `registerModel`
    kind: (version.tags['kind'] ?? 'ensemble') as ModelVersion['kind'], // the same
    mlflowRunId: version.runId ?? '',
  };
}
