/** The loss of every classifier here. B rows of a batch, K classes. */
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs-node';
import { runOp, type Tensorflow } from './runtime.js';

/**
 * Mean over the rows of weight x cross-entropy of the softmax; one op gives loss and slope.
 *
 * @param logits  [B, K]
 * @param labels  [B] class indices
 * @param weights [B]
 */
export function weightedCrossEntropy(
  tf: Tensorflow,
  logits: Tensor2D,
  labels: Int32Array,
  weights: Float32Array,
): Scalar {
  const [rows, classCount] = logits.shape;
  const operation = tf.customGrad((...inputs) => {
    const [scores, save] = inputs as unknown as [Tensor, (tensors: Tensor[]) => void]; // tfjs declares tensors only
    const wanted = tf.oneHot(tf.tensor1d(labels, 'int32'), classCount, 1, 0, 'float32');
    const outputs = runOp(tf, 'SoftmaxCrossEntropyWithLogits', {}, [scores, wanted], 2);
    const [losses, slopes] = outputs as [Tensor, Tensor]; // the op returns two: [B] and [B, K]
    save([slopes]);
    return {
      value: tf.mean(tf.mul(losses, tf.tensor1d(weights))),
      gradFunc: (upstream: Tensor, [saved]: Tensor[]) => {
        const share = tf.tensor2d(
          weights.map((weight) => weight / rows),
          [rows, 1],
        );
        return tf.mul(saved as Tensor, tf.mul(share, upstream)); // saved above
      },
    };
  });
  return operation(logits) as Scalar; // a mean
}
