/** Layers as TensorFlow operations. B rows of a batch. */
import type { ConvolutionSize, Layers } from '../layers.js';
import type { NativePointer } from '../native-library.js';
import { batchNorm } from './batch-norm.js';
import type { Graph, OwnGradient } from './graph.js';
import { filledWith, forgetBias, glorotUniform, orthogonalRows } from './initial-weights.js';
import type { GraphValue } from './library.js';
import { lstmStates } from './lstm/block-lstm.js';
import type { Variables } from './variables.js';

/** What layers need in training beside their inputs. */
export interface TrainingLayers {
  /** int32 [2]: decides which units are dropped. */
  readonly seed: GraphValue;
  /** Filled with the operations that move the moving statistics. */
  readonly moves: NativePointer[];
  /** Filled with the gradients that layers have of their own. */
  readonly gradients: OwnGradient[];
}

/** The layers of a network; those of training and of prediction share their variables. */
export class TensorflowLayers implements Layers<GraphValue> {
  readonly #graph: Graph;
  readonly #variables: Variables;
  readonly #training: TrainingLayers | null;
  #dropouts = 0;

  /** @param training null in prediction */
  constructor(graph: Graph, variables: Variables, training: TrainingLayers | null) {
    this.#graph = graph;
    this.#variables = variables;
    this.#training = training;
  }

  dense(name: string, x: GraphValue, units: number, bias = true): GraphValue {
    const kernel = this.#variables.get(`${name}/kernel`, [this.#width(x), units], glorotUniform);
    const product = this.#graph.value('MatMul', [x, kernel.value]);
    return bias ? this.#withBias(name, product, units) : product;
  }

  convolution(
    name: string,
    x: GraphValue,
    { channels, width, padding = 'same' }: ConvolutionSize,
    bias = true,
  ): GraphValue {
    const graph = this.#graph;
    const shape = [width, this.#width(x), channels];
    const kernel = this.#variables.get(`${name}/kernel`, shape, glorotUniform);
    const image = graph.value('ExpandDims', [x, graph.int(1)]); // one pixel high
    const filter = graph.value('ExpandDims', [kernel.value, graph.int(0)]);
    const sums = graph.value('Conv2D', [image, filter], {
      ...{ strides: { ints: [1, 1, 1, 1] }, padding: { text: padding.toUpperCase() } },
    });
    const flat = graph.value('Squeeze', [sums], { squeeze_dims: { ints: [1] } });
    return bias ? this.#withBias(name, flat, channels) : flat;
  }

  batchNorm(name: string, x: GraphValue): GraphValue {
    const shape = [this.#width(x)];
    const part = (key: string, first: number, trainable = true) =>
      this.#variables.get(`${name}/${key}`, shape, filledWith(first), trainable);
    const layer = {
      ...{ scale: part('scale', 1), offset: part('offset', 0) },
      movingMean: part('movingMean', 0, false),
      movingVariance: part('movingVariance', 1, false),
    };
    return batchNorm(this.#graph, x, layer, this.#training?.moves ?? null);
  }

  relu(x: GraphValue): GraphValue {
    return this.#graph.value('Relu', [x]);
  }

  masked(x: GraphValue, mask: GraphValue): GraphValue {
    return this.#graph.value('Mul', [x, mask]);
  }

  maxPool(x: GraphValue): GraphValue {
    return this.#graph.value('Max', [x, this.#graph.ints(1)]);
  }

  averagePool(x: GraphValue, mask: GraphValue): GraphValue {
    const graph = this.#graph;
    const present = graph.value('Maximum', [this.#sum(mask, 1), graph.number(1)]);
    return graph.value('RealDiv', [this.#sum(x, 1), present]);
  }

  /**
   * What Keras's Masking leaves for suffix padding. The last state is taken by a product with a one-hot
   * mask, whose gradient adds in a fixed order, where that of a gather would not.
   */
  lstm(name: string, x: GraphValue, mask: GraphValue, units: number): GraphValue {
    const graph = this.#graph;
    const timeFirst = (value: GraphValue) =>
      graph.value('Transpose', [value, graph.ints(1, 0, 2)], { Tperm: { type: 'int32' } });
    const weights = {
      kernel: this.#variables.get(`${name}/kernel`, [this.#width(x), 4 * units], glorotUniform),
      recurrent: this.#variables.get(`${name}/recurrent`, [units, 4 * units], orthogonalRows),
      bias: this.#variables.get(`${name}/bias`, [4 * units], forgetBias),
    };
    const gradients = this.#training?.gradients ?? []; // in prediction nobody asks for them
    const states = lstmStates(graph, timeFirst(x), weights, gradients); // [T, B, U]
    const later = graph.value('Slice', [mask, graph.ints(0, 1, 0), graph.ints(-1, -1, -1)]);
    const first = graph.value('Slice', [mask, graph.ints(0, 0, 0), graph.ints(-1, 1, -1)]);
    const next = graph.value('ConcatV2', [
      [later, graph.value('ZerosLike', [first])],
      graph.int(1),
    ]);
    const isLast = graph.value('Sub', [mask, next]);
    return this.#sum(graph.value('Mul', [states, timeFirst(isLast)]), 0);
  }

  flatten(x: GraphValue): GraphValue {
    const [, steps = 0, channels = 0] = this.#graph.shapeOf(x);
    return this.#graph.value('Reshape', [x, this.#graph.ints(-1, steps * channels)]);
  }

  concat(parts: readonly GraphValue[]): GraphValue {
    return this.#graph.value('ConcatV2', [parts, this.#graph.int(1)]);
  }

  dropout(x: GraphValue, rate: number): GraphValue {
    if (this.#training === null || rate === 0) return x;
    const graph = this.#graph;
    const seed = graph.value('AddV2', [this.#training.seed, graph.ints(0, this.#dropouts++)]);
    const drawn = graph.value('StatelessRandomUniform', [graph.value('Shape', [x]), seed], {
      ...{ dtype: { type: 'float32' }, Tseed: { type: 'int32' } },
    });
    const kept = graph.value('GreaterEqual', [drawn, graph.number(rate)]);
    const scale = graph.value('Mul', [
      graph.value('Cast', [kept], { DstT: { type: 'float32' } }),
      graph.number(1 / (1 - rate)),
    ]);
    return graph.value('Mul', [x, scale]);
  }

  #withBias(name: string, x: GraphValue, units: number): GraphValue {
    const bias = this.#variables.get(`${name}/bias`, [units], filledWith(0));
    return this.#graph.value('BiasAdd', [x, bias.value]);
  }

  #sum(x: GraphValue, axis: number): GraphValue {
    return this.#graph.value('Sum', [x, this.#graph.ints(axis)]);
  }

  /** Size of the last axis. */
  #width(x: GraphValue): number {
    return this.#graph.shapeOf(x).at(-1) ?? 0;
  }
}
