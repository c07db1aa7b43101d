/** Names of the columns of the matrix that boosters and saved networks read. */
import { PPI_PACKETS } from './model.js';

/** [90] names of the PPI columns: packet by packet, `ppi_size_1`, `ppi_direction_1`, `ppi_ipt_ms_1`, ... 30. */
const PPI_COLUMN_NAMES: readonly string[] = Array.from({ length: PPI_PACKETS }, (_, i) => [
  `ppi_size_${i + 1}`,
  `ppi_direction_${i + 1}`,
  `ppi_ipt_ms_${i + 1}`,
]).flat();

/** The columns in order: the packets laid flat where they are read, then the tabular features. */
export function columnNames(featureNames: readonly string[], packets: boolean): string[] {
  return packets ? [...PPI_COLUMN_NAMES, ...featureNames] : [...featureNames];
}
