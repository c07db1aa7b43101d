/**
 * The rows that trees read, batch by batch: the packets laid flat where they are wanted, then the
 * tabular features. No matrix of all rows is made.
 */
import { columnNames } from '../column-names.js';
import { PPI_WIDTH, requireFlowSet, type FlowSet, type LabelledFlows } from '../model.js';

/** Rows of a batch: some MB for a matrix of 163 columns, and enough for the libraries' threads. */
const BATCH_ROWS = 8_192;

/** Flows that come in parts, the same ones in the same order each time they are asked for. */
export interface FlowStream {
  /** N, the flows of all parts. */
  readonly n: number;
  /** [F] names of the tabular columns, in order. */
  readonly featureNames: readonly string[];
  /** The parts; one may be overwritten by the next. */
  parts(): Iterable<FlowSet>;
}

/** Flows with their classes, in memory or as a stream. */
export type BoostingData =
  LabelledFlows | { readonly flows: FlowStream; readonly labels: Int32Array };

/** Rows with what a library must know of each to learn from it. */
export interface LabelledRows {
  /** N */
  readonly rows: number;
  /** [F] or [90 + F] */
  readonly columnNames: readonly string[];
  /** [N] class indices. */
  readonly labels: Int32Array;
  /** [N]; absent: every row counts 1. */
  readonly weights?: Float32Array;
  /** See `matrixRows`. */
  batches(): Iterable<Float32Array>;
}

/** Every `step`-th row, from the first. */
export function everyNth(rows: LabelledRows, step: number): LabelledRows {
  const width = rows.columnNames.length;
  return {
    rows: Math.ceil(rows.rows / step),
    columnNames: rows.columnNames,
    labels: rows.labels.filter((_, i) => i % step === 0),
    ...(rows.weights !== undefined && { weights: rows.weights.filter((_, i) => i % step === 0) }),
    *batches() {
      let skip = 0; // rows of the next batch before the first one wanted
      for (const batch of rows.batches()) {
        const count = batch.length / width;
        const wanted = Math.max(0, Math.ceil((count - skip) / step));
        const kept = new Float32Array(wanted * width);
        for (let i = 0; i < wanted; i++) {
          const start = (skip + i * step) * width;
          kept.set(batch.subarray(start, start + width), i * width);
        }
        skip += wanted * step - count;
        if (wanted > 0) yield kept;
      }
    },
  };
}

/** A flow set as a stream of one part. */
export function streamOf(flows: FlowSet | FlowStream): FlowStream {
  if ('parts' in flows) return flows;
  return { n: flows.n, featureNames: flows.featureNames, parts: () => [flows] };
}

/**
 * The matrix in batches: raw values, absent packets as 0, missing features as NaN. A batch is
 * overwritten by the next one.
 *
 * @param packets whether the 90 PPI columns stand before the F tabular ones
 * @returns row-major [n, 90 + F] or [n, F], n up to 8,192
 * @throws PipelineError MODEL_SHAPE
 */
export function* matrixRows(flows: FlowStream, packets: boolean): Generator<Float32Array> {
  const features = flows.featureNames.length;
  const width = columnNames(flows.featureNames, packets).length;
  const batch = new Float32Array(packets ? Math.min(BATCH_ROWS, flows.n) * width : 0);
  for (const part of flows.parts()) {
    requireFlowSet(part);
    const { n, ppi, tabular } = part;
    for (let start = 0; start < n; start += BATCH_ROWS) {
      const rows = Math.min(BATCH_ROWS, n - start);
      if (!packets) {
        yield tabular.subarray(start * features, (start + rows) * features);
        continue;
      }
      for (let i = 0; i < rows; i++) {
        const row = start + i;
        batch.set(ppi.subarray(row * PPI_WIDTH, (row + 1) * PPI_WIDTH), i * width);
        batch.set(tabular.subarray(row * features, (row + 1) * features), i * width + PPI_WIDTH);
      }
      yield batch.subarray(0, rows * width);
    }
  }
}
