/** Gradient-boosted trees of lib_lightgbm, growing and grown. Free them with `dispose`. */
import { filled, type NativePointer, type Out } from '../native-library.js';
import { outputsOf, type GrowingTrees, type TreeTask, type Trees } from '../boosting/trees.js';
import { addressOf, type LightgbmLibrary } from './bindings.js';
import { Dataset } from './dataset.js';
import { lightgbmParameters, type LightgbmSettings } from './settings.js';

/** The library's numbers: what to predict, what to tell of a column, a type of values, all rounds. */
const PREDICT = { probability: 0, margin: 1, contributions: 3 } as const;
const IMPORTANCE = { splits: 0, gain: 1 } as const;
const FLOAT32 = 0;
const ALL = -1;

/** Grown trees. */
export class LightgbmTrees implements Trees {
  readonly rounds: number;
  readonly #library: LightgbmLibrary;
  readonly #handle: NativePointer;
  readonly #columns: number;
  readonly #outputs: number;
  readonly #threads: number;
  #open = true;

  /**
   * @param text a model as `save_model` of the Python package writes it
   * @param shape columns F, and outputs G a row
   * @throws PipelineError LIGHTGBM_CALL
   */
  constructor(
    library: LightgbmLibrary,
    text: string,
    shape: { readonly columns: number; readonly outputs: number },
    threads: number,
  ) {
    const rounds: Out<number> = [null];
    this.#library = library;
    this.#handle = library.receive('LGBM_BoosterLoadModelFromString', text, rounds);
    this.rounds = filled(rounds);
    this.#columns = shape.columns;
    this.#outputs = shape.outputs;
    this.#threads = threads;
  }

  predict(values: Float32Array): Float64Array {
    return this.#predict(values, PREDICT.probability, this.#outputs);
  }

  /** Raw scores, [N, G] row-major. */
  margins(values: Float32Array): Float64Array {
    return this.#predict(values, PREDICT.margin, this.#outputs);
  }

  contributions(values: Float32Array): Float64Array {
    return this.#predict(values, PREDICT.contributions, this.#outputs * (this.#columns + 1));
  }

  gains(): number[] {
    const [splits, total] = [IMPORTANCE.splits, IMPORTANCE.gain].map((type) => {
      const found = new Float64Array(this.#columns);
      const out = addressOf(found);
      this.#library.call('LGBM_BoosterFeatureImportance', this.#handle, ALL, type, out);
      return found;
    });
    return Array.from(total ?? [], (gain, f) => gain / Math.max(1, splits?.[f] ?? 0));
  }

  toBytes(): Uint8Array {
    return modelText(this.#library, this.#handle, ALL);
  }

  dispose(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#library.call('LGBM_BoosterFree', this.#handle);
  }

  #predict(values: Float32Array, type: number, width: number): Float64Array {
    const rows = values.length / this.#columns;
    const found = new Float64Array(rows * width);
    const length: Out<number> = [null];
    this.#library.call(
      'LGBM_BoosterPredictForMat',
      ...[this.#handle, addressOf(values), FLOAT32, rows, this.#columns, 1, type, 0, ALL],
      ...[`num_threads=${this.#threads} verbosity=-1`, length, addressOf(found)],
    );
    return found;
  }
}

/** Trees in training, with their rows. */
export class GrowingLightgbm implements GrowingTrees {
  readonly #library: LightgbmLibrary;
  readonly #handle: NativePointer;
  readonly #sets: readonly [train: Dataset, validation: Dataset];
  readonly #shape: { readonly columns: number; readonly outputs: number };
  readonly #threads: number;

  /** @throws PipelineError LIGHTGBM_CALL, and whatever the rows throw */
  constructor(library: LightgbmLibrary, task: TreeTask<LightgbmSettings>) {
    const settings = Object.entries(lightgbmParameters(task))
      .map(([name, value]) => `${name}=${value}`)
      .join(' ');
    this.#library = library;
    this.#threads = task.settings.threads;
    this.#shape = {
      columns: task.train.columnNames.length,
      outputs: outputsOf(task.classCount),
    };
    const train = Dataset.train(library, task.train, settings);
    const made: { dispose(): void }[] = [train];
    try {
      const validation = Dataset.like(library, train, task.validation);
      made.push(validation);
      this.#sets = [train, validation];
      this.#handle = library.receive('LGBM_BoosterCreate', train.handle, settings);
      library.call('LGBM_BoosterAddValidData', this.#handle, validation.handle);
    } catch (error) {
      for (const one of made) one.dispose();
      throw error;
    }
  }

  grow(): boolean {
    return this.#library.receive<number>('LGBM_BoosterUpdateOneIter', this.#handle) === 0;
  }

  losses(): [number, number] {
    const loss = (set: number) => {
      const found = new Float64Array(1);
      const length: Out<number> = [null];
      const out = addressOf(found);
      this.#library.call('LGBM_BoosterGetEval', this.#handle, set, length, out);
      return found[0] ?? NaN;
    };
    return [loss(0), loss(1)];
  }

  keep(rounds: number): LightgbmTrees {
    const text = new TextDecoder().decode(modelText(this.#library, this.#handle, rounds));
    return new LightgbmTrees(this.#library, text, this.#shape, this.#threads);
  }

  dispose(): void {
    this.#library.call('LGBM_BoosterFree', this.#handle);
    for (const set of this.#sets) set.dispose();
  }
}

/** The first `rounds` rounds as the Python package's `save_model` writes them. */
function modelText(library: LightgbmLibrary, handle: NativePointer, rounds: number): Uint8Array {
  const write = (buffer: Uint8Array) => {
    const length: Out<number> = [null];
    const range = [0, rounds, IMPORTANCE.gain, buffer.length];
    library.call('LGBM_BoosterSaveModelToString', handle, ...range, length, buffer);
    return Number(filled(length)); // with the ending zero
  };
  const buffer = new Uint8Array(write(new Uint8Array(1)));
  write(buffer);
  return buffer.subarray(0, -1);
}
