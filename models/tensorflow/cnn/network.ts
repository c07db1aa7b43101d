/** A 1D convolutional network over packets, joined by the flow's statistics. B rows, K classes. */
import type { Rank, Tensor2D, Variable } from '@tensorflow/tfjs-node';
import type { SeededRandom } from '../../../contracts/seeded-random.js';
import { PPI_CHANNELS, PPI_PACKETS } from '../../model.js';
import type { OnnxGraph, OnnxValue } from '../../onnx/graph.js';
import type { OnnxBatch } from '../../onnx/inputs.js';
import {
  averagePoolNode,
  convolutionNode,
  denseNode,
  maxPoolNode,
  type Weights,
} from '../../onnx/layers.js';
import {
  averagePool,
  conv1d,
  dense,
  dropUnits,
  glorotUniform,
  maskedRelu,
  maxPool,
  zeros,
} from '../layers.js';
import type { Batch, Network } from '../network.js';
import type { Tensorflow } from '../runtime.js';

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

/** Convolutions: channels and width; those of the published 1D-CNN student on TLS-Year22 (pre-registered study OSF rts6n). */
const CONVOLUTIONS = [
  { channels: 48, width: 5 },
  { channels: 96, width: 5 },
  { channels: 96, width: 3 },
] as const;

/** A network with Keras's initial weights. */
export function createCnn(tf: Tensorflow, shape: CnnShape, random: SeededRandom): Network {
  const { classCount, featureCount, orderUnits, statsUnits, denseUnits } = shape;
  const weights = new Map<string, Variable>();
  const add = (layer: string, kernel: number[]) => {
    const pair = {
      kernel: glorotUniform(tf, kernel, random),
      bias: zeros(tf, [kernel.at(-1) ?? 1]),
    };
    weights.set(`${layer}/kernel`, pair.kernel);
    weights.set(`${layer}/bias`, pair.bias);
    return pair;
  };
  let channels: number = PPI_CHANNELS;
  const convolutions = CONVOLUTIONS.map((layer, i) => {
    const pair = add(`conv${i + 1}`, [layer.width, channels, layer.channels]);
    channels = layer.channels;
    return pair;
  });
  const stats = featureCount === 0 ? null : add('stats', [featureCount, statsUnits]);
  const order = add('order', [PPI_PACKETS * channels, orderUnits]);
  const joined = 2 * channels + orderUnits + (stats === null ? 0 : statsUnits);
  const hidden = add('dense', [joined, denseUnits]);
  const output = add('classes', [denseUnits, classCount]);

  return {
    variables: weights,
    logits({ ppi, mask, tabular }: Batch, random: SeededRandom | null): Tensor2D {
      const drop = (x: Tensor2D) => dropUnits(tf, x, shape.dropout, random);
      const activated = (x: Tensor2D, { kernel, bias }: typeof hidden) =>
        maskedRelu(tf, dense(tf, x, kernel, bias), null);
      let x = ppi; // [B, 30, 3]
      for (const { kernel, bias } of convolutions) {
        // Masked after each layer: what a bias leaves in the padding would leak into the last packets.
        x = maskedRelu(tf, conv1d(tf, x, kernel, bias, 'same'), mask); // [B, 30, C]
      }
      const flat = tf.reshape<Rank.R2>(x, [-1, PPI_PACKETS * channels]); // [B, 2880]
      const parts = [
        maxPool(tf, x), // [B, 96]
        averagePool(tf, x, mask), // [B, 96]
        activated(flat, order), // [B, 64]
      ];
      if (stats !== null) parts.push(activated(tabular, stats));
      const joint = drop(tf.concat(parts, 1)); // [B, 192 + 64 + 64]
      const deep = drop(activated(joint, hidden)); // [B, 128]
      return dense(tf, deep, output.kernel, output.bias); // [B, K]
    },
    logitsNode: (graph, batch, weightsOf) => cnnNode(graph, batch, weightsOf, stats !== null),
  };
}

function cnnNode(
  graph: OnnxGraph,
  { ppi, mask, tabular }: OnnxBatch,
  weights: (name: string) => Weights,
  withStatistics: boolean,
): OnnxValue {
  const turned = (value: OnnxValue) =>
    graph.node('Transpose', [value], { perm: { ints: [0, 2, 1] } });
  const pair = (name: string) => [weights(`${name}/kernel`), weights(`${name}/bias`)] as const;
  const layer = (value: OnnxValue, name: string) =>
    graph.node('Relu', [denseNode(graph, value, ...pair(name))]);
  const present = turned(mask); // [N, 1, 30]
  let x = turned(ppi); // [N, 3, 30]
  let channels = 0;
  for (const [i, convolution] of CONVOLUTIONS.entries()) {
    const convolved = convolutionNode(graph, x, ...pair(`conv${i + 1}`));
    x = graph.node('Mul', [graph.node('Relu', [convolved]), present]); // [N, C, 30]
    channels = convolution.channels;
  }
  const flat = graph.reshape(turned(x), PPI_PACKETS * channels);
  const parts = [
    maxPoolNode(graph, x),
    averagePoolNode(graph, x, present),
    layer(flat, 'order'),
    ...(withStatistics ? [layer(tabular, 'stats')] : []),
  ];
  const joint = graph.node('Concat', parts, { axis: { i: 1 } });
  return denseNode(graph, layer(joint, 'dense'), ...pair('classes'));
}
