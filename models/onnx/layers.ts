/**
 * Layers of our networks as ONNX nodes, from weights laid out as TensorFlow keeps them.
 *
 * N flows, T packets, C channels, U units. ONNX wants channels before packets, so packets are [N, C, T]
 * here wherever TensorFlow has [N, T, C].
 */
import { BATCH_NORM_EPSILON, type ConvolutionSize, type Layers } from '../layers.js';
import type { OnnxGraph, OnnxValue } from './graph.js';

/** Weights with their shape, row-major. */
export interface Weights {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** The layers of a trained network. */
export class OnnxLayers implements Layers<OnnxValue> {
  readonly #graph: OnnxGraph;
  readonly #weights: ReadonlyMap<string, Weights>;

  constructor(graph: OnnxGraph, weights: ReadonlyMap<string, Weights>) {
    this.#graph = graph;
    this.#weights = weights;
  }

  dense(name: string, x: OnnxValue, _units: number, bias = true): OnnxValue {
    const product = this.#graph.node('MatMul', [x, this.#constant(`${name}/kernel`)]);
    if (!bias) return product;
    return this.#graph.node('Add', [product, this.#constant(`${name}/bias`)]);
  }

  convolution(
    name: string,
    x: OnnxValue,
    { width, padding = 'same' }: ConvolutionSize,
    bias = true,
  ): OnnxValue {
    const { shape, values } = this.#weightsOf(`${name}/kernel`);
    const [, inputs = 0, outputs = 0] = shape;
    const turned = new Float32Array(values.length); // [width, I, O] -> [O, I, width]
    for (let w = 0; w < width; w++) {
      for (let i = 0; i < inputs; i++) {
        for (let o = 0; o < outputs; o++) {
          turned[(o * inputs + i) * width + w] = values[(w * inputs + i) * outputs + o] ?? 0;
        }
      }
    }
    const kernel = this.#graph.floats([outputs, inputs, width], turned);
    const added = bias ? [this.#constant(`${name}/bias`)] : [];
    const around = padding === 'same' ? (width - 1) / 2 : 0;
    return this.#graph.node('Conv', [x, kernel, ...added], { pads: { ints: [around, around] } });
  }

  batchNorm(name: string, x: OnnxValue): OnnxValue {
    const parts = ['scale', 'offset', 'movingMean', 'movingVariance'];
    const constants = parts.map((part) => this.#constant(`${name}/${part}`));
    const epsilon = { epsilon: { f: BATCH_NORM_EPSILON } };
    return this.#graph.node('BatchNormalization', [x, ...constants], epsilon);
  }

  relu(x: OnnxValue): OnnxValue {
    return this.#graph.node('Relu', [x]);
  }

  masked(x: OnnxValue, mask: OnnxValue): OnnxValue {
    return this.#graph.node('Mul', [x, mask]);
  }

  maxPool(x: OnnxValue): OnnxValue {
    return this.#graph.node('ReduceMax', [x], { axes: { ints: [2] }, keepdims: { i: 0 } });
  }

  averagePool(x: OnnxValue, mask: OnnxValue): OnnxValue {
    const graph = this.#graph;
    const sum = (value: OnnxValue) =>
      graph.node('ReduceSum', [value, graph.longs(2)], { keepdims: { i: 0 } });
    const one = graph.floats([], Float32Array.of(1));
    return graph.node('Div', [sum(x), graph.node('Max', [sum(mask), one])]);
  }

  lstm(name: string, x: OnnxValue, mask: OnnxValue, units: number): OnnxValue {
    const graph = this.#graph;
    const biases = new Float32Array(8 * units); // of the input, then of the state: ours has one
    biases.set(turnGates(this.#weightsOf(`${name}/bias`).values, 1, units));
    const matrix = (part: string) => {
      const { shape, values } = this.#weightsOf(`${name}/${part}`);
      const [rows = 0] = shape;
      return graph.floats([1, 4 * units, rows], turnGates(values, rows, units));
    };
    const counted = graph.node('ReduceSum', [mask, graph.longs(1, 2)], { keepdims: { i: 0 } });
    const length = graph.cast(counted, 'int32'); // [N]
    // the op wants at least one step; what it makes of an absent packet is taken away below
    const steps = graph.node('Max', [length, graph.int(1)]);
    const state = graph.nodeOutput(
      'LSTM',
      1,
      [
        graph.node('Transpose', [x], { perm: { ints: [2, 0, 1] } }), // [T, N, I]
        ...[matrix('kernel'), matrix('recurrent'), graph.floats([1, 8 * units], biases), steps],
      ],
      { hidden_size: { i: units } },
    ); // [1, N, U]
    const present = graph.cast(graph.node('Greater', [length, graph.int(0)]), 'float'); // [N]
    const last = graph.node('Squeeze', [state, graph.longs(0)]);
    return graph.node('Mul', [last, graph.node('Unsqueeze', [present, graph.longs(1)])]);
  }

  flatten(x: OnnxValue): OnnxValue {
    const turned = this.#graph.node('Transpose', [x], { perm: { ints: [0, 2, 1] } });
    return this.#graph.node('Flatten', [turned], { axis: { i: 1 } });
  }

  concat(parts: readonly OnnxValue[]): OnnxValue {
    return this.#graph.node('Concat', parts, { axis: { i: 1 } });
  }

  dropout(x: OnnxValue): OnnxValue {
    return x;
  }

  #constant(name: string): OnnxValue {
    const { shape, values } = this.#weightsOf(name);
    return this.#graph.floats(shape, values);
  }

  #weightsOf(name: string): Weights {
    const weights = this.#weights.get(name);
    if (weights === undefined) throw new TypeError(`the network has no weights ${name}`);
    return weights;
  }
}

/** [rows, 4U] with gates i, f, c, o (Keras) -> [4U, rows] with gates i, o, f, c (ONNX). */
function turnGates(values: Float32Array, rows: number, units: number): Float32Array {
  const turned = new Float32Array(values.length);
  [0, 3, 1, 2].forEach((from, to) => {
    for (let row = 0; row < rows; row++) {
      for (let u = 0; u < units; u++) {
        turned[(to * units + u) * rows + row] = values[row * 4 * units + from * units + u] ?? 0;
      }
    }
  });
  return turned;
}
