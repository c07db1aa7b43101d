/** What one registered version is: what it was made of, how, and how it scored. */
import type { Score, Target } from '../contracts/schemas/values.js';
import { MANIFEST_FILE, parseManifest, type ModelManifest } from '../models/model-folder.js';
import type { MlflowClient } from '../models/registry/mlflow-client.js';
import { requireVersion, scoresOf, splitOf, TRANSFORMER_TAG } from './model-store.js';

/** A version, for a reader. */
export interface VersionDescription {
  readonly name: string;
  readonly version: string;
  readonly aliases: readonly string[];
  readonly target: Target;
  /** UTC, ISO 8601. */
  readonly registeredAt: string;
  /** ISO weeks, or days, it was trained on. */
  readonly train: readonly string[];
  /** Those that chose rounds, epochs, weights and thresholds. */
  readonly validate: readonly string[];
  /** SHA-256 of what makes its inputs; null for one that takes features as they are stored. */
  readonly transformer: string | null;
  readonly mlflowRunId: string;
  /** Where its files lie. */
  readonly source: string;
  readonly scores: readonly Score[];
  /** Its `model.json`. */
  readonly model: ModelManifest;
}

/**
 * Describes the version that a user names, see `requireVersion`.
 *
 * @throws PipelineError MODEL_VERSION_UNKNOWN, MODEL_NO_CHAMPION, MODEL_FILE
 */
export async function describeVersion(
  mlflow: MlflowClient,
  id: string,
): Promise<VersionDescription> {
  const version = await requireVersion(mlflow, id);
  const [found, registered, split] = await Promise.all([
    mlflow.models.getVersion(version.name, version.version),
    mlflow.models.getModel(version.name),
    splitOf(mlflow, version),
  ]);
  if (found === undefined) throw new TypeError(`${id} was deleted while it was read`);
  const file = `${found.source}/${MANIFEST_FILE}`;
  const aliases = Object.entries(registered?.aliases ?? {}); // a version read by its number has none
  return {
    name: version.name,
    version: version.version,
    aliases: aliases.filter(([, of]) => of === version.version).map(([alias]) => alias),
    target: version.target,
    registeredAt: new Date(found.createdAtMs).toISOString(),
    ...{ train: split.train, validate: split.validate },
    transformer: found.tags[TRANSFORMER_TAG] ?? null,
    ...{ mlflowRunId: version.mlflowRunId, source: found.source },
    scores: scoresOf(found),
    model: parseManifest(await mlflow.artifacts.downloadText(file), file),
  };
}
