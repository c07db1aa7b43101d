/** Masking + LSTM + softmax over the packets of a flow. B rows, U units, K classes. */
import type { Tensor2D, Tensor3D, Variable } from '@tensorflow/tfjs-node';
import { PPI_CHANNELS } from '../../model.js';
import { denseNode, lstmNode } from '../../onnx/layers.js';
import type { SeededRandom } from '../../../contracts/seeded-random.js';
import { dense, dropUnits, glorotUniform, orthogonalRows, variableOf, zeros } from '../layers.js';
import type { Batch, Network } from '../network.js';
import type { Tensorflow } from '../runtime.js';
import { lstmStates } from './block-lstm.js';

/** Size of an LSTM classifier. */
export interface LstmShape {
  readonly classCount: number;
  readonly units: number;
  /** Share of the last state dropped in training, [0, 1). */
  readonly dropout: number;
}

/** A network with Keras's initial weights: Glorot, orthogonal, forget bias 1. */
export function createLstm(tf: Tensorflow, shape: LstmShape, random: SeededRandom): Network {
  const { classCount, units } = shape;
  const gates = 4 * units;
  const weights = {
    'lstm/kernel': glorotUniform(tf, [PPI_CHANNELS, gates], random),
    'lstm/recurrent': orthogonalRows(tf, [units, gates], random),
    'lstm/bias': variableOf(tf, [gates], (i) => (i >= units && i < 2 * units ? 1 : 0)),
    'classes/kernel': glorotUniform(tf, [units, classCount], random),
    'classes/bias': zeros(tf, [classCount]),
  };
  return {
    variables: new Map<string, Variable>(Object.entries(weights)),
    logits({ ppi, mask }: Batch, dropout: SeededRandom | null): Tensor2D {
      const states = lstmStates(
        tf,
        tf.transpose(ppi, [1, 0, 2]), // [B, 30, 3] -> [30, B, 3]
        weights['lstm/kernel'] as Tensor2D, // created with rank 2 above
        weights['lstm/recurrent'] as Tensor2D, // created with rank 2 above
        weights['lstm/bias'],
      );
      const last = lastState(tf, states, mask); // [30, B, U] -> [B, U]
      const kept = dropUnits(tf, last, shape.dropout, dropout);
      return dense(tf, kept, weights['classes/kernel'], weights['classes/bias']); // [B, K]
    },
    logitsNode(graph, { ppi, mask }, weightsOf) {
      const last = lstmNode(graph, ppi, mask, {
        kernel: weightsOf('lstm/kernel'),
        recurrent: weightsOf('lstm/recurrent'),
        bias: weightsOf('lstm/bias'),
      });
      return denseNode(graph, last, weightsOf('classes/kernel'), weightsOf('classes/bias'));
    },
  };
}

/**
 * The state after the last packet present, which is what Keras's Masking leaves for suffix padding;
 * zero for a flow without packets. A product with a one-hot mask, whose gradient adds in a fixed
 * order, where that of a gather would not.
 */
function lastState(tf: Tensorflow, states: Tensor3D, mask: Tensor3D): Tensor2D {
  const next = tf.concat<Tensor3D>(
    [tf.slice(mask, [0, 1, 0]), tf.zerosLike(tf.slice(mask, [0, 0, 0], [-1, 1, 1]))],
    1,
  );
  const isLast = tf.transpose(tf.sub<Tensor3D>(mask, next), [1, 0, 2]); // [30, B, 1]
  return tf.sum(tf.mul(states, isLast), 0);
}
