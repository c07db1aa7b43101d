/**
 * Batch normalisation as TensorFlow's fused ops (Ioffe and Szegedy 2015), with Keras's
 * semantics. B rows, T steps, C channels.
 */
import type { Tensor, Tensor4D, Variable } from '@tensorflow/tfjs-node';
import { variableOf } from './layers.js';
import { runOp, type Tensorflow } from './runtime.js';

/** Share of the old moving statistics that a batch leaves; with Keras's 0.99 those of a short training would still be the first ones. */
const MOMENTUM = 0.9;

/** Added to the variance. */
export const BATCH_NORM_EPSILON = 1e-3;

/** Outputs of FusedBatchNorm: y, mean, variance, and two that its gradient wants back. */
const FORWARD_OUTPUTS = 5;

/** Outputs of FusedBatchNormGrad: of x, scale and offset, and two that are empty. */
const BACKWARD_OUTPUTS = 5;

/** The four [C] weights of a layer; the moving ones are learnt by averaging. */
export interface BatchNorm {
  readonly scale: Variable;
  readonly offset: Variable;
  readonly movingMean: Variable;
  readonly movingVariance: Variable;
}

/** A layer as Keras begins it. */
export function createBatchNorm(tf: Tensorflow, channels: number): BatchNorm {
  return {
    scale: variableOf(tf, [channels], () => 1),
    offset: variableOf(tf, [channels], () => 0),
    movingMean: variableOf(tf, [channels], () => 0, false),
    movingVariance: variableOf(tf, [channels], () => 1, false),
  };
}

/**
 * Normalises each channel: in training by the mean and variance of the batch, which move the moving
 * ones; else by these.
 *
 * @param x [B, T, C] or [B, C]; the result has the same shape
 */
export function batchNorm<T extends Tensor>(
  tf: Tensorflow,
  x: T,
  layer: BatchNorm,
  training: boolean,
): T {
  const channels = layer.scale.size;
  const image = tf.reshape(x, [-1, 1, 1, channels]); // the fused ops want four axes
  const normal = training
    ? normaliseBatch(tf, image as Tensor4D, layer) // reshaped to rank 4 above
    : tf.batchNorm(
        image,
        layer.movingMean,
        layer.movingVariance,
        layer.offset,
        layer.scale,
        BATCH_NORM_EPSILON,
      );
  return tf.reshape(normal, x.shape) as T; // the shape it came with
}

function normaliseBatch(tf: Tensorflow, x: Tensor4D, layer: BatchNorm): Tensor {
  const operation = tf.customGrad((...inputs) => {
    // tfjs declares tensors only, and appends its function that saves tensors
    const [input, scale, offset, save] = inputs as unknown as [
      Tensor,
      Tensor,
      Tensor,
      (tensors: Tensor[]) => void,
    ];
    const none = tf.zeros([0]); // moving statistics are not the op's business in training
    const [y, mean, variance, ...reserved] = runOp(
      tf,
      'FusedBatchNorm',
      { epsilon: BATCH_NORM_EPSILON, is_training: true },
      [input, scale, offset, none, none],
      FORWARD_OUTPUTS,
    ) as [Tensor, Tensor, Tensor, Tensor, Tensor]; // the op returns five
    const rows = input.size / scale.size;
    move(tf, layer.movingMean, mean);
    // the op gives the unbiased variance, Keras averages the other
    move(tf, layer.movingVariance, tf.mul(variance, (rows - 1) / rows));
    save([input, scale, ...reserved]);
    return {
      value: y,
      gradFunc: (upstream: Tensor, saved: Tensor[]) =>
        runOp(
          tf,
          'FusedBatchNormGrad',
          { epsilon: BATCH_NORM_EPSILON, is_training: true },
          [upstream, ...saved],
          BACKWARD_OUTPUTS,
        ).slice(0, 3), // of x, scale and offset
    };
  });
  return operation(x, layer.scale, layer.offset);
}

function move(tf: Tensorflow, moving: Variable, batch: Tensor): void {
  moving.assign(tf.add(tf.mul(moving, MOMENTUM), tf.mul(batch, 1 - MOMENTUM)));
}
