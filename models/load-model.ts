/** Reading a saved model of any kind. */
import { PipelineError } from '../contracts/errors.js';
import { loadEnsemble, type MemberResolver } from './ensemble/model.js';
import { findLightgbmLibrary, loadLightgbm } from './lightgbm/bindings.js';
import { loadLightgbmModel } from './lightgbm/train.js';
import { MANIFEST_FILE, readManifest } from './model-folder.js';
import type { TrainedModel } from './model.js';
import { loadClassifier } from './tensorflow/classifier.js';
import { findTensorflowLibrary, loadTensorflow } from './tensorflow/library.js';
import { CNN } from './tensorflow/cnn/train.js';
import { LSTM } from './tensorflow/lstm/train.js';
import { TWO_BRANCH } from './tensorflow/two-branch/train.js';
import { findXgboostLibrary, loadXgboost } from './xgboost/bindings.js';
import { loadXgboostModel } from './xgboost/train.js';

/** What models of some kinds need beside their folder. */
export interface LoadOptions {
  /** The set-up folder, where the libraries are found. */
  readonly setupDir: string;
  /** Threads of a booster's prediction. @default 2 */
  readonly threads?: number;
  /** Finds the members of an ensemble; needed for ensembles only. */
  readonly resolveMember?: MemberResolver;
}

/**
 * The model saved in `dir`. Libraries are loaded for the kinds that need them.
 *
 * @throws PipelineError MODEL_FILE, MODEL_SHAPE, ENSEMBLE_MEMBERS, XGBOOST_LIBRARY, XGBOOST_CALL,
 * LIGHTGBM_LIBRARY, LIGHTGBM_CALL, TENSORFLOW_LIBRARY, TENSORFLOW_CALL
 */
export async function loadModel(dir: string, options: LoadOptions): Promise<TrainedModel> {
  const manifest = await readManifest(dir);
  const tensorflow = () => loadTensorflow(findTensorflowLibrary(options.setupDir));
  switch (manifest.kind) {
    case 'xgboost': {
      const library = loadXgboost(findXgboostLibrary(options.setupDir));
      return loadXgboostModel(dir, manifest, library, options.threads ?? 2);
    }
    case 'lightgbm': {
      const library = loadLightgbm(findLightgbmLibrary(options.setupDir));
      return loadLightgbmModel(dir, manifest, library, options.threads ?? 2);
    }
    case 'lstm':
      return loadClassifier(LSTM, dir, manifest, tensorflow());
    case 'cnn':
      return loadClassifier(CNN, dir, manifest, tensorflow());
    case 'two-branch':
      return loadClassifier(TWO_BRANCH, dir, manifest, tensorflow());
    case 'ensemble': {
      if (options.resolveMember !== undefined) return loadEnsemble(manifest, options.resolveMember);
      throw new PipelineError({
        code: 'ENSEMBLE_MEMBERS',
        file: `${dir}/${MANIFEST_FILE}`,
        found: 'an ensemble, and no way to find its members',
        fix: 'load it through the model registry',
      });
    }
  }
}
