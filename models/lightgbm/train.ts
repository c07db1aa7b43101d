/** LightGBM's training and its saved models. */
import { BoostedModel } from '../boosting/model.js';
import { columnNames } from '../column-names.js';
import { trainTrees, type BoostingRequest, type BoostingRound } from '../boosting/train.js';
import { outputsOf } from '../boosting/trees.js';
import { readModelFile, type ManifestOf } from '../model-folder.js';
import type { TrainingResult } from '../model.js';
import { loadLightgbm, type LightgbmLibrary } from './bindings.js';
import { GrowingLightgbm, LightgbmTrees } from './booster.js';
import { LIGHTGBM_DEFAULTS, type LightgbmSettings } from './settings.js';

/**
 * Trains LightGBM's trees, which grow leaf by leaf, with softmax probabilities, or logistic ones for two classes.
 *
 * @throws PipelineError as `trainTrees`, LIGHTGBM_LIBRARY, LIGHTGBM_CALL
 */
export async function trainLightgbm(
  request: BoostingRequest<LightgbmSettings>,
): Promise<TrainingResult<BoostedModel, BoostingRound>> {
  const library = loadLightgbm(request.libraryPath);
  const settings = { ...LIGHTGBM_DEFAULTS, ...request.settings };
  return trainTrees(request, settings, {
    ...{ kind: 'lightgbm', version: library.version, recorded: { ...settings } },
    start: (task) => new GrowingLightgbm(library, task),
  });
}

/**
 * Reads a folder written by `save`.
 *
 * @throws PipelineError MODEL_FILE, LIGHTGBM_CALL
 */
export async function loadLightgbmModel(
  dir: string,
  manifest: ManifestOf<'lightgbm'>,
  library: LightgbmLibrary,
  threads: number,
): Promise<BoostedModel> {
  const bytes = await readModelFile(dir, manifest.booster);
  const shape = {
    columns: columnNames(manifest.featureNames, manifest.packets).length,
    outputs: outputsOf(manifest.classes.length),
  };
  const text = new TextDecoder().decode(bytes);
  return new BoostedModel(new LightgbmTrees(library, text, shape, threads), manifest);
}
