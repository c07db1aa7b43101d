/** Rows held by libxgboost, for training or to be explained. Free them with `dispose`. */
import type { LabelledRows } from '../boosting/matrix-rows.js';
import type { NativePointer } from '../native-library.js';
import { arrayInterface, type XgboostLibrary } from './bindings.js';

/** A data matrix of the library. */
export class DataMatrix {
  readonly handle: NativePointer;
  readonly #library: XgboostLibrary;
  #open = true;

  private constructor(library: XgboostLibrary, handle: NativePointer) {
    this.#library = library;
    this.handle = handle;
  }

  /**
   * A matrix of values as they are.
   *
   * @param values [rows, columns] row-major; NaN is missing
   */
  static dense(
    library: XgboostLibrary,
    values: Float32Array,
    columns: number,
    threads: number,
  ): DataMatrix {
    const data = arrayInterface(values, [values.length / columns, columns]);
    const config = `{"missing":NaN,"nthread":${threads}}`; // the library's JSON dialect has a bare NaN
    return new DataMatrix(library, library.receive('XGDMatrixCreateFromDense', data, config));
  }

  /**
   * A matrix of histogram bins, one byte a value up to 256 bins: the library asks for the batches once
   * to find the bins and once more to fill them, and keeps no copy of the values.
   *
   * @param options.bins the matrix whose bins are taken over; for validation rows
   * @throws PipelineError XGBOOST_CALL, and whatever the batches throw
   */
  static quantile(
    library: XgboostLibrary,
    rows: LabelledRows,
    options: { readonly maxBins: number; readonly threads: number; readonly bins?: DataMatrix },
  ): DataMatrix {
    const proxy = new DataMatrix(library, library.receive('XGProxyDMatrixCreate'));
    const labels = Float32Array.from(rows.labels);
    const columns = rows.columnNames.length;
    let batches: Iterator<Float32Array, unknown> = rows.batches()[Symbol.iterator]();
    let start = 0;
    let failure: { readonly error: unknown } | undefined;
    const reset = () => {
      batches = rows.batches()[Symbol.iterator]();
      start = 0;
    };
    const next = () => {
      try {
        const { value, done } = batches.next();
        if (done === true) return 0;
        const end = start + value.length / columns;
        library.call(
          'XGProxyDMatrixSetDataDense',
          proxy.handle,
          arrayInterface(value, [end - start, columns]),
        );
        proxy.#set('label', labels.subarray(start, end));
        if (rows.weights !== undefined) proxy.#set('weight', rows.weights.subarray(start, end));
        start = end;
        return 1;
      } catch (error) {
        failure = { error }; // it must not unwind through C
        return 0;
      }
    };
    try {
      const config = `{"missing":NaN,"nthread":${options.threads},"max_bin":${options.maxBins}}`;
      const handle = library.receive(
        'XGQuantileDMatrixCreateFromCallback',
        ...[null, proxy.handle, options.bins?.handle ?? null, reset, next, config],
      );
      const matrix = new DataMatrix(library, handle);
      if (failure === undefined) return matrix;
      matrix.dispose();
      throw failure.error;
    } catch (error) {
      throw failure?.error ?? error;
    } finally {
      proxy.dispose();
    }
  }

  dispose(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#library.call('XGDMatrixFree', this.handle);
  }

  #set(field: 'label' | 'weight', values: Float32Array): void {
    const data = arrayInterface(values, [values.length]);
    this.#library.call('XGDMatrixSetInfoFromInterface', this.handle, field, data);
  }
}
