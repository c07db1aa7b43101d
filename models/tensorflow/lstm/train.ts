/** The LSTM classifier: Masking + LSTM + softmax on the packets alone. */
import type { TrainingResult } from '../../model.js';
import { trainClassifier, type Classifier, type ClassifierRequest } from '../classifier.js';
import type { NetworkModel } from '../network-model.js';
import type { Epoch, NetworkSettings } from '../settings.js';
import { lstmLayers } from './network.js';

/** Settings of the LSTM. */
export interface LstmSettings extends NetworkSettings {
  /** Units of the recurrent layer. */
  readonly units: number;
}

/** The kind, with its default settings. */
export const LSTM: Classifier<LstmSettings> = {
  kind: 'lstm',
  defaults: {
    epochs: 20,
    batchSize: 64,
    learningRate: 0.01,
    patienceEpochs: 4,
    classWeightCap: 0,
    dropout: 0.1,
    units: 64,
  },
  readsTabular: () => false,
  layers: lstmLayers,
};

/** Trains an LSTM; see `trainClassifier` for what it throws. */
export function trainLstm(
  request: ClassifierRequest<LstmSettings>,
): Promise<TrainingResult<NetworkModel, Epoch>> {
  return trainClassifier(LSTM, request);
}
