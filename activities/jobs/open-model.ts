/** A registered model from folders that have been fetched already. */
import { join } from 'node:path';
import { PipelineError } from '../../contracts/errors.js';
import type { Transformer } from '../../domain/traffic/transformer.js';
import { readTransformer, TRANSFORMER_FILE } from '../../feature-store/transformer-store.js';
import { loadModel } from '../../models/load-model.js';
import type { TrainedModel } from '../../models/model.js';

/** A model version on this disk; an ensemble comes with its members. */
export interface LocalModel {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  /** Hash of the transformer that makes its inputs; null for a version that takes features as they are stored. */
  readonly transformer: string | null;
  readonly members: readonly LocalModel[];
}

/** Loads a model; the caller disposes it. */
export function openModel(local: LocalModel, setupDir: string): Promise<TrainedModel> {
  return loadModel(local.folder, {
    setupDir,
    resolveMember: (name, version) => {
      const member = local.members.find((one) => one.name === name && one.version === version);
      if (member !== undefined) return openModel(member, setupDir);
      throw new PipelineError({
        code: 'ENSEMBLE_MEMBERS',
        file: join(local.folder, 'model.json'),
        found: `member ${name} version ${version} was not fetched`,
        fix: 'restore that version in the registry, or promote another version of the ensemble',
      });
    },
  });
}

/**
 * The transformer that a version names, from its own folder; null when it names none.
 *
 * @throws PipelineError TRANSFORMER_FILE
 */
export async function openTransformer({
  folder,
  transformer,
}: LocalModel): Promise<Transformer | null> {
  if (transformer === null) return null;
  return readTransformer(join(folder, TRANSFORMER_FILE), transformer);
}
