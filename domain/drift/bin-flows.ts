/**
 * Flow features as small codes: what drift is judged on.
 *
 * The edges are fixed by the reference window, so every later window is counted in the same bins.
 * D = 123 features: SIZE_1..30, DIR_1..30, IPT_1..30, PPI_LEN, 8 bins of each of the four packet histograms.
 */
import { PipelineError } from '../../contracts/errors.js';
import { binOf, quantileEdges } from './distances.js';

const POSITIONS = 30;
const HISTOGRAM_BINS = 8;

/** Quantile bins of a feature at most. */
const MAX_BINS = 16;

/** Columns of N flows; positions of a flow past its PPI length are ignored, whatever they hold. */
export interface FlowColumns {
  readonly n: number;
  /** True packet counts, shape [N], 1..30. */
  readonly ppiLengths: ArrayLike<number>;
  /** Payload bytes, shape [N, 30] row-major. */
  readonly sizesBytes: ArrayLike<number>;
  /** 1 or -1, shape [N, 30]. */
  readonly directions: ArrayLike<number>;
  /** ms, shape [N, 30]. */
  readonly iptMs: ArrayLike<number>;
  /** Packet counts, each of shape [N, 8]. */
  readonly phistSrcSizes: ArrayLike<number>;
  readonly phistDstSizes: ArrayLike<number>;
  readonly phistSrcIpt: ArrayLike<number>;
  readonly phistDstIpt: ArrayLike<number>;
}

/** Bins fixed by a reference window; plain JSON, so that it can be stored with the reference. */
export interface FlowBins {
  /** Names of the D features. */
  readonly names: readonly string[];
  /** Bins per feature. */
  readonly bins: readonly number[];
  /** Inner edges per feature; empty for DIR and PPI_LEN, whose codes are fixed. */
  readonly edges: readonly (readonly number[])[];
}

/** N flows as codes. */
export interface BinnedFlows {
  readonly n: number;
  readonly names: readonly string[];
  readonly bins: readonly number[];
  /** Codes, shape [N, D] row-major; 0 stands for an absent packet in SIZE and IPT. */
  readonly binned: Uint8Array;
}

/**
 * Fixes the bins by a reference window: quantiles of each feature over the flows that have the packet.
 *
 * @throws PipelineError DRIFT_SHAPE when a column has the wrong length
 */
export function fitFlowBins(reference: FlowColumns): FlowBins {
  checkShapes(reference);
  const edges = FEATURES.map((feature) => {
    if (feature.kind === 'direction' || feature.kind === 'length') return [];
    const values: number[] = [];
    for (let i = 0; i < reference.n; i++) {
      const value = feature.read(reference, i);
      if (value !== null) values.push(value);
    }
    return quantileEdges(values, MAX_BINS);
  });
  return {
    names: FEATURES.map((feature) => feature.name),
    bins: FEATURES.map((feature, d) => {
      if (feature.kind === 'direction') return 3;
      if (feature.kind === 'length') return POSITIONS + 1;
      const absent = feature.kind === 'position' ? 1 : 0;
      return edges[d]!.length + 1 + absent; // one list of edges per feature
    }),
    edges,
  };
}

/**
 * Codes of N flows in fixed bins.
 *
 * @throws PipelineError DRIFT_SHAPE when a column has the wrong length, or the bins are of another set of features
 */
export function binFlows(flows: FlowColumns, bins: FlowBins): BinnedFlows {
  checkShapes(flows);
  if (bins.names.join() !== FEATURES.map((feature) => feature.name).join()) {
    throw new PipelineError({
      code: 'DRIFT_SHAPE',
      found: `bins of ${bins.names.length} other features`,
      expected: `the ${FEATURES.length} features of this version`,
      fix: 'Fit the bins of the reference window again.',
    });
  }
  const D = FEATURES.length;
  const binned = new Uint8Array(flows.n * D);
  for (let d = 0; d < D; d++) {
    const feature = FEATURES[d]!; // d < D
    const edges = Float64Array.from(bins.edges[d]!); // same names, so same length
    for (let i = 0; i < flows.n; i++) {
      const value = feature.read(flows, i);
      binned[i * D + d] = codeOf(feature.kind, edges, value);
    }
  }
  return { n: flows.n, names: bins.names, bins: bins.bins, binned };
}

type FeatureKind = 'position' | 'direction' | 'length' | 'histogram';

interface FlowFeature {
  readonly name: string;
  readonly kind: FeatureKind;
  /** The value of flow i, null for an absent packet. */
  readonly read: (flows: FlowColumns, i: number) => number | null;
}

function codeOf(kind: FeatureKind, edges: Float64Array, value: number | null): number {
  switch (kind) {
    case 'position':
      return value === null ? 0 : 1 + binOf(edges, value);
    case 'direction':
      return value === null ? 1 : value < 0 ? 0 : 2; // absent lies between the two
    case 'length':
      return Math.min(POSITIONS, Math.max(0, value ?? 0));
    case 'histogram':
      return binOf(edges, value ?? 0);
  }
}

const FEATURES: readonly FlowFeature[] = [
  ...positions('SIZE', 'position', (flows) => flows.sizesBytes),
  ...positions('DIR', 'direction', (flows) => flows.directions),
  ...positions('IPT', 'position', (flows) => flows.iptMs),
  { name: 'PPI_LEN', kind: 'length', read: (flows, i) => flows.ppiLengths[i]! }, // checkShapes
  ...histogram('PHIST_SRC_SIZES', (flows) => flows.phistSrcSizes),
  ...histogram('PHIST_DST_SIZES', (flows) => flows.phistDstSizes),
  ...histogram('PHIST_SRC_IPT', (flows) => flows.phistSrcIpt),
  ...histogram('PHIST_DST_IPT', (flows) => flows.phistDstIpt),
];

function positions(
  prefix: string,
  kind: FeatureKind,
  column: (flows: FlowColumns) => ArrayLike<number>,
): FlowFeature[] {
  return Array.from({ length: POSITIONS }, (_, t) => ({
    name: `${prefix}_${t + 1}`,
    kind,
    read: (flows, i) => (t < flows.ppiLengths[i]! ? column(flows)[i * POSITIONS + t]! : null), // checkShapes
  }));
}

function histogram(
  prefix: string,
  column: (flows: FlowColumns) => ArrayLike<number>,
): FlowFeature[] {
  return Array.from({ length: HISTOGRAM_BINS }, (_, bin) => ({
    name: `${prefix}_${bin}`,
    kind: 'histogram' as const,
    read: (flows, i) => column(flows)[i * HISTOGRAM_BINS + bin]!, // checkShapes
  }));
}

function checkShapes(flows: FlowColumns): void {
  const want = {
    ppiLengths: 1,
    sizesBytes: POSITIONS,
    directions: POSITIONS,
    iptMs: POSITIONS,
    phistSrcSizes: HISTOGRAM_BINS,
    phistDstSizes: HISTOGRAM_BINS,
    phistSrcIpt: HISTOGRAM_BINS,
    phistDstIpt: HISTOGRAM_BINS,
  } as const;
  for (const [column, width] of Object.entries(want)) {
    const length = flows[column as keyof typeof want].length; // the keys of `want` are columns
    if (length === flows.n * width) continue;
    throw new PipelineError({
      code: 'DRIFT_SHAPE',
      column,
      found: `${length} values for ${flows.n} flows`,
      expected: `${flows.n * width}`,
      fix: `Pass ${width} value(s) per flow, padded to that width.`,
    });
  }
}
