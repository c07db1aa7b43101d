/**
 * A whole LSTM layer as one TensorFlow op. N rows, T steps, I inputs, U units; gates in Keras's order
 * i, f, c, o.
 *
 * BlockLSTMV2 wants time first and the two kernels in one matrix. Its gate order is Keras's, unlike
 * that of the first version (i, c, f, o). Its gradient is an op too, but not one that the C API knows.
 */
import type { Graph, OwnGradient } from '../graph.js';
import type { GraphValue } from '../library.js';
import type { Variable } from '../variables.js';

/** Outputs of BlockLSTMV2: i, cs, f, o, ci, co, h; the last is the hidden state. */
const HIDDEN = 6;

/** Weights of the layer. */
export interface LstmWeights {
  /** [I, 4U] */
  readonly kernel: Variable;
  /** [U, 4U] */
  readonly recurrent: Variable;
  /** [4U] */
  readonly bias: Variable;
}

/**
 * Hidden state after every step, from a zero state.
 *
 * @param x         [T, N, I]
 * @param gradients filled with that of the layer
 * @returns [T, N, U]
 */
export function lstmStates(
  graph: Graph,
  x: GraphValue,
  { kernel, recurrent, bias }: LstmWeights,
  gradients: OwnGradient[],
): GraphValue {
  const weights = graph.value('ConcatV2', [[kernel.value, recurrent.value], graph.int(0)]); // [I + U, 4U]
  const units = bias.size / 4;
  const [steps = 0] = graph.shapeOf(x);
  const sizes = graph.value('Shape', [x]);
  const rows = graph.value('Slice', [sizes, graph.ints(1), graph.ints(1)]);
  const stateShape = graph.value('ConcatV2', [[rows, graph.ints(units)], graph.int(0)]);
  const state = graph.value('Fill', [stateShape, graph.number(0)]); // [N, U]
  const peephole = graph.constant({ shape: [units], values: new Float32Array(units) });
  const length = graph.constant({ shape: [], values: BigInt64Array.of(BigInt(steps)) });
  const given = [...[length, x, state, state, weights, peephole, peephole, peephole], bias.value];
  const forward = graph.operation('BlockLSTMV2', given, {
    ...{ cell_clip: { float: 0 }, use_peephole: { bool: false } },
  });
  const outputs = Array.from({ length: HIDDEN + 1 }, (_, index) => ({ oper: forward, index }));
  const hidden = { oper: forward, index: HIDDEN };
  const of = graph.value('StopGradient', [hidden]);
  const backward = (upstream: GraphValue) => {
    const cells = graph.value('ZerosLike', [hidden]); // no loss reads the cell state
    const gradient = graph.operation('BlockLSTMGradV2', [...given, ...outputs, cells, upstream], {
      use_peephole: { bool: false },
    });
    return [0, 3, 7].map((index) => ({ oper: gradient, index })); // of x, w and b, among eight
  };
  gradients.push({ of, inputs: [x, weights, bias.value], backward });
  return of;
}
