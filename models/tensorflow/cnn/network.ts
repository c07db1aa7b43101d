/** A 1D convolutional network over packets, joined by the flow's statistics. B rows, K classes. */
import type { NetworkLayers } from '../../layers.js';

/** Size of a CNN classifier. */
export interface CnnShape {
  readonly classCount: number;
  /** F, tabular columns; 0 for PPI only. */
  readonly featureCount: number;
  /** Units of the layer that sees where in the flow each pattern lies; pooling forgets it. */
  readonly orderUnits: number;
  /** Units of the layer over the tabular columns. */
  readonly statsUnits: number;
  /** Units of the layer before the softmax. */
  readonly denseUnits: number;
  /** Share of units dropped in training, [0, 1). */
  readonly dropout: number;
}

/** Those of the published 1D-CNN student on TLS-Year22 (pre-registered study OSF rts6n). */
const CONVOLUTIONS = [
  { name: 'conv1', channels: 48, width: 5 },
  { name: 'conv2', channels: 96, width: 5 },
  { name: 'conv3', channels: 96, width: 3 },
] as const;

/** The layers. */
export function cnnLayers(shape: CnnShape): NetworkLayers {
  return (layers, { ppi, mask, tabular }) => {
    const deep = (name: string, x: typeof ppi, units: number) =>
      layers.relu(layers.dense(name, x, units));
    let x = ppi; // [B, 30, 3]
    for (const { name, ...size } of CONVOLUTIONS) {
      // Masked after each layer: what a bias leaves in the padding would leak into the last packets.
      x = layers.masked(layers.relu(layers.convolution(name, x, size)), mask); // [B, 30, C]
    }
    const parts = [
      layers.maxPool(x), // [B, 96]
      layers.averagePool(x, mask), // [B, 96]
      deep('order', layers.flatten(x), shape.orderUnits), // [B, 64]
    ];
    if (shape.featureCount > 0) parts.push(deep('stats', tabular, shape.statsUnits));
    const joint = layers.dropout(layers.concat(parts), shape.dropout); // [B, 192 + 64 + 64]
    const last = layers.dropout(deep('dense', joint, shape.denseUnits), shape.dropout); // [B, 128]
    return layers.dense('classes', last, shape.classCount); // [B, K]
  };
}
