/** Compares a week with the rows its model was trained on. */
import { PipelineError } from '../../contracts/errors.js';
import type { Preset, Selection } from '../../contracts/schemas/values.js';
import { binFlows, fitFlowBins, type FlowColumns } from '../../domain/drift/bin-flows.js';
import { judgeDrift, type DriftScore, type DriftWindow } from '../../domain/drift/judge-drift.js';
import { wholeWeeks } from '../../domain/lifecycle/split-weeks.js';
import { HISTOGRAM_COLUMNS } from '../../domain/traffic/features.js';
import type { Transformer } from '../../domain/traffic/transformer.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { readFlowSet, type FlowSet } from '../../feature-store/read-flows.js';
import { PPI_CHANNELS, PPI_PACKETS } from '../../models/model.js';
import type { JobContext } from './index.js';

const HOUR_MS = 3_600_000;
const HISTOGRAM_BINS = 8;

/** Drift scores of one week against the reference rows of the model. */
export async function measureDriftJob(
  input: {
    /** Rows the model knows, at the version of `flow_features` it was trained on. */
    reference: { selection: Selection; version: number };
    /** Version of `flow_features` that holds the week. */
    version: number;
    /** The model's; null for a version that names none. */
    transformer: Transformer | null;
    week: string;
    preset: Preset;
  },
  { layout }: JobContext,
): Promise<{ rows: number; scores: DriftScore[] }> {
  const { reference, version, transformer, week, preset } = input;
  const db = await FeatureDb.open();
  try {
    const source = { db, tablesRoot: layout.tables, transformer };
    const known = { ...source, version: reference.version };
    const before = await readFlowSet(known, reference.selection);
    const now = await readFlowSet({ ...source, version }, wholeWeeks([week]));
    const columns = columnsOf(before);
    const bins = fitFlowBins(columns);
    const windowOf = (set: FlowSet, of: FlowColumns): DriftWindow => ({
      ...binFlows(of, bins),
      blocks: Int32Array.from(set.timeFirstMs, (time) => Math.floor(time / HOUR_MS)),
      sniDomains: set.sniDomain,
    });
    const scores = judgeDrift({
      reference: windowOf(before, columns),
      current: windowOf(now, columnsOf(now)),
      policy: {
        resamples: preset.drift.resamples,
        minRows: preset.drift.minRows,
        seed: preset.seed,
      },
    });
    return { rows: now.n, scores };
  } finally {
    db.close();
  }
}

/** The columns that drift is judged on; histograms are shares of their sum, as the feature table keeps them. */
function columnsOf(set: FlowSet): FlowColumns {
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
