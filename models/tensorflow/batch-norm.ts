/** Batch normalisation as TensorFlow's fused op (Ioffe and Szegedy 2015), with Keras's semantics. C channels. */
import { BATCH_NORM_EPSILON } from '../layers.js';
import type { NativePointer } from '../native-library.js';
import type { Graph } from './graph.js';
import type { GraphValue } from './library.js';
import type { Variable } from './variables.js';

/** Share of the old moving statistics that a batch leaves; with Keras's 0.99 those of a short training would still be the first ones. */
const MOMENTUM = 0.9;

/** The four [C] weights of a layer; the moving ones are learnt by averaging. */
export interface BatchNorm {
  readonly scale: Variable;
  readonly offset: Variable;
  readonly movingMean: Variable;
  readonly movingVariance: Variable;
}

/**
 * Normalises each channel of x [..., C].
 *
 * @param moves in training, filled with the operations that move the moving statistics; null in prediction
 */
export function batchNorm(
  graph: Graph,
  x: GraphValue,
  { scale, offset, movingMean, movingVariance }: BatchNorm,
  moves: NativePointer[] | null,
): GraphValue {
  const image = graph.value('Reshape', [x, graph.ints(-1, 1, 1, scale.size)]); // the op wants four axes
  const none = graph.constant({ shape: [0], values: new Float32Array() });
  const statistics = moves === null ? [movingMean.value, movingVariance.value] : [none, none];
  const normal = graph.operation(
    'FusedBatchNormV3',
    [image, scale.value, offset.value, ...statistics],
    { epsilon: { float: BATCH_NORM_EPSILON }, is_training: { bool: moves !== null } },
  );
  const [mean, variance] = [
    { oper: normal, index: 1 },
    { oper: normal, index: 2 },
  ] as const;
  moves?.push(
    move(graph, movingMean, mean),
    move(graph, movingVariance, biased(graph, variance, image, scale.size)),
  );
  return graph.value('Reshape', [{ oper: normal, index: 0 }, graph.value('Shape', [x])]);
}

function move(graph: Graph, { handle, value }: Variable, batch: GraphValue): NativePointer {
  const kept = graph.value('Mul', [value, graph.number(MOMENTUM)]);
  const added = graph.value('Mul', [batch, graph.number(1 - MOMENTUM)]);
  const moved = graph.value('AddV2', [kept, added]);
  return graph.operation('AssignVariableOp', [handle, moved], { dtype: { type: 'float32' } });
}

/** The op gives the unbiased variance, Keras averages the other: times (n - 1) / n, n values a channel. */
function biased(
  graph: Graph,
  variance: GraphValue,
  values: GraphValue,
  channels: number,
): GraphValue {
  const size = graph.value('Cast', [graph.value('Size', [values])], { DstT: { type: 'float32' } });
  const n = graph.value('RealDiv', [size, graph.number(channels)]);
  const share = graph.value('RealDiv', [graph.value('Sub', [n, graph.number(1)]), n]);
  return graph.value('Mul', [variance, share]);
}
