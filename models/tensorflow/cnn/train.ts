/** Training and loading of the CNN classifier. */
import type { ManifestOf } from '../../model-folder.js';
import { requireFeatures, requireLabels, type TrainingResult } from '../../model.js';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { loadWeights, NetworkModel } from '../network-model.js';
import { disposeNetwork } from '../network.js';
import { libraryVersions, tensorflow } from '../runtime.js';
import { fitScaling, scaleFlows } from '../scaling.js';
import type { Epoch, NetworkSettings } from '../settings.js';
import { trainNetwork, type NetworkRequest } from '../train-network.js';
import { createCnn } from './network.js';

/** Settings of the CNN. */
export interface CnnSettings extends NetworkSettings {
  /** Units of the layer over all packets in order. */
  readonly orderUnits: number;
  /** Units of the layer over the tabular columns; 0 trains on PPI only. */
  readonly statsUnits: number;
  /** Units of the layer before the softmax. */
  readonly denseUnits: number;
}

/** @see CnnSettings */
const CNN_DEFAULTS: CnnSettings = {
  epochs: 20,
  batchSize: 128,
  learningRate: 0.005,
  patienceEpochs: 4,
  classWeightCap: 0,
  dropout: 0.1,
  orderUnits: 64,
  statsUnits: 64,
  denseUnits: 128,
};

/** A request for a CNN. */
export interface CnnRequest extends NetworkRequest {
  /** @default CNN_DEFAULTS */
  readonly settings?: Partial<CnnSettings>;
}

/**
 * Trains convolutions over the packets, joined by a layer over the tabular columns.
 *
 * @throws PipelineError MODEL_LABELS, MODEL_SHAPE, MODEL_FEATURES, MODEL_TRAINING_FAILED, TENSORFLOW_ADDON
 */
export async function trainCnn(request: CnnRequest): Promise<TrainingResult<NetworkModel, Epoch>> {
  const settings = { ...CNN_DEFAULTS, ...request.settings };
  const { train, validation, classes, seed } = request;
  requireLabels(train, classes);
  requireLabels(validation, classes);
  const featureNames = settings.statsUnits === 0 ? [] : [...train.flows.featureNames];
  if (featureNames.length > 0) requireFeatures(validation.flows, featureNames);
  const tf = tensorflow();
  const scaling = fitScaling(train.flows, featureNames.length > 0);
  const data = {
    train: scaleFlows(train.flows, scaling),
    validation: scaleFlows(validation.flows, scaling),
  };
  const shape = { ...settings, classCount: classes.length, featureCount: featureNames.length };
  const network = createCnn(tf, shape, seededRandom(seed, 'weights'));
  try {
    const course = await trainNetwork(tf, network, data, settings, request);
    const model = new NetworkModel(tf, network, {
      format: 1,
      kind: 'cnn',
      classes: [...classes],
      featureNames,
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
export async function loadCnn(dir: string, manifest: ManifestOf<'cnn'>): Promise<NetworkModel> {
  const tf = tensorflow();
  const shape = {
    classCount: manifest.classes.length,
    featureCount: manifest.featureNames.length,
    orderUnits: Number(manifest.settings['orderUnits'] ?? CNN_DEFAULTS.orderUnits),
    statsUnits: Number(manifest.settings['statsUnits'] ?? CNN_DEFAULTS.statsUnits),
    denseUnits: Number(manifest.settings['denseUnits'] ?? CNN_DEFAULTS.denseUnits),
    dropout: 0,
  };
  const network = createCnn(tf, shape, seededRandom(0));
  await loadWeights(tf, network, dir, manifest);
  return new NetworkModel(tf, network, manifest);
}
