/** Gradient-boosted trees of libxgboost, growing and grown. Free them with `dispose`. */
import { filled, type NativePointer, type Out } from '../native-library.js';
import { everyNth, type LabelledRows } from '../boosting/matrix-rows.js';
import type { GrowingTrees, TreeTask, Trees } from '../boosting/trees.js';
import {
  arrayInterface,
  copyBytes,
  copyFloats,
  copySizes,
  copyStrings,
  type XgboostLibrary,
} from './bindings.js';
import { DataMatrix } from './data-matrix.js';
import { deviceOf } from './device.js';
import { xgboostParameters, type XgboostSettings } from './settings.js';

/** Grown trees. */
export class XgboostTrees implements Trees {
  readonly rounds: number;
  readonly #library: XgboostLibrary;
  readonly #handle: NativePointer;
  readonly #columnNames: readonly string[];
  readonly #threads: number;
  #open = true;

  /** Takes over the handle. */
  constructor(
    library: XgboostLibrary,
    handle: NativePointer,
    columnNames: readonly string[],
    threads: number,
  ) {
    this.#library = library;
    this.#handle = handle;
    this.#columnNames = columnNames;
    this.#threads = threads;
    configure(library, handle, { nthread: threads, device: 'cpu' });
    // Python's package refuses a frame whose columns differ from these
    const names = ['feature_name', columnNames, columnNames.length];
    library.call('XGBoosterSetStrFeatureInfo', handle, ...names);
    this.rounds = library.receive<number>('XGBoosterBoostedRounds', handle);
  }

  /**
   * A saved booster.
   *
   * @param bytes a model in UBJSON or JSON, as Python's `save_model` writes it
   * @throws PipelineError XGBOOST_CALL
   */
  static fromBytes(
    library: XgboostLibrary,
    bytes: Uint8Array,
    columnNames: readonly string[],
    threads: number,
  ): XgboostTrees {
    const handle = library.receive('XGBoosterCreate', [], 0);
    try {
      library.call('XGBoosterLoadModelFromBuffer', handle, bytes, bytes.length);
      return new XgboostTrees(library, handle, columnNames, threads);
    } catch (error) {
      library.call('XGBoosterFree', handle);
      throw error;
    }
  }

  predict(values: Float32Array): Float32Array {
    return this.#predictInPlace(values, 0);
  }

  /** Raw scores, [N, G] row-major. */
  margins(values: Float32Array): Float32Array {
    return this.#predictInPlace(values, 1);
  }

  contributions(values: Float32Array): Float32Array {
    const columns = this.#columnNames.length;
    const matrix = DataMatrix.dense(this.#library, values, columns, this.#threads);
    try {
      const config = predictConfig(2);
      return this.#floats('XGBoosterPredictFromDMatrix', matrix.handle, config);
    } finally {
      matrix.dispose();
    }
  }

  gains(): number[] {
    const features: Out<bigint> = [null];
    const names: Out<NativePointer> = [null];
    const dimensions: Out<bigint> = [null];
    const shape: Out<NativePointer> = [null];
    const scores: Out<NativePointer> = [null];
    const out = [features, names, dimensions, shape, scores];
    this.#library.call('XGBoosterFeatureScore', this.#handle, '{"importance_type":"gain"}', ...out);
    const count = Number(filled(features));
    if (count === 0) return this.#columnNames.map(() => 0);
    const gains = copyFloats(filled(scores), count);
    const split = copyStrings(filled(names), count); // columns never split on are absent
    const byName = new Map(split.map((name, i) => [name, gains[i] ?? 0]));
    return this.#columnNames.map((name) => byName.get(name) ?? 0);
  }

  toBytes(): Uint8Array {
    const length: Out<bigint> = [null];
    const bytes: Out<NativePointer> = [null];
    const ubj = '{"format":"ubj"}';
    this.#library.call('XGBoosterSaveModelToBuffer', this.#handle, ubj, length, bytes);
    return copyBytes(filled(bytes), Number(filled(length)));
  }

  dispose(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#library.call('XGBoosterFree', this.#handle);
  }

  #predictInPlace(values: Float32Array, type: 0 | 1): Float32Array {
    const columns = this.#columnNames.length;
    const data = arrayInterface(values, [values.length / columns, columns]);
    return this.#floats('XGBoosterPredictFromDense', data, predictConfig(type), null);
  }

  #floats(name: 'XGBoosterPredictFromDMatrix' | 'XGBoosterPredictFromDense', ...args: unknown[]) {
    const shape: Out<NativePointer> = [null];
    const dimensions: Out<bigint> = [null];
    const values: Out<NativePointer> = [null];
    this.#library.call(name, this.#handle, ...args, shape, dimensions, values);
    const sizes = copySizes(filled(shape), Number(filled(dimensions)));
    return copyFloats(
      filled(values),
      sizes.reduce((product, size) => product * size, 1),
    );
  }
}

/** Training rows whose loss is watched, evenly spaced: the library copies a score for each of them and each class. */
const WATCHED_ROWS = 100_000;

/** Trees in training, with their rows. */
export class GrowingXgboost implements GrowingTrees {
  readonly #library: XgboostLibrary;
  readonly #handle: NativePointer;
  readonly #train: DataMatrix;
  readonly #watched: readonly [train: DataMatrix, validation: DataMatrix];
  readonly #columnNames: readonly string[];
  readonly #threads: number;
  #rounds = 0;

  /** @throws PipelineError XGBOOST_CALL, and whatever the rows throw */
  constructor(library: XgboostLibrary, task: TreeTask<XgboostSettings>) {
    const { maxBins, threads } = task.settings;
    this.#library = library;
    this.#columnNames = task.train.columnNames;
    this.#threads = threads;
    this.#train = DataMatrix.quantile(library, task.train, { maxBins, threads });
    const made = [this.#train];
    try {
      const options = { maxBins, threads, bins: this.#train };
      const add = (rows: LabelledRows) => {
        const matrix = DataMatrix.quantile(library, rows, options);
        made.push(matrix);
        return matrix;
      };
      const step = Math.max(1, Math.ceil(task.train.rows / WATCHED_ROWS));
      const train = step === 1 ? this.#train : add(everyNth(task.train, step));
      this.#watched = [train, add(task.validation)];
    } catch (error) {
      for (const matrix of made) matrix.dispose();
      throw error;
    }
    const handles = [...new Set([this.#train, ...this.#watched])].map(({ handle }) => handle);
    this.#handle = library.receive('XGBoosterCreate', handles, handles.length);
    configure(
      library,
      this.#handle,
      xgboostParameters(task, deviceOf(task.settings.device, library)),
    );
  }

  grow(): boolean {
    this.#library.call('XGBoosterUpdateOneIter', this.#handle, this.#rounds, this.#train.handle);
    this.#rounds += 1;
    return true; // it goes on with empty trees
  }

  losses(): [number, number] {
    const text = this.#library.receive<string>(
      'XGBoosterEvalOneIter',
      ...[this.#handle, this.#rounds - 1],
      ...[this.#watched.map(({ handle }) => handle), ['train', 'validation'], 2],
    );
    // "[0]\ttrain-mlogloss:3.2\tvalidation-mlogloss:3.3"
    const [train = NaN, validation = NaN] = text
      .split('\t')
      .slice(1)
      .map((part) => Number(part.slice(part.lastIndexOf(':') + 1)));
    return [train, validation];
  }

  keep(rounds: number): XgboostTrees {
    const kept = this.#library.receive('XGBoosterSlice', this.#handle, 0, rounds, 1);
    return new XgboostTrees(this.#library, kept, this.#columnNames, this.#threads);
  }

  dispose(): void {
    this.#library.call('XGBoosterFree', this.#handle);
    for (const matrix of [this.#train, ...this.#watched]) matrix.dispose();
  }
}

function configure(
  library: XgboostLibrary,
  handle: NativePointer,
  parameters: Readonly<Record<string, string | number>>,
): void {
  for (const [name, value] of Object.entries(parameters))
    library.call('XGBoosterSetParam', handle, name, String(value));
}

/** @param type 0 probabilities, 1 margins, 2 SHAP values */
function predictConfig(type: 0 | 1 | 2): string {
  return `{"type":${type},"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":true,"missing":NaN,"cache_id":0}`;
}
