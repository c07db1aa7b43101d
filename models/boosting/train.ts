/** Training of either booster, round by round, so that a caller can watch and end it. */
import { setImmediate as tick } from 'node:timers/promises';
import { positiveWeight, rowWeights } from '../class-weights.js';
import { columnNames } from '../column-names.js';
import type { ManifestOf } from '../model-folder.js';
import {
  requireClassIndices,
  requireFeatures,
  type TrainingRequest,
  type TrainingResult,
} from '../model.js';
import { matrixRows, streamOf, type BoostingData, type LabelledRows } from './matrix-rows.js';
import { BoostedModel } from './model.js';
import type { BoostingSettings, GrowingTrees, TreeTask } from './trees.js';

/** State after a boosting round. */
export interface BoostingRound {
  /** From 1. */
  readonly round: number;
  /** Mean logloss over the training rows, weighted as in training; of XGBoost over 100,000 of more, evenly spaced. */
  readonly trainLogloss: number;
  /** The same over the validation rows, unweighted. */
  readonly validationLogloss: number;
}

/** A request for boosted trees. */
export interface BoostingRequest<Settings extends BoostingSettings> extends Omit<
  TrainingRequest,
  'train' | 'validation'
> {
  readonly train: BoostingData;
  /** Later flows than `train`; decides early stopping. */
  readonly validation: BoostingData;
  /** @default the defaults of the library's folder */
  readonly settings?: Partial<Settings>;
  /** Called after every round. */
  readonly onRound?: (round: BoostingRound) => void;
  /** Path of the library. */
  readonly libraryPath: string;
}

/** What is a library's own in a training. */
export interface BoostingLibrary<Settings extends BoostingSettings> {
  readonly kind: 'xgboost' | 'lightgbm';
  readonly version: string;
  /** The settings as the saved model keeps them. */
  readonly recorded: ManifestOf<'xgboost' | 'lightgbm'>['settings'];
  start(task: TreeTask<Settings>): GrowingTrees;
}

/**
 * Trains trees and keeps the rounds up to the lowest validation logloss. Each round blocks the thread
 * (about a second for 60 k flows and 180 classes); between rounds the event loop runs once.
 *
 * @throws PipelineError MODEL_LABELS, MODEL_SHAPE, MODEL_FEATURES, and those of the library
 */
export async function trainTrees<Settings extends BoostingSettings>(
  request: BoostingRequest<Settings>,
  settings: Settings,
  library: BoostingLibrary<Settings>,
): Promise<TrainingResult<BoostedModel, BoostingRound>> {
  const { train, validation, classes } = request;
  requireClassIndices(train.labels, train.flows.n, classes);
  requireClassIndices(validation.labels, validation.flows.n, classes);
  requireFeatures(validation.flows, train.flows.featureNames);
  const weighted = settings.classWeightCap > 0;
  const binary = classes.length === 2;
  const growing = library.start({
    train: {
      ...labelledRows(train, settings.packets),
      ...(weighted &&
        !binary && { weights: rowWeights(train.labels, classes.length, settings.classWeightCap) }),
    },
    validation: labelledRows(validation, settings.packets),
    classCount: classes.length,
    settings,
    seed: request.seed,
    positiveWeight: weighted && binary ? positiveWeight(train.labels, settings.classWeightCap) : 1,
  });
  try {
    const course = await boost(growing, settings, request);
    const model = new BoostedModel(growing.keep(course.best), {
      format: 1,
      kind: library.kind,
      classes: [...classes],
      featureNames: [...train.flows.featureNames],
      preset: request.preset,
      seed: request.seed,
      createdAt: (request.createdAt ?? new Date()).toISOString(),
      scaling: null,
      packets: settings.packets,
      libraries: { [library.kind]: library.version },
      settings: library.recorded,
    });
    return { model, ...course };
  } finally {
    growing.dispose();
  }
}

function labelledRows({ flows, labels }: BoostingData, packets: boolean): LabelledRows {
  const stream = streamOf(flows);
  return {
    ...{ rows: stream.n, labels, columnNames: columnNames(stream.featureNames, packets) },
    batches: () => matrixRows(stream, packets),
  };
}

async function boost(
  growing: GrowingTrees,
  { rounds, patienceRounds }: BoostingSettings,
  request: Pick<BoostingRequest<BoostingSettings>, 'onRound' | 'shouldStop'>,
): Promise<Omit<TrainingResult<BoostedModel, BoostingRound>, 'model'>> {
  const history: BoostingRound[] = [];
  let best = 1;
  let lowest = Infinity;
  for (let round = 1; round <= rounds; round++) {
    const splits = growing.grow();
    const [trainLogloss, validationLogloss] = growing.losses();
    const progress = { round, trainLogloss, validationLogloss };
    history.push(progress);
    request.onRound?.(progress);
    if (validationLogloss < lowest) {
      lowest = validationLogloss;
      best = round;
    } else if (round - best >= patienceRounds) {
      return { history, best, stopped: 'early' };
    }
    if (!splits) break;
    await tick();
    if (request.shouldStop?.() === true) return { history, best, stopped: 'asked' };
  }
  return { history, best, stopped: 'finished' };
}
