/** Training of the XGBoost classifier, round by round, so that a caller can watch and end it. */
import { setImmediate as tick } from 'node:timers/promises';
import { rowWeights } from '../class-weights.js';
import {
  PPI_WIDTH,
  requireFeatures,
  requireLabels,
  type LabelledFlows,
  type TrainingRequest,
  type TrainingResult,
} from '../model.js';
import { loadXgboost, type XgboostLibrary } from './bindings.js';
import { Booster, DataMatrix } from './booster.js';
import { flattenFlows } from './columns.js';
import { XgboostModel } from './model.js';
import { XGBOOST_DEFAULTS, type XgboostSettings } from './settings.js';

/** State after a boosting round. */
export interface BoostingRound {
  /** From 1. */
  readonly round: number;
  /** Mean multi-class logloss over the training rows, weighted as in training. */
  readonly trainLogloss: number;
  /** The same over the validation rows, unweighted. */
  readonly validationLogloss: number;
}

/** A request for an XGBoost model. */
export interface XgboostRequest extends TrainingRequest {
  /** @default XGBOOST_DEFAULTS */
  readonly settings?: Partial<XgboostSettings>;
  /** Called after every round. */
  readonly onRound?: (round: BoostingRound) => void;
  /** Path of libxgboost, see `findXgboostLibrary`. */
  readonly libraryPath: string;
}

/**
 * Trains trees with softmax probabilities (`multi:softprob`, histograms) and keeps the rounds up to
 * the lowest validation logloss. Each round blocks the thread (about a second for 60 k flows and 180
 * classes); between rounds the event loop runs once.
 *
 * @throws PipelineError MODEL_LABELS, MODEL_SHAPE, MODEL_FEATURES, XGBOOST_LIBRARY, XGBOOST_CALL
 */
export async function trainXgboost(
  request: XgboostRequest,
): Promise<TrainingResult<XgboostModel, BoostingRound>> {
  const settings = { ...XGBOOST_DEFAULTS, ...request.settings };
  const { train, validation, classes } = request;
  requireLabels(train, classes);
  requireLabels(validation, classes);
  requireFeatures(validation.flows, train.flows.featureNames);
  const library = loadXgboost(request.libraryPath);

  const matrices: DataMatrix[] = [];
  let grown: Booster | undefined;
  try {
    const trainMatrix = labelledMatrix(library, train, settings.threads);
    matrices.push(trainMatrix);
    const validationMatrix = labelledMatrix(library, validation, settings.threads);
    matrices.push(validationMatrix);
    if (settings.classWeightCap > 0) {
      trainMatrix.set('weight', rowWeights(train.labels, classes.length, settings.classWeightCap));
    }
    grown = Booster.create(library, parameters(settings, classes.length, request.seed), matrices);
    const course = await boost(grown, trainMatrix, validationMatrix, settings, request);
    const model = new XgboostModel(
      library,
      grown.firstRounds(course.best),
      {
        format: 1,
        kind: 'xgboost',
        classes: [...classes],
        featureNames: [...train.flows.featureNames],
        preset: request.preset,
        seed: request.seed,
        scaling: null,
        libraries: { xgboost: library.version },
        settings: { ...settings },
      },
      settings.threads,
    );
    return { model, ...course };
  } finally {
    grown?.dispose();
    for (const matrix of matrices) matrix.dispose();
  }
}

function labelledMatrix(library: XgboostLibrary, data: LabelledFlows, threads: number): DataMatrix {
  const width = PPI_WIDTH + data.flows.featureNames.length;
  const matrix = new DataMatrix(library, flattenFlows(data.flows), data.flows.n, width, threads);
  matrix.set('label', Float32Array.from(data.labels));
  return matrix;
}

function parameters(
  settings: XgboostSettings,
  classCount: number,
  seed: number,
): Record<string, string | number> {
  return {
    objective: 'multi:softprob',
    eval_metric: 'mlogloss',
    num_class: classCount,
    tree_method: 'hist',
    eta: settings.learningRate,
    max_depth: settings.maxDepth,
    max_bin: settings.maxBins,
    min_child_weight: settings.minChildWeight,
    colsample_bytree: settings.columnShare,
    subsample: settings.rowShare,
    lambda: settings.l2,
    nthread: settings.threads,
    seed,
  };
}

async function boost(
  booster: Booster,
  train: DataMatrix,
  validation: DataMatrix,
  settings: XgboostSettings,
  request: XgboostRequest,
): Promise<Omit<TrainingResult<XgboostModel, BoostingRound>, 'model'>> {
  const history: BoostingRound[] = [];
  let best = 1;
  let lowest = Infinity;
  for (let round = 1; round <= settings.rounds; round++) {
    booster.update(round - 1, train);
    const [trainLogloss = NaN, validationLogloss = NaN] = booster.evaluate(round - 1, [
      train,
      validation,
    ]);
    const progress = { round, trainLogloss, validationLogloss };
    history.push(progress);
    request.onRound?.(progress);
    if (validationLogloss < lowest) {
      lowest = validationLogloss;
      best = round;
    } else if (round - best >= settings.patienceRounds) {
      return { history, best, stopped: 'early' };
    }
    await tick();
    if (request.shouldStop?.() === true) return { history, best, stopped: 'asked' };
  }
  return { history, best, stopped: 'finished' };
}
