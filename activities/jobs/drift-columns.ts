/** The columns of flows that drift is judged on. */
import { PipelineError } from '../../contracts/errors.js';
import type { FlowColumns } from '../../domain/drift/bin-flows.js';
import { HISTOGRAM_COLUMNS } from '../../domain/traffic/features.js';
import { PPI_CHANNELS, PPI_PACKETS, type FlowSet } from '../../models/model.js';

const HISTOGRAM_BINS = 8;

/**
 * The columns; histograms are shares of their sum, as the feature table keeps them.
 *
 * @throws PipelineError FEATURE_UNKNOWN without these shares
 */
export function driftColumns(set: FlowSet): FlowColumns {
  const channel = (c: number): Float32Array =>
    Float32Array.from(
      { length: set.n * PPI_PACKETS },
      (_, k) => set.ppi[k * PPI_CHANNELS + c] ?? 0,
    );
  const histogram = (name: string): Float32Array => {
    const first = set.featureNames.indexOf(`${name}_share_0`);
    if (first < 0) throw noHistogram(name);
    const width = set.featureNames.length;
    return Float32Array.from({ length: set.n * HISTOGRAM_BINS }, (_, k) => {
      const row = Math.floor(k / HISTOGRAM_BINS);
      return set.tabular[row * width + first + (k % HISTOGRAM_BINS)] ?? 0;
    });
  };
  const [srcSizes, dstSizes, srcIpt, dstIpt] = HISTOGRAM_COLUMNS;
  return {
    n: set.n,
    ppiLengths: set.lengths,
    sizesBytes: channel(0),
    directions: channel(1),
    iptMs: channel(2),
    phistSrcSizes: histogram(srcSizes),
    phistDstSizes: histogram(dstSizes),
    phistSrcIpt: histogram(srcIpt),
    phistDstIpt: histogram(dstIpt),
  };
}

function noHistogram(column: string): PipelineError {
  return new PipelineError({
    code: 'FEATURE_UNKNOWN',
    column,
    found: "the model's transformer has no shares of this histogram as they are stored",
    expected: `${column}_share_0 and the seven after it`,
    fix: 'train the model on a view with all histograms, such as flow-statistics',
  });
}
