/** XGBoost's training and its saved models. */
import { BoostedModel } from '../boosting/model.js';
import { columnNames } from '../column-names.js';
import { trainTrees, type BoostingRequest, type BoostingRound } from '../boosting/train.js';
import { readModelFile, type ManifestOf } from '../model-folder.js';
import type { TrainingResult } from '../model.js';
import { loadXgboost, type XgboostLibrary } from './bindings.js';
import { GrowingXgboost, XgboostTrees } from './booster.js';
import { XGBOOST_DEFAULTS, type XgboostSettings } from './settings.js';

/**
 * Trains XGBoost's trees on histograms, with softmax probabilities, or logistic ones for two classes.
 *
 * @throws PipelineError as `trainTrees`, XGBOOST_LIBRARY, XGBOOST_CALL
 */
export async function trainXgboost(
  request: BoostingRequest<XgboostSettings>,
): Promise<TrainingResult<BoostedModel, BoostingRound>> {
  const library = loadXgboost(request.libraryPath);
  const settings = { ...XGBOOST_DEFAULTS, ...request.settings };
  return trainTrees(request, settings, {
    ...{ kind: 'xgboost', version: library.version, recorded: { ...settings } },
    start: (task) => new GrowingXgboost(library, task),
  });
}

/**
 * Reads a folder written by `save`.
 *
 * @throws PipelineError MODEL_FILE, XGBOOST_CALL
 */
export async function loadXgboostModel(
  dir: string,
  manifest: ManifestOf<'xgboost'>,
  library: XgboostLibrary,
  threads: number,
): Promise<BoostedModel> {
  const bytes = await readModelFile(dir, manifest.booster);
  const columns = columnNames(manifest.featureNames, manifest.packets);
  return new BoostedModel(XgboostTrees.fromBytes(library, bytes, columns, threads), manifest);
}
