/** Training and loading of the LSTM classifier. */
import type { ManifestOf } from '../../model-folder.js';
import { requireLabels, type TrainingResult } from '../../model.js';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { loadWeights, NetworkModel } from '../network-model.js';
import { disposeNetwork } from '../network.js';
import { libraryVersions, tensorflow } from '../runtime.js';
import { fitScaling, scaleFlows } from '../scaling.js';
import type { Epoch, NetworkSettings } from '../settings.js';
import { trainNetwork, type NetworkRequest } from '../train-network.js';
import { createLstm } from './network.js';

/** Settings of the LSTM. */
export interface LstmSettings extends NetworkSettings {
  /** Units of the recurrent layer. */
  readonly units: number;
}

/** @see LstmSettings */
const LSTM_DEFAULTS: LstmSettings = {
  epochs: 20,
  batchSize: 64,
  learningRate: 0.01,
  patienceEpochs: 4,
  classWeightCap: 20,
  dropout: 0.1,
  units: 64,
};

/** A request for an LSTM. */
export interface LstmRequest extends NetworkRequest {
  /** @default LSTM_DEFAULTS */
  readonly settings?: Partial<LstmSettings>;
}

/**
 * Trains Masking + LSTM + softmax on the packets alone; the tabular columns are not read.
 *
 * @throws PipelineError MODEL_LABELS, MODEL_SHAPE, MODEL_TRAINING_FAILED, TENSORFLOW_ADDON
 */
export async function trainLstm(
  request: LstmRequest,
): Promise<TrainingResult<NetworkModel, Epoch>> {
  const settings = { ...LSTM_DEFAULTS, ...request.settings };
  const { train, validation, classes, seed } = request;
  requireLabels(train, classes);
  requireLabels(validation, classes);
  const tf = tensorflow();
  const scaling = fitScaling(train.flows, false);
  const data = {
    train: scaleFlows(train.flows, scaling),
    validation: scaleFlows(validation.flows, scaling),
  };
  const network = createLstm(
    tf,
    { classCount: classes.length, units: settings.units, dropout: settings.dropout },
    seededRandom(seed, 'weights'),
  );
  try {
    const course = await trainNetwork(tf, network, data, settings, request);
    const model = new NetworkModel(tf, network, {
      format: 1,
      kind: 'lstm',
      classes: [...classes],
      featureNames: [],
      preset: request.preset,
      seed,
      scaling,
      libraries: libraryVersions(tf),
      settings: { ...settings },
    });
    return { model, ...course };
  } catch (error) {
    disposeNetwork(network);
    throw error;
  }
}

/**
 * Reads a folder written by the model's `save`.
 *
 * @throws PipelineError MODEL_FILE, MODEL_SHAPE, TENSORFLOW_ADDON
 */
export async function loadLstm(dir: string, manifest: ManifestOf<'lstm'>): Promise<NetworkModel> {
  const tf = tensorflow();
  const shape = {
    classCount: manifest.classes.length,
    units: Number(manifest.settings['units'] ?? LSTM_DEFAULTS.units),
    dropout: 0,
  };
  const network = createLstm(tf, shape, seededRandom(0));
  await loadWeights(tf, network, dir, manifest);
  return new NetworkModel(tf, network, manifest);
}
