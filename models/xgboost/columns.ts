/** The columns XGBoost sees: PPI laid flat, then the tabular features. */
import { PPI_PACKETS, PPI_WIDTH, type FlowSet } from '../model.js';

/** [90] names of the PPI columns: packet by packet, `ppi_size_1`, `ppi_direction_1`, `ppi_ipt_ms_1`, ... 30. */
const PPI_COLUMN_NAMES: readonly string[] = Array.from({ length: PPI_PACKETS }, (_, i) => [
  `ppi_size_${i + 1}`,
  `ppi_direction_${i + 1}`,
  `ppi_ipt_ms_${i + 1}`,
]).flat();

/** Names of all columns of `flattenFlows`. */
export function columnNames(featureNames: readonly string[]): string[] {
  return [...PPI_COLUMN_NAMES, ...featureNames];
}

/**
 * The matrix XGBoost reads: raw values, absent packets as 0.
 *
 * @returns [N, 90 + F] row-major
 */
export function flattenFlows(flows: FlowSet): Float32Array {
  const features = flows.featureNames.length;
  const width = PPI_WIDTH + features;
  const matrix = new Float32Array(flows.n * width);
  for (let i = 0; i < flows.n; i++) {
    matrix.set(flows.ppi.subarray(i * PPI_WIDTH, (i + 1) * PPI_WIDTH), i * width);
    matrix.set(flows.tabular.subarray(i * features, (i + 1) * features), i * width + PPI_WIDTH);
  }
  return matrix;
}
