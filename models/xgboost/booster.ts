/** Handles of libxgboost with a lifetime: a data matrix and a booster. Free both with `dispose`. */
import {
  arrayInterface,
  copyBytes,
  copyFloats,
  copySizes,
  copyStrings,
  type NativePointer,
  type Out,
  type XgboostFunction,
  type XgboostLibrary,
} from './bindings.js';

/** Rows for training or prediction, held by the library. */
export class DataMatrix {
  readonly rows: number;
  readonly handle: NativePointer;
  readonly #library: XgboostLibrary;
  #open = true;

  /**
   * @param values [rows, columns] row-major, read in place while the matrix is built; NaN is missing
   * @param threads used to build it
   */
  constructor(
    library: XgboostLibrary,
    values: Float32Array,
    rows: number,
    columns: number,
    threads: number,
  ) {
    this.#library = library;
    this.rows = rows;
    this.handle = receive(
      library,
      'XGDMatrixCreateFromDense',
      arrayInterface(values, [rows, columns]),
      `{"missing":NaN,"nthread":${threads}}`, // the library's JSON dialect has a bare NaN
    );
  }

  /** Sets one float per row: class indices as `label`, or `weight`. */
  set(field: 'label' | 'weight', values: Float32Array): void {
    this.#library.call(
      'XGDMatrixSetInfoFromInterface',
      this.handle,
      field,
      arrayInterface(values, [values.length]),
    );
  }

  dispose(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#library.call('XGDMatrixFree', this.handle);
  }
}

/** Gradient-boosted trees, growing or grown. */
export class Booster {
  readonly #library: XgboostLibrary;
  readonly #handle: NativePointer;
  #open = true;

  private constructor(library: XgboostLibrary, handle: NativePointer) {
    this.#library = library;
    this.#handle = handle;
  }

  /** An empty booster; `cache` holds the matrices it will train on and be evaluated on. */
  static create(
    library: XgboostLibrary,
    parameters: Readonly<Record<string, string | number>>,
    cache: readonly DataMatrix[],
  ): Booster {
    const handle = receive(library, 'XGBoosterCreate', cache.map(handleOf), cache.length);
    const booster = new Booster(library, handle);
    booster.configure(parameters);
    return booster;
  }

  /**
   * A saved booster.
   *
   * @param bytes a model in UBJSON or JSON, as Python's `save_model` writes it
   */
  static fromBytes(library: XgboostLibrary, bytes: Uint8Array): Booster {
    const booster = Booster.create(library, {}, []);
    library.call('XGBoosterLoadModelFromBuffer', booster.#handle, bytes, bytes.length);
    return booster;
  }

  /** Sets parameters by XGBoost's own names. */
  configure(parameters: Readonly<Record<string, string | number>>): void {
    for (const [name, value] of Object.entries(parameters)) {
      this.#library.call('XGBoosterSetParam', this.#handle, name, String(value));
    }
  }

  /** Grows one round: a tree per class. Blocks the thread. */
  update(round: number, train: DataMatrix): void {
    this.#library.call('XGBoosterUpdateOneIter', this.#handle, round, train.handle);
  }

  /** The evaluation metric on each matrix, in their order. */
  evaluate(round: number, matrices: readonly DataMatrix[]): number[] {
    const text = receive<string>(
      this.#library,
      'XGBoosterEvalOneIter',
      this.#handle,
      round,
      matrices.map(handleOf),
      matrices.map((_, i) => `m${i}`),
      matrices.length,
    );
    // "[0]\tm0-mlogloss:3.2\tm1-mlogloss:3.3"
    return text
      .split('\t')
      .slice(1)
      .map((part) => Number(part.slice(part.lastIndexOf(':') + 1)));
  }

  /** A copy with the first `rounds` rounds. */
  firstRounds(rounds: number): Booster {
    return new Booster(
      this.#library,
      receive(this.#library, 'XGBoosterSlice', this.#handle, 0, rounds, 1),
    );
  }

  /** Rounds grown so far. */
  rounds(): number {
    return receive<number>(this.#library, 'XGBoosterBoostedRounds', this.#handle);
  }

  /** Columns the booster expects. */
  columns(): number {
    return Number(receive<bigint>(this.#library, 'XGBoosterGetNumFeature', this.#handle));
  }

  /**
   * Predictions of all rounds.
   *
   * @param output `margin` for raw scores, `probability` for softmax
   * @returns [rows, K] row-major
   */
  predict(matrix: DataMatrix, output: 'margin' | 'probability'): Float32Array {
    const shape: Out<NativePointer> = [null];
    const dimensions: Out<bigint> = [null];
    const values: Out<NativePointer> = [null];
    const type = output === 'margin' ? 1 : 0;
    this.#library.call(
      'XGBoosterPredictFromDMatrix',
      this.#handle,
      matrix.handle,
      `{"type":${type},"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":true}`,
      shape,
      dimensions,
      values,
    );
    const sizes = copySizes(filled(shape), Number(filled(dimensions)));
    return copyFloats(
      filled(values),
      sizes.reduce((product, size) => product * size, 1),
    );
  }

  /** Average gain of the splits on each column; columns never split on are absent. */
  gains(): Map<number, number> {
    const features: Out<bigint> = [null];
    const names: Out<NativePointer> = [null];
    const dimensions: Out<bigint> = [null];
    const shape: Out<NativePointer> = [null];
    const scores: Out<NativePointer> = [null];
    this.#library.call(
      'XGBoosterFeatureScore',
      this.#handle,
      '{"importance_type":"gain"}',
      features,
      names,
      dimensions,
      shape,
      scores,
    );
    const count = Number(filled(features));
    if (count === 0) return new Map();
    const gains = copyFloats(filled(scores), count);
    // Without names the library calls column 7 "f7".
    return new Map(
      copyStrings(filled(names), count).map((name, i) => [Number(name.slice(1)), gains[i] ?? 0]),
    );
  }

  /** The model in UBJSON, readable by Python's `load_model`. */
  toBytes(): Uint8Array {
    const length: Out<bigint> = [null];
    const bytes: Out<NativePointer> = [null];
    this.#library.call(
      'XGBoosterSaveModelToBuffer',
      this.#handle,
      '{"format":"ubj"}',
      length,
      bytes,
    );
    return copyBytes(filled(bytes), Number(filled(length)));
  }

  dispose(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#library.call('XGBoosterFree', this.#handle);
  }
}

function handleOf(matrix: DataMatrix): NativePointer {
  return matrix.handle;
}

/** Calls a function whose last parameter receives its only result. */
function receive<T = NativePointer>(
  library: XgboostLibrary,
  name: XgboostFunction,
  ...args: unknown[]
): T {
  const out: Out<T> = [null];
  library.call(name, ...args, out);
  return filled(out);
}

function filled<T>(out: Out<T>): T {
  return out[0] as T; // the call succeeded, so the library wrote it
}
