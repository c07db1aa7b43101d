/** Masking + LSTM + softmax over the packets of a flow. */
import type { NetworkLayers } from '../../layers.js';

/** Size of an LSTM classifier. */
export interface LstmShape {
  readonly classCount: number;
  readonly units: number;
  /** Share of the last state dropped in training, [0, 1). */
  readonly dropout: number;
}

/** The layers. */
export function lstmLayers({ classCount, units, dropout }: LstmShape): NetworkLayers {
  return (layers, { ppi, mask }) => {
    const last = layers.lstm('lstm', ppi, mask, units);
    return layers.dense('classes', layers.dropout(last, dropout), classCount);
  };
}
