/** Adam (Kingma and Ba 2015), with a learning rate that may differ per step. */
import type { Tensor, Variable } from '@tensorflow/tfjs-node';
import type { Tensorflow } from './runtime.js';

// The defaults of Keras.
const BETA_1 = 0.9;
const BETA_2 = 0.999;
const EPSILON = 1e-7;

/** The optimiser's moments; dispose after training. */
export class Adam {
  readonly #tf: Tensorflow;
  readonly #slots: { variable: Variable; first: Variable; second: Variable }[];
  #step = 0;

  constructor(tf: Tensorflow, variables: Iterable<Variable>) {
    this.#tf = tf;
    this.#slots = [...variables].map((variable) => {
      const zero = () => tf.tidy(() => tf.variable(tf.zeros(variable.shape), false));
      return { variable, first: zero(), second: zero() };
    });
  }

  /** One step down the gradients, which are keyed by the name tfjs gave the variable. */
  apply(gradients: Readonly<Record<string, Tensor>>, learningRate: number): void {
    const tf = this.#tf;
    this.#step++;
    const rate = (learningRate * Math.sqrt(1 - BETA_2 ** this.#step)) / (1 - BETA_1 ** this.#step);
    tf.tidy(() => {
      for (const { variable, first, second } of this.#slots) {
        const gradient = gradients[variable.name];
        if (gradient === undefined) continue;
        const m = tf.add(tf.mul(first, BETA_1), tf.mul(gradient, 1 - BETA_1));
        const v = tf.add(tf.mul(second, BETA_2), tf.mul(tf.square(gradient), 1 - BETA_2));
        variable.assign(tf.sub(variable, tf.div(tf.mul(m, rate), tf.add(tf.sqrt(v), EPSILON))));
        first.assign(m);
        second.assign(v);
      }
    });
  }

  dispose(): void {
    for (const { first, second } of this.#slots) tfDispose(first, second);
  }
}

function tfDispose(...variables: Variable[]): void {
  for (const variable of variables) variable.dispose();
}
