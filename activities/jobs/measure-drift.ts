/** Compares a week with the rows its model was trained on. */
import type { Preset, Selection } from '../../contracts/schemas/values.js';
import { binFlows, fitFlowBins, type FlowColumns } from '../../domain/drift/bin-flows.js';
import { judgeDrift, type DriftScore, type DriftWindow } from '../../domain/drift/judge-drift.js';
import { wholeWeeks } from '../../domain/lifecycle/split-weeks.js';
import type { Transformer } from '../../domain/traffic/transformer.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { readFlowSet, type FlowSet } from '../../feature-store/read-flows.js';
import { driftColumns } from './drift-columns.js';
import type { JobContext } from './index.js';

const HOUR_MS = 3_600_000;

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
    const columns = driftColumns(before);
    const bins = fitFlowBins(columns);
    const windowOf = (set: FlowSet, of: FlowColumns): DriftWindow => ({
      ...binFlows(of, bins),
      blocks: Int32Array.from(set.timeFirstMs, (time) => Math.floor(time / HOUR_MS)),
      sniDomains: set.sniDomain,
    });
    const scores = judgeDrift({
      reference: windowOf(before, columns),
      current: windowOf(now, driftColumns(now)),
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
