/**
 * A network of two branches, in the manner of mm-CESNET (Luxemburk and Čejka 2023): convolutions over
 * the packets, dense layers over the flow's statistics, joined before the classes; every layer is
 * batch-normalised. A tenth of its size, for two cores. B rows, K classes.
 */
import type { Rank, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs-node';
import type { SeededRandom } from '../../../contracts/seeded-random.js';
import { PPI_CHANNELS, PPI_PACKETS } from '../../model.js';
import type { OnnxGraph, OnnxValue } from '../../onnx/graph.js';
import type { OnnxBatch } from '../../onnx/inputs.js';
import {
  averagePoolNode,
  batchNormNode,
  convolutionNode,
  denseNode,
  maxPoolNode,
  type Weights,
} from '../../onnx/layers.js';
import { BATCH_NORM_EPSILON, batchNorm, createBatchNorm, type BatchNorm } from '../batch-norm.js';
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

/** Size of a two-branch classifier. */
export interface TwoBranchShape {
  readonly classCount: number;
  /** F, tabular columns; at least 1. */
  readonly featureCount: number;
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

/** Channels of the last convolution. */
const CHANNELS = 96;

/** A kernel whose sums are batch-normalised, so that it needs no bias. */
interface NormalLayer {
  readonly kernel: Variable;
  readonly norm: BatchNorm;
}

/** A network with Keras's initial weights. */
export function createTwoBranch(
  tf: Tensorflow,
  shape: TwoBranchShape,
  random: SeededRandom,
): Network {
  const { classCount, featureCount, orderUnits, statsUnits, denseUnits } = shape;
  const variables = new Map<string, Variable>();
  const add = (name: string, kernelShape: number[]): NormalLayer => {
    const kernel = glorotUniform(tf, kernelShape, random);
    const norm = createBatchNorm(tf, kernelShape.at(-1) ?? 1);
    variables.set(`${name}/kernel`, kernel);
    for (const [part, variable] of Object.entries<Variable>({ ...norm }))
      variables.set(`${name}/${part}`, variable);
    return { kernel, norm };
  };
  let channels: number = PPI_CHANNELS;
  const convolutions = CONVOLUTIONS.map((layer) => {
    const made = add(layer.name, [layer.width, channels, layer.channels]);
    channels = layer.channels;
    return made;
  });
  const order = add('order', [PPI_PACKETS * CHANNELS, orderUnits]);
  const half = Math.ceil(statsUnits / 2);
  const first = add('stats1', [featureCount, statsUnits]);
  const second = add('stats2', [statsUnits, half]);
  const joint = add('joint', [2 * CHANNELS + orderUnits + half, denseUnits]);
  const output = glorotUniform(tf, [denseUnits, classCount], random);
  const bias = zeros(tf, [classCount]);
  variables.set('classes/kernel', output).set('classes/bias', bias);

  return {
    variables,
    logits({ ppi, mask, tabular }: Batch, dropout: SeededRandom | null): Tensor2D {
      const normal = <T extends Tensor>(x: T, { norm }: NormalLayer, present: Tensor | null) =>
        maskedRelu(tf, batchNorm(tf, x, norm, dropout !== null), present);
      const layer = (x: Tensor2D, one: NormalLayer) =>
        normal(tf.matMul<Tensor2D>(x, one.kernel), one, null);
      const drop = (x: Tensor2D) => dropUnits(tf, x, shape.dropout, dropout);
      let x = ppi; // [B, 30, 3]
      for (const one of convolutions) {
        x = normal(conv1d(tf, x, one.kernel, null, 'same'), one, mask); // [B, 30, C]
      }
      const flat = tf.reshape<Rank.R2>(x, [-1, PPI_PACKETS * CHANNELS]); // [B, 2880]
      const packets = [maxPool(tf, x), averagePool(tf, x, mask), layer(flat, order)];
      const statistics = layer(layer(tabular, first), second);
      const both = drop(tf.concat([...packets, statistics], 1)); // [B, 192 + 48 + 64]
      return dense(tf, drop(layer(both, joint)), output, bias); // [B, K]
    },
    logitsNode: twoBranchNode,
  };
}

function twoBranchNode(
  graph: OnnxGraph,
  { ppi, mask, tabular }: OnnxBatch,
  weights: (name: string) => Weights,
): OnnxValue {
  const turned = (value: OnnxValue) =>
    graph.node('Transpose', [value], { perm: { ints: [0, 2, 1] } });
  const normal = (value: OnnxValue, name: string) => {
    const part = (key: keyof BatchNorm) => weights(`${name}/${key}`);
    const norm = {
      ...{ scale: part('scale'), offset: part('offset') },
      ...{ mean: part('movingMean'), variance: part('movingVariance') },
    };
    return graph.node('Relu', [batchNormNode(graph, value, norm, BATCH_NORM_EPSILON)]);
  };
  const layer = (value: OnnxValue, name: string) =>
    normal(denseNode(graph, value, weights(`${name}/kernel`), null), name);
  const present = turned(mask); // [N, 1, 30]
  let x = turned(ppi); // [N, 3, 30]
  for (const { name } of CONVOLUTIONS) {
    const convolved = convolutionNode(graph, x, weights(`${name}/kernel`), null);
    x = graph.node('Mul', [normal(convolved, name), present]); // [N, C, 30]
  }
  const flat = graph.reshape(turned(x), PPI_PACKETS * CHANNELS);
  const parts = [
    maxPoolNode(graph, x),
    averagePoolNode(graph, x, present),
    layer(flat, 'order'),
    layer(layer(tabular, 'stats1'), 'stats2'),
  ];
  const both = graph.node('Concat', parts, { axis: { i: 1 } });
  return denseNode(graph, layer(both, 'joint'), weights('classes/kernel'), weights('classes/bias'));
}
