/** Training and loading of a neural network of any kind; the kinds differ in their layers and settings alone. */
import { seededRandom, type SeededRandom } from '../../contracts/seeded-random.js';
import type { ManifestOf } from '../model-folder.js';
import { requireFeatures, requireLabels, type NetworkKind, type TrainingResult } from '../model.js';
import { loadWeights, NetworkModel } from './network-model.js';
import { disposeNetwork, type Network } from './network.js';
import { libraryVersions, tensorflow, type Tensorflow } from './runtime.js';
import { fitScaling, scaleFlows } from './scaling.js';
import type { Epoch, NetworkSettings } from './settings.js';
import { trainNetwork, type NetworkRequest } from './train-network.js';

/** What a kind of network adds. */
export interface Classifier<Settings extends NetworkSettings> {
  readonly kind: NetworkKind;
  readonly defaults: Settings;
  /** Whether it reads the tabular columns beside the packets. */
  readonly readsTabular: (settings: Settings) => boolean;
  /** The network with its first weights, for K classes and F tabular columns. */
  readonly create: (
    tf: Tensorflow,
    shape: Settings & { readonly classCount: number; readonly featureCount: number },
    random: SeededRandom,
  ) => Network;
}

/** A request for a network; what `settings` leaves out is the kind's default. */
export interface ClassifierRequest<Settings extends NetworkSettings> extends NetworkRequest {
  readonly settings?: Partial<Settings>;
}

/**
 * Trains a network of a kind.
 *
 * @throws PipelineError MODEL_LABELS, MODEL_SHAPE, MODEL_FEATURES, MODEL_MASK_GAP, MODEL_TRAINING_FAILED, TENSORFLOW_ADDON
 */
export async function trainClassifier<Settings extends NetworkSettings>(
  { kind, defaults, readsTabular, create }: Classifier<Settings>,
  request: ClassifierRequest<Settings>,
): Promise<TrainingResult<NetworkModel, Epoch>> {
  const settings: Settings = { ...defaults, ...request.settings };
  const { train, validation, classes, seed, preset } = request;
  requireLabels(train, classes);
  requireLabels(validation, classes);
  const featureNames = readsTabular(settings) ? [...train.flows.featureNames] : [];
  if (featureNames.length > 0) requireFeatures(validation.flows, featureNames);
  const tf = tensorflow();
  const scaling = fitScaling(train.flows, featureNames.length > 0);
  const data = {
    train: scaleFlows(train.flows, scaling),
    validation: scaleFlows(validation.flows, scaling),
  };
  const shape = { ...settings, classCount: classes.length, featureCount: featureNames.length };
  const network = create(tf, shape, seededRandom(seed, 'weights'));
  try {
    const course = await trainNetwork(tf, kind, network, data, settings, request);
    const model = new NetworkModel(tf, network, {
      ...{ format: 1, kind, classes: [...classes], featureNames, preset, seed, scaling },
      createdAt: (request.createdAt ?? new Date()).toISOString(),
      libraries: libraryVersions(tf),
      settings: Object.fromEntries(Object.entries(settings)), // all are numbers
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
export async function loadClassifier<Settings extends NetworkSettings>(
  { defaults, create }: Classifier<Settings>,
  dir: string,
  manifest: ManifestOf<NetworkKind>,
): Promise<NetworkModel> {
  const tf = tensorflow();
  const shape = {
    ...{ ...defaults, ...manifest.settings }, // as they were saved; older folders lack newer ones
    classCount: manifest.classes.length,
    featureCount: manifest.featureNames.length,
  };
  const network = create(tf, shape, seededRandom(0));
  await loadWeights(tf, network, dir, manifest);
  return new NetworkModel(tf, network, manifest);
}
