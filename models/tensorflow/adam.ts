/** Adam (Kingma and Ba 2015), with a learning rate that may differ per step, as operations of a graph. */
import type { NativePointer } from '../native-library.js';
import type { Graph } from './graph.js';
import { filledWith } from './initial-weights.js';
import type { GraphValue } from './library.js';
import type { Run, Session } from './session.js';
import { scalar } from './tensor.js';
import { Variables, type Variable } from './variables.js';
import { seededRandom } from '../../contracts/seeded-random.js';

// The defaults of Keras.
const BETA_1 = 0.9;
const BETA_2 = 0.999;
const EPSILON = 1e-7;

/** What the optimiser knows between two steps. */
export interface AdamState {
  /** Steps so far. */
  readonly step: number;
  /** Of each weight in turn the running mean of its gradient, then that of its square. */
  readonly moments: readonly Float32Array[];
}

/** The optimiser of some variables, by their gradients in the same graph. */
export class Adam {
  /** What a run does to make a step. */
  readonly effects: readonly NativePointer[];
  readonly #moments: Variables;
  readonly #numbers: readonly GraphValue[];
  #step = 0;

  constructor(graph: Graph, variables: readonly Variable[], gradients: readonly GraphValue[]) {
    this.#moments = new Variables(graph, seededRandom(0)); // nothing is drawn: they begin at 0
    this.#numbers = [0, 1, 2].map(() => graph.input('float32', []));
    const constants = [BETA_1, BETA_2, EPSILON].map((value) => graph.number(value));
    this.effects = variables.map(({ handle, shape }, i) => {
      const [first, second] = ['first', 'second'].map(
        (name) => this.#moments.get(`adam/${name}/${i}`, shape, filledWith(0)).handle,
      ) as [GraphValue, GraphValue]; // two names
      const gradient = gradients[i] as GraphValue; // one for each variable
      const numbers = [...this.#numbers, ...constants];
      return graph.operation('ResourceApplyAdam', [handle, first, second, ...numbers, gradient]);
    });
  }

  /** Inputs of the next step. */
  next(learningRate: number): NonNullable<Run['inputs']> {
    this.#step++;
    const values = [BETA_1 ** this.#step, BETA_2 ** this.#step, learningRate];
    return this.#numbers.map((input, i) => [input, scalar(values[i] ?? 0)]);
  }

  /** Copies of all it knows. */
  state(session: Session): AdamState {
    return { step: this.#step, moments: this.#moments.read(session) };
  }

  /** Goes on where an optimiser of the same variables was; without a state, from the beginning. */
  restore(session: Session, state?: AdamState): void {
    this.#step = state?.step ?? 0;
    this.#moments.write(session, state?.moments);
  }
}
