/** The weights of a network, as variables of its graph. */
import type { SeededRandom } from '../../contracts/seeded-random.js';
import type { NativePointer } from '../native-library.js';
import type { Graph } from './graph.js';
import { sizeOf, type InitialWeights } from './initial-weights.js';
import type { GraphValue } from './library.js';
import type { Session } from './session.js';

/** One of them. */
export interface Variable {
  readonly shape: readonly number[];
  readonly size: number;
  /** Whether training moves it by its gradient. */
  readonly trainable: boolean;
  /** For operations that change it. */
  readonly handle: GraphValue;
  readonly value: GraphValue;
}

interface Assignable extends Variable {
  readonly initial: Float32Array;
  readonly next: GraphValue;
  readonly assign: NativePointer;
}

/** Variables by name, in the order in which layers asked for them. */
export class Variables {
  readonly #graph: Graph;
  readonly #random: SeededRandom;
  readonly #all = new Map<string, Assignable>();

  /** @param random of the initial values */
  constructor(graph: Graph, random: SeededRandom) {
    this.#graph = graph;
    this.#random = random;
  }

  /** The variable of that name; it is made when it is asked for first. */
  get(name: string, shape: readonly number[], initial: InitialWeights, trainable = true): Variable {
    const known = this.#all.get(name);
    if (known !== undefined) return known;
    const type = { dtype: { type: 'float32' } } as const;
    const handle = this.#graph.value('VarHandleOp', [], {
      ...{ ...type, shape: { shape }, shared_name: { text: name } },
    });
    const next = this.#graph.input('float32', shape);
    const made = {
      ...{ shape, size: sizeOf(shape), trainable, handle, next },
      initial: initial(shape, this.#random),
      value: this.#graph.value('ReadVariableOp', [handle], type),
      assign: this.#graph.operation('AssignVariableOp', [handle, next], type),
    };
    this.#all.set(name, made);
    return made;
  }

  entries(): readonly (readonly [string, Variable])[] {
    return [...this.#all];
  }

  /** Copies of all, in their order. */
  read(session: Session): Float32Array<ArrayBuffer>[] {
    return session.run({ wanted: [...this.#all.values()].map(({ value }) => value) });
  }

  /** Sets all, one array for each; without arrays to the initial values. */
  write(session: Session, values?: readonly Float32Array[]): void {
    const all = [...this.#all.values()];
    session.run({
      inputs: all.map(({ next, shape, initial }, i) => [
        next,
        { shape, values: values?.[i] ?? initial },
      ]),
      effects: all.map(({ assign }) => assign),
    });
  }
}
