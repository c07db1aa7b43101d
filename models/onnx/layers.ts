/**
 * Layers of our networks as ONNX nodes, from weights laid out as TensorFlow keeps them.
 *
 * N flows, T packets, C channels, U units. ONNX wants [N, C, T] where TensorFlow wants [N, T, C].
 */
import type { OnnxGraph, OnnxValue } from './graph.js';

/** Weights with their shape, row-major. */
export interface Weights {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** x w + b: [N, I] -> [N, O]. */
export function denseNode(
  graph: OnnxGraph,
  x: OnnxValue,
  kernel: Weights,
  bias: Weights | null,
): OnnxValue {
  const product = graph.node('MatMul', [x, graph.floats(kernel.shape, kernel.values)]);
  if (bias === null) return product;
  return graph.node('Add', [product, graph.floats(bias.shape, bias.values)]);
}

/** Convolution of the packets with padding that keeps T: [N, I, T] -> [N, O, T]. An odd kernel [width, I, O]. */
export function convolutionNode(
  graph: OnnxGraph,
  x: OnnxValue,
  { shape, values }: Weights,
  bias: Weights | null,
): OnnxValue {
  const [width = 0, inputs = 0, outputs = 0] = shape;
  const turned = new Float32Array(values.length); // [width, I, O] -> [O, I, width]
  for (let w = 0; w < width; w++) {
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++) {
        turned[(o * inputs + i) * width + w] = values[(w * inputs + i) * outputs + o] ?? 0;
      }
    }
  }
  const kernel = graph.floats([outputs, inputs, width], turned);
  const added = bias === null ? [] : [graph.floats(bias.shape, bias.values)];
  const around = (width - 1) / 2;
  return graph.node('Conv', [x, kernel, ...added], { pads: { ints: [around, around] } });
}

/** Batch normalisation by the moving statistics, channels second: [N, C] or [N, C, T]. */
export function batchNormNode(
  graph: OnnxGraph,
  x: OnnxValue,
  weights: Readonly<Record<'scale' | 'offset' | 'mean' | 'variance', Weights>>,
  epsilon: number,
): OnnxValue {
  const { scale, offset, mean, variance } = weights;
  const constants = [scale, offset, mean, variance].map(({ shape, values }) =>
    graph.floats(shape, values),
  );
  return graph.node('BatchNormalization', [x, ...constants], { epsilon: { f: epsilon } });
}

/** Keras GlobalMaxPooling1D of what is not negative: [N, C, T] -> [N, C]. */
export function maxPoolNode(graph: OnnxGraph, x: OnnxValue): OnnxValue {
  return graph.node('ReduceMax', [x], { axes: { ints: [2] }, keepdims: { i: 0 } });
}

/** Keras GlobalAveragePooling1D over the packets present, [N, 1, T]: [N, C, T] -> [N, C]. */
export function averagePoolNode(graph: OnnxGraph, x: OnnxValue, mask: OnnxValue): OnnxValue {
  const sum = (value: OnnxValue) =>
    graph.node('ReduceSum', [value, graph.longs(2)], { keepdims: { i: 0 } });
  const one = graph.floats([], Float32Array.of(1));
  return graph.node('Div', [sum(x), graph.node('Max', [sum(mask), one])]);
}

/**
 * The state of an LSTM after the last packet present, 0 for a flow without packets: -> [N, U].
 *
 * @param x    [N, T, I]
 * @param mask [N, T, 1]
 */
export function lstmNode(
  graph: OnnxGraph,
  x: OnnxValue,
  mask: OnnxValue,
  { kernel, recurrent, bias }: Record<'kernel' | 'recurrent' | 'bias', Weights>,
): OnnxValue {
  const units = bias.values.length / 4;
  const biases = new Float32Array(8 * units); // of the input, then of the state: ours has one
  biases.set(turnGates(bias.values, 1, units));
  const matrixOf = ({ shape: [rows = 0], values }: Weights) =>
    graph.floats([1, 4 * units, rows], turnGates(values, rows, units));
  const counted = graph.node('ReduceSum', [mask, graph.longs(1, 2)], { keepdims: { i: 0 } });
  const length = graph.cast(counted, 'int32'); // [N]
  // the op wants at least one step; what it makes of an absent packet is taken away below
  const steps = graph.node('Max', [length, graph.int(1)]);
  const state = graph.nodeOutput(
    'LSTM',
    1,
    [
      graph.node('Transpose', [x], { perm: { ints: [1, 0, 2] } }), // [T, N, I]
      matrixOf(kernel),
      matrixOf(recurrent),
      graph.floats([1, 8 * units], biases),
      steps,
    ],
    { hidden_size: { i: units } },
  ); // [1, N, U]
  const present = graph.cast(graph.node('Greater', [length, graph.int(0)]), 'float'); // [N]
  const last = graph.node('Squeeze', [state, graph.longs(0)]);
  return graph.node('Mul', [last, graph.node('Unsqueeze', [present, graph.longs(1)])]);
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
