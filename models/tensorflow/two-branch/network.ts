/**
 * A network of two branches, in the manner of mm-CESNET (Luxemburk and Čejka 2023): convolutions over
 * the packets, dense layers over the flow's statistics, joined before the classes; every layer is
 * batch-normalised. A tenth of its size, for two cores. B rows, K classes.
 */
import type { NetworkLayers } from '../../layers.js';

/** Size of a two-branch classifier. */
export interface TwoBranchShape {
  readonly classCount: number;
  /** Units of the layer that sees where in the flow each pattern lies; pooling forgets it. */
  readonly orderUnits: number;
  /** Units of the first layer of the statistics; the second has half. */
  readonly statsUnits: number;
  /** Units of the layer before the classes. */
  readonly denseUnits: number;
  /** Share of units dropped in training, [0, 1). */
  readonly dropout: number;
}

const CONVOLUTIONS = [
  { name: 'conv1', channels: 64, width: 7 },
  { name: 'conv2', channels: 96, width: 5 },
  { name: 'conv3', channels: 96, width: 3 },
] as const;

/** The layers; reads at least one tabular column. */
export function twoBranchLayers(shape: TwoBranchShape): NetworkLayers {
  return (layers, { ppi, mask, tabular }) => {
    // what is normalised needs no bias
    const normal = (name: string, x: typeof ppi) => layers.relu(layers.batchNorm(name, x));
    const deep = (name: string, x: typeof ppi, units: number) =>
      normal(name, layers.dense(name, x, units, false));
    let x = ppi; // [B, 30, 3]
    for (const { name, ...size } of CONVOLUTIONS) {
      x = layers.masked(normal(name, layers.convolution(name, x, size, false)), mask); // [B, 30, C]
    }
    const order = deep('order', layers.flatten(x), shape.orderUnits);
    const statistics = deep('stats1', tabular, shape.statsUnits);
    const half = deep('stats2', statistics, Math.ceil(shape.statsUnits / 2));
    const parts = [layers.maxPool(x), layers.averagePool(x, mask), order, half];
    const both = layers.dropout(layers.concat(parts), shape.dropout); // [B, 192 + 48 + 64]
    const joint = layers.dropout(deep('joint', both, shape.denseUnits), shape.dropout);
    return layers.dense('classes', joint, shape.classCount); // [B, K]
  };
}
