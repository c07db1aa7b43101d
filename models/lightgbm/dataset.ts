/** Rows held by lib_lightgbm as histogram bins. Free them with `dispose`. */
import type { LabelledRows } from '../boosting/matrix-rows.js';
import type { NativePointer } from '../native-library.js';
import { addressOf, type LightgbmLibrary } from './bindings.js';

/** Absolute values up to this count as zero (`kZeroThreshold`), and a sample leaves zeros out. */
const ZERO = 1e-35;

/** The library's number for this type of values. */
const FLOAT32 = 0;

/** A data set of the library. */
export class Dataset {
  readonly handle: NativePointer;
  readonly #library: LightgbmLibrary;
  #open = true;

  private constructor(library: LightgbmLibrary, handle: NativePointer) {
    this.#library = library;
    this.handle = handle;
  }

  /**
   * Rows for training. They are read twice: the bins are found on a sample of them, which the
   * parameters size and seed, then each row is stored as its bins.
   *
   * @throws PipelineError LIGHTGBM_CALL, and whatever the batches throw
   */
  static train(library: LightgbmLibrary, rows: LabelledRows, parameters: string): Dataset {
    const { columns, sampled } = sampleColumns(library, rows, parameters);
    const handle = library.receive(
      'LGBM_DatasetCreateFromSampledColumn',
      columns.map(({ values }) => addressOf(values)),
      columns.map(({ places }) => addressOf(places)),
      columns.length,
      Int32Array.from(columns, ({ values }) => values.length),
      ...[sampled, rows.rows, rows.rows, parameters],
    );
    const dataset = new Dataset(library, handle);
    const names = [rows.columnNames, rows.columnNames.length];
    return dataset.#filled(rows, () =>
      library.call('LGBM_DatasetSetFeatureNames', handle, ...names),
    );
  }

  /** Rows for validation, in the bins of `train`. */
  static like(library: LightgbmLibrary, train: Dataset, rows: LabelledRows): Dataset {
    const out = library.receive('LGBM_DatasetCreateByReference', train.handle, rows.rows);
    // a reference with weights gives weights of 0
    const weights = new Float32Array(rows.rows).fill(1);
    return new Dataset(library, out).#filled({ ...rows, weights }, () => undefined);
  }

  dispose(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#library.call('LGBM_DatasetFree', this.handle);
  }

  #filled(rows: LabelledRows, first: () => void): this {
    try {
      first();
      const columns = rows.columnNames.length;
      let start = 0;
      for (const batch of rows.batches()) {
        const count = batch.length / columns;
        const size = [FLOAT32, count, columns, start];
        this.#library.call('LGBM_DatasetPushRows', this.handle, addressOf(batch), ...size);
        start += count;
      }
      this.#set('label', Float32Array.from(rows.labels));
      if (rows.weights !== undefined) this.#set('weight', rows.weights);
      return this;
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  #set(field: 'label' | 'weight', values: Float32Array): void {
    const data = [addressOf(values), values.length, FLOAT32];
    this.#library.call('LGBM_DatasetSetField', this.handle, field, ...data);
  }
}

/** The non-zero values of a column in the sample, and their places among the sampled rows. */
interface SampledColumn {
  readonly values: Float64Array;
  readonly places: Int32Array;
}

function sampleColumns(
  library: LightgbmLibrary,
  rows: LabelledRows,
  parameters: string,
): { columns: SampledColumn[]; sampled: number } {
  const size = library.receive<number>('LGBM_GetSampleCount', rows.rows, parameters);
  const indices = new Int32Array(size);
  const sampled = library.receive<number>(
    'LGBM_SampleIndices',
    ...[rows.rows, parameters, addressOf(indices)],
  );
  const width = rows.columnNames.length;
  const columns = Array.from({ length: width }, () => ({
    values: new Float64Array(sampled),
    places: new Int32Array(sampled),
    count: 0,
  }));
  let start = 0;
  let place = 0;
  for (const batch of rows.batches()) {
    const end = start + batch.length / width;
    const first = place;
    while (place < sampled && (indices[place] ?? 0) < end) place++;
    for (const [f, column] of columns.entries()) {
      const { values, places } = column;
      let { count } = column;
      for (let at = first; at < place; at++) {
        const value = batch[((indices[at] ?? 0) - start) * width + f] ?? 0;
        if (Math.abs(value) <= ZERO) continue; // NaN stays
        values[count] = value;
        places[count] = at;
        count++;
      }
      column.count = count;
    }
    start = end;
    if (place === sampled) break;
  }
  return {
    columns: columns.map(({ values, places, count }) => ({
      values: values.subarray(0, count),
      places: places.subarray(0, count),
    })),
    sampled,
  };
}
