/** Training and loading of a neural network of any kind; the kinds differ in their layers and settings alone. */
import { seededRandom } from '../../contracts/seeded-random.js';
import type { NetworkLayers } from '../layers.js';
import type { ManifestOf } from '../model-folder.js';
import { requireFeatures, requireLabels, type NetworkKind, type TrainingResult } from '../model.js';
import { loadTensorflow, type TensorflowLibrary } from './library.js';
import { NetworkModel, readWeights } from './network-model.js';
import { Network } from './network.js';
import { fitScaling, scaleFlows } from './scaling.js';
import type { Epoch, NetworkSettings } from './settings.js';
import { trainNetwork, type NetworkRequest } from './train-network.js';

/** What a kind of network adds. */
export interface Classifier<Settings extends NetworkSettings> {
  readonly kind: NetworkKind;
  readonly defaults: Settings;
  /** Whether it reads the tabular columns beside the packets. */
  readonly readsTabular: (settings: Settings) => boolean;
  /** The layers, for K classes and F tabular columns. */
  readonly layers: (
    shape: Settings & { readonly classCount: number; readonly featureCount: number },
  ) => NetworkLayers;
}

/** A request for a network; what `settings` leaves out is the kind's default. */
export interface ClassifierRequest<Settings extends NetworkSettings> extends NetworkRequest {
  readonly settings?: Partial<Settings>;
  /** Path of TensorFlow's library. */
  readonly libraryPath: string;
}

/**
 * Trains a network of a kind.
 *
 * @throws PipelineError MODEL_LABELS, MODEL_SHAPE, MODEL_FEATURES, MODEL_MASK_GAP, MODEL_TRAINING_FAILED, TENSORFLOW_LIBRARY,
 * TENSORFLOW_CALL
 */
export async function trainClassifier<Settings extends NetworkSettings>(
  { kind, defaults, readsTabular, layers }: Classifier<Settings>,
  request: ClassifierRequest<Settings>,
): Promise<TrainingResult<NetworkModel, Epoch>> {
  const settings: Settings = { ...defaults, ...request.settings };
  const { train, validation, classes, seed, preset } = request;
  requireLabels(train, classes);
  requireLabels(validation, classes);
  const featureNames = readsTabular(settings) ? [...train.flows.featureNames] : [];
  if (featureNames.length > 0) requireFeatures(validation.flows, featureNames);
  const library = loadTensorflow(request.libraryPath);
  const scaling = fitScaling(train.flows, featureNames.length > 0);
  const data = {
    train: scaleFlows(train.flows, scaling),
    validation: scaleFlows(validation.flows, scaling),
  };
  const shape = { ...settings, classCount: classes.length, featureCount: featureNames.length };
  const random = seededRandom(seed, 'weights');
  const network = new Network(library, layers(shape), shape.featureCount, random);
  try {
    const what = [kind, library.version];
    const course = await trainNetwork(what, network, data, settings, request);
    const model = new NetworkModel(network, {
      ...{ format: 1, kind, classes: [...classes], featureNames, preset, seed, scaling },
      createdAt: (request.createdAt ?? new Date()).toISOString(),
      libraries: { tensorflow: library.version },
      settings: Object.fromEntries(Object.entries(settings)), // all are numbers
    });
    return { model, ...course };
  } catch (error) {
    network.dispose();
    throw error;
  }
}

/**
 * Reads a folder written by the model's `save`.
 *
 * @throws PipelineError MODEL_FILE, MODEL_SHAPE, TENSORFLOW_CALL
 */
export async function loadClassifier<Settings extends NetworkSettings>(
  { defaults, layers }: Classifier<Settings>,
  dir: string,
  manifest: ManifestOf<NetworkKind>,
  library: TensorflowLibrary,
): Promise<NetworkModel> {
  const shape = {
    ...{ ...defaults, ...manifest.settings }, // as they were saved; older folders lack newer ones
    classCount: manifest.classes.length,
    featureCount: manifest.featureNames.length,
  };
  const weights = await readWeights(dir, manifest);
  const network = new Network(library, layers(shape), shape.featureCount, seededRandom(0));
  try {
    network.setWeights(network.variables.entries().map(([name]) => weights.get(name)));
  } catch (error) {
    network.dispose();
    throw error;
  }
  return new NetworkModel(network, manifest);
}
