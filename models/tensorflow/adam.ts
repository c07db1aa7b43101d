/** Adam (Kingma and Ba 2015), with a learning rate that may differ per step. P trainable weights in all. */
import type { Tensor, Tensor1D, Variable } from '@tensorflow/tfjs-node';
import type { Tensorflow } from './runtime.js';

// The defaults of Keras.
const BETA_1 = 0.9;
const BETA_2 = 0.999;
const EPSILON = 1e-7;

/** What the optimiser knows between two steps. */
export interface AdamState {
  /** Steps so far. */
  readonly step: number;
  /** [P] running mean of the gradient, weights in the order of the variables. */
  readonly first: Float32Array;
  /** [P] running mean of its square. */
  readonly second: Float32Array;
}

/**
 * The optimiser of a network's trainable weights; dispose after training.
 *
 * All weights are moved as one vector: a step is a dozen ops however many variables there are.
 */
export class Adam {
  readonly #tf: Tensorflow;
  readonly #variables: readonly Variable[];
  readonly #first: Variable;
  readonly #second: Variable;
  #step = 0;

  constructor(tf: Tensorflow, variables: Iterable<Variable>) {
    this.#tf = tf;
    this.#variables = [...variables].filter(({ trainable }) => trainable);
    const size = this.#variables.reduce((sum, variable) => sum + variable.size, 0);
    const zeros = () => tf.tidy(() => tf.variable(tf.zeros([size]), false));
    this.#first = zeros();
    this.#second = zeros();
  }

  /** One step down the gradients, which are keyed by the name tfjs gave the variable. */
  apply(gradients: Readonly<Record<string, Tensor>>, learningRate: number): void {
    const tf = this.#tf;
    this.#step++;
    const rate = (learningRate * Math.sqrt(1 - BETA_2 ** this.#step)) / (1 - BETA_1 ** this.#step);
    tf.tidy(() => {
      const flat = this.#variables.map(({ name, size }) =>
        tf.reshape(gradients[name] ?? tf.zeros([size]), [size]),
      );
      const gradient = tf.concat(flat as Tensor1D[]); // reshaped to rank 1 above
      const m = tf.add(tf.mul(this.#first, BETA_1), tf.mul(gradient, 1 - BETA_1));
      const v = tf.add(tf.mul(this.#second, BETA_2), tf.mul(tf.square(gradient), 1 - BETA_2));
      this.#first.assign(m);
      this.#second.assign(v);
      const change = tf.div(tf.mul(m, rate), tf.add(tf.sqrt(v), EPSILON));
      const changes = tf.split(
        change,
        this.#variables.map(({ size }) => size),
      );
      this.#variables.forEach((variable, i) => {
        const part = changes[i];
        if (part !== undefined) {
          variable.assign(tf.sub(variable, tf.reshape(part, variable.shape)));
        }
      });
    });
  }

  /** Copies of all it knows. */
  state(): AdamState {
    return {
      step: this.#step,
      first: this.#first.dataSync<'float32'>().slice(),
      second: this.#second.dataSync<'float32'>().slice(),
    };
  }

  /** Goes on where an optimiser of the same variables was. */
  restore({ step, first, second }: AdamState): void {
    const tf = this.#tf;
    this.#step = step;
    tf.tidy(() => {
      this.#first.assign(tf.tensor1d(first));
      this.#second.assign(tf.tensor1d(second));
    });
  }

  dispose(): void {
    this.#first.dispose();
    this.#second.dispose();
  }
}
