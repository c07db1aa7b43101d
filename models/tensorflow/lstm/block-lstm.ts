/**
 * A whole LSTM layer as one TensorFlow op, about seven times faster than tfjs's own layer.
 * N rows, T steps, I inputs, U units; gates in Keras's order i, f, c, o.
 *
 * BlockLSTMV2 wants time first and the two kernels in one matrix. Its gate order is Keras's, unlike
 * that of the first version (i, c, f, o).
 */
import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs-node';
import { int64Scalar, runOp, type Tensorflow } from '../runtime.js';

/** Outputs of BlockLSTMV2: i, cs, f, o, ci, co, h; the last is the hidden state. */
const FORWARD_OUTPUTS = 7;

/** Outputs of BlockLSTMGradV2: x, cs_prev, h_prev, w, wci, wcf, wco, b. */
const BACKWARD_OUTPUTS = 8;

/**
 * Hidden state after every step, from a zero state; differentiable in all four inputs.
 *
 * @param x         [T, N, I]
 * @param kernel    [I, 4U]
 * @param recurrent [U, 4U]
 * @param bias      [4U]
 * @returns [T, N, U]
 */
export function lstmStates(
  tf: Tensorflow,
  x: Tensor3D,
  kernel: Tensor2D,
  recurrent: Tensor2D,
  bias: Tensor,
): Tensor3D {
  return fusedLstm(tf, x, tf.concat([kernel, recurrent], 0), bias); // [I + U, 4U]
}

function fusedLstm(tf: Tensorflow, x: Tensor3D, weights: Tensor, bias: Tensor): Tensor3D {
  const [T, N] = x.shape;
  const U = bias.size / 4;
  const operation = tf.customGrad((...inputs) => {
    // tfjs declares tensors only, and appends its function that saves tensors
    const [input, w, b, save] = inputs as unknown as [
      Tensor,
      Tensor,
      Tensor,
      (tensors: Tensor[]) => void,
    ]; // customGrad hands over the three tensors and the saver
    const state = tf.zeros([N, U]);
    const peephole = tf.zeros([U]);
    const parameters = [state, state, w, peephole, peephole, peephole, b];
    const steps = int64Scalar(T);
    const outputs = runOp(
      tf,
      'BlockLSTMV2',
      { cell_clip: 0, use_peephole: false },
      [steps, input, ...parameters],
      FORWARD_OUTPUTS,
    );
    const hidden = outputs[FORWARD_OUTPUTS - 1] as Tensor; // the op returns seven
    save([input, w, b, ...outputs]);
    const gradFunc = (upstream: Tensor, saved: Tensor[]) => {
      const [savedInput, savedWeights, savedBias, ...forward] = saved;
      const zeroState = tf.zeros([N, U]);
      const zeroPeephole = tf.zeros([U]);
      const gradients = runOp(
        tf,
        'BlockLSTMGradV2',
        { use_peephole: false },
        [
          int64Scalar(T),
          savedInput,
          zeroState,
          zeroState,
          savedWeights,
          zeroPeephole,
          zeroPeephole,
          zeroPeephole,
          savedBias,
          ...forward,
          tf.zeros([T, N, U]), // no loss reads the cell state
          upstream,
        ],
        BACKWARD_OUTPUTS,
      );
      return [gradients[0], gradients[3], gradients[7]] as Tensor[]; // of x, w and b
    };
    return { value: hidden, gradFunc };
  });
  return operation(x, weights, bias) as Tensor3D; // [T, N, U]
}
