/** The two-branch classifier: packets and flow statistics, each with a branch of its own. */
import type { TrainingResult } from '../../model.js';
import { trainClassifier, type Classifier, type ClassifierRequest } from '../classifier.js';
import type { NetworkModel } from '../network-model.js';
import type { Epoch, NetworkSettings } from '../settings.js';
import { twoBranchLayers } from './network.js';

/** Settings of the two-branch network. */
export interface TwoBranchSettings extends NetworkSettings {
  /** Units of the layer over all packets in order. */
  readonly orderUnits: number;
  /** Units of the first layer over the flow statistics; the second has half. */
  readonly statsUnits: number;
  /** Units of the layer before the softmax. */
  readonly denseUnits: number;
}

/** The kind, with its default settings. */
export const TWO_BRANCH: Classifier<TwoBranchSettings> = {
  kind: 'two-branch',
  defaults: {
    epochs: 20,
    batchSize: 128,
    learningRate: 0.004,
    patienceEpochs: 4,
    classWeightCap: 0,
    dropout: 0.1,
    orderUnits: 48,
    statsUnits: 128,
    denseUnits: 160,
  },
  readsTabular: () => true,
  layers: twoBranchLayers,
};

/** Trains a two-branch network; see `trainClassifier` for what it throws. */
export function trainTwoBranch(
  request: ClassifierRequest<TwoBranchSettings>,
): Promise<TrainingResult<NetworkModel, Epoch>> {
  return trainClassifier(TWO_BRANCH, request);
}
