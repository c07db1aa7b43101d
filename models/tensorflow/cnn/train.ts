/** The CNN classifier: convolutions over the packets, joined by a layer over the tabular columns. */
import type { TrainingResult } from '../../model.js';
import { trainClassifier, type Classifier, type ClassifierRequest } from '../classifier.js';
import type { NetworkModel } from '../network-model.js';
import type { Epoch, NetworkSettings } from '../settings.js';
import { cnnLayers } from './network.js';

/** Settings of the CNN. */
export interface CnnSettings extends NetworkSettings {
  /** Units of the layer over all packets in order. */
  readonly orderUnits: number;
  /** Units of the layer over the tabular columns; 0 trains on PPI only. */
  readonly statsUnits: number;
  /** Units of the layer before the softmax. */
  readonly denseUnits: number;
}

/** The kind, with its default settings. */
export const CNN: Classifier<CnnSettings> = {
  kind: 'cnn',
  defaults: {
    epochs: 20,
    batchSize: 128,
    learningRate: 0.005,
    patienceEpochs: 4,
    classWeightCap: 0,
    dropout: 0.1,
    orderUnits: 64,
    statsUnits: 64,
    denseUnits: 128,
  },
  readsTabular: ({ statsUnits }) => statsUnits > 0,
  layers: cnnLayers,
};

/** Trains a CNN; see `trainClassifier` for what it throws. */
export function trainCnn(
  request: ClassifierRequest<CnnSettings>,
): Promise<TrainingResult<NetworkModel, Epoch>> {
  return trainClassifier(CNN, request);
}
