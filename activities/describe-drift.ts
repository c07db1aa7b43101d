/** A judged window read back: the newest, or the one that is asked for. */
import type { DriftFindings } from '../contracts/drift.js';
import { PipelineError } from '../contracts/errors.js';
import type { HomeLayout } from '../contracts/home.js';
import { isPartition } from '../dag/partitions.js';
import { readSignals, type SignalScore } from '../feature-store/drift-scores.js';
import { readFindings } from './drift-findings.js';
import { windowOf } from './window-of.js';

/** A window, and the same signals in all windows of its length. */
export interface DescribedDrift {
  /** From the table alone where the window was judged on another machine: causes, classes and features are empty then. */
  readonly findings: DriftFindings;
  /** Oldest first. */
  readonly history: readonly SignalScore[];
}

/**
 * Reads a window back; no server is asked.
 *
 * @param partition ISO week or day. @default the window of the model that ended last
 * @throws PipelineError DRIFT_NOT_JUDGED
 */
export async function describeDrift(
  layout: HomeLayout,
  model: string,
  partition?: string,
): Promise<DescribedDrift> {
  const [weeks, days] = await Promise.all([
    readSignals(layout.tables, model, 'week'),
    readSignals(layout.tables, model, 'day'),
  ]);
  const newest = [days.at(-1), weeks.at(-1)] // of two that end together the week
    .flatMap((score) => (score === undefined ? [] : [score.partition]))
    .sort((a, b) => windowOf(a).endMs - windowOf(b).endMs)
    .at(-1);
  const wanted = partition ?? newest;
  const history = wanted !== undefined && isPartition('day', wanted) ? days : weeks;
  const scores = history.filter((score) => score.partition === wanted);
  const [first] = scores;
  if (wanted === undefined || first === undefined) {
    throw new PipelineError({
      code: 'DRIFT_NOT_JUDGED',
      found: `no judged ${wanted ?? 'window'} of ${model}`,
      ...(newest !== undefined && { expected: `a window up to ${newest}` }),
      fix: 'let `weekly`, `daily` or `sentinel run monitor --partition WEEK` judge it',
    });
  }
  const saved = await readFindings(layout, model, wanted);
  return { findings: saved ?? fromTable(model, scores, first), history };
}

function fromTable(
  model: string,
  scores: readonly SignalScore[],
  { partition, rows, modelVersion: version }: SignalScore,
): DriftFindings {
  return {
    ...{ model, rows, version, reportHash: '', ...windowOf(partition) },
    readings: scores.flatMap(({ signal, value, threshold }) =>
      value === null ? [] : [{ signal, value, threshold, calm: null }],
    ),
    ...{ judgedClasses: 0, medianShift: 0, causes: [], scores: [] },
    ...{ movedClasses: [], features: [], newServices: [] },
  };
}
