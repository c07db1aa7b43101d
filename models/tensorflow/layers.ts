/** Layers as functions of their weights, with Keras's semantics and initial values. */
import type { Tensor, Tensor2D, Tensor3D, Variable } from '@tensorflow/tfjs-node';
import type { SeededRandom } from '../../contracts/seeded-random.js';
import { gaussian } from '../random.js';
import { runOp, type Tensorflow } from './runtime.js';

/** x w + b: [B, I] x [I, O] -> [B, O]. */
export function dense(tf: Tensorflow, x: Tensor2D, kernel: Tensor, bias: Tensor): Tensor2D {
  return tf.add(tf.matMul(x, kernel as Tensor2D), bias); // a dense kernel has rank 2
}

/** Keras Conv1D with stride 1: [B, T, I] * [width, I, O] -> [B, T or T - width + 1, O]. */
export function conv1d(
  tf: Tensorflow,
  x: Tensor3D,
  kernel: Tensor,
  bias: Tensor | null,
  padding: 'same' | 'valid',
): Tensor3D {
  const sums = tf.conv1d(x, kernel as Tensor3D, 1, padding); // a conv kernel has rank 3
  return bias === null ? sums : tf.add(sums, bias);
}

/** max(x, 0), and 0 where `mask` is 0; the slope takes one op, where those of tfjs's own take six. */
export function maskedRelu<T extends Tensor>(tf: Tensorflow, x: T, mask: Tensor | null): T {
  const operation = tf.customGrad((...inputs) => {
    const [input, save] = inputs as unknown as [Tensor, (tensors: Tensor[]) => void]; // tfjs declares tensors only
    const positive = tf.relu(input);
    const value = mask === null ? positive : tf.mul(positive, mask);
    save([value]);
    const gradFunc = (upstream: Tensor, saved: Tensor[]) =>
      runOp(tf, 'ReluGrad', {}, [upstream, ...saved], 1)[0] as Tensor; // it returns one
    return { value, gradFunc };
  });
  return operation(x) as T; // of the same shape
}

/**
 * Keras GlobalMaxPooling1D over the packets present: [B, T, C] -> [B, C].
 *
 * @param x not negative (after ReLU), and 0 where there is no packet
 */
export function maxPool(tf: Tensorflow, x: Tensor3D): Tensor2D {
  return tf.max(x, 1);
}

/**
 * Keras GlobalAveragePooling1D with a mask: [B, T, C] -> [B, C]; 0 for a flow without packets.
 *
 * @param x    0 where there is no packet
 * @param mask [B, T, 1]
 */
export function averagePool(tf: Tensorflow, x: Tensor3D, mask: Tensor3D): Tensor2D {
  return tf.div(tf.sum<Tensor2D>(x, 1), tf.maximum(tf.sum<Tensor2D>(mask, 1), 1));
}

/**
 * Inverted dropout: zeroes a share `rate` of the units and scales the rest by 1 / (1 - rate).
 *
 * @param random null in prediction, which drops nothing
 */
export function dropUnits(
  tf: Tensorflow,
  x: Tensor2D,
  rate: number,
  random: SeededRandom | null,
): Tensor2D {
  if (random === null || rate === 0) return x;
  const kept = new Float32Array(x.size);
  for (let i = 0; i < kept.length; i++) kept[i] = random.uniform() < rate ? 0 : 1 / (1 - rate);
  return tf.mul(x, tf.tensor2d(kept, x.shape));
}

/** Glorot and Bengio 2010, uniform: Keras's default for kernels. The last two axes are in and out. */
export function glorotUniform(tf: Tensorflow, shape: number[], random: SeededRandom): Variable {
  const field = shape.slice(0, -2).reduce((product, size) => product * size, 1);
  const limit = Math.sqrt(6 / (field * ((shape.at(-2) ?? 1) + (shape.at(-1) ?? 1))));
  return variableOf(tf, shape, () => limit * (2 * random.uniform() - 1));
}

/** Rows drawn from a Gaussian and made orthonormal (Gram-Schmidt): Keras's default for recurrent kernels. [rows <= columns]. */
export function orthogonalRows(
  tf: Tensorflow,
  shape: [number, number],
  random: SeededRandom,
): Variable {
  const [rows, columns] = shape;
  const basis: Float64Array[] = [];
  for (let r = 0; r < rows; r++) {
    const row = Float64Array.from({ length: columns }, () => gaussian(random));
    for (const earlier of basis) {
      const overlap = row.reduce((sum, value, i) => sum + value * (earlier[i] ?? 0), 0);
      for (let i = 0; i < columns; i++) row[i] = (row[i] ?? 0) - overlap * (earlier[i] ?? 0);
    }
    const norm = Math.hypot(...row);
    basis.push(row.map((value) => value / norm));
  }
  return variableOf(tf, shape, (i) => basis[Math.floor(i / columns)]?.[i % columns] ?? 0);
}

/** A variable of zeros. */
export function zeros(tf: Tensorflow, shape: number[]): Variable {
  return variableOf(tf, shape, () => 0);
}

/** A variable filled by index, row-major; one that is not trainable has no gradient. */
export function variableOf(
  tf: Tensorflow,
  shape: number[],
  valueAt: (index: number) => number,
  trainable = true,
): Variable {
  const length = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length }, (_, i) => valueAt(i));
  return tf.tidy(() => tf.variable(tf.tensor(values, shape), trainable));
}
