/** What was measured of the windows of a model, window by window. */
import { quote } from './duckdb.js';
import { DRIFT_SCORES } from './engine-tables.js';
import { queryIfPresent } from './query-tables.js';

/** One signal of one judged window. */
export interface SignalScore {
  /** ISO week, or day. */
  readonly partition: string;
  readonly modelVersion: string;
  readonly rows: number;
  readonly signal: string;
  /** Null when it was not judged, as is `threshold`. */
  readonly value: number | null;
  readonly threshold: number | null;
  readonly verdict: 'drifted' | 'stable' | 'not_judged';
}

/**
 * The newest report of each window of one length, oldest window first.
 *
 * @param model registered name
 */
export async function readSignals(
  tablesRoot: string,
  model: string,
  length: 'day' | 'week',
): Promise<SignalScore[]> {
  const ofLength = `partition ${length === 'week' ? '' : 'NOT '}LIKE '%W%'`;
  const rows = await queryIfPresent(
    tablesRoot,
    DRIFT_SCORES.name,
    `SELECT partition, model_version, rows, statistic, value, threshold, verdict FROM drift_scores
     WHERE model = ${quote(model)} AND ${ofLength}
     QUALIFY 1 = dense_rank() OVER (
       PARTITION BY partition ORDER BY model_version::INTEGER DESC, features_version DESC, report_hash)
     ORDER BY partition, statistic`,
  );
  return rows.map((row) => ({
    ...{ partition: String(row['partition']), modelVersion: String(row['model_version']) },
    ...{ rows: Number(row['rows']), signal: String(row['statistic']) },
    value: row['value'] as number | null, // a double column, as is the next
    threshold: row['threshold'] as number | null,
    verdict: row['verdict'] as SignalScore['verdict'], // one of these when it was written
  }));
}
