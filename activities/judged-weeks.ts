/** Which weeks there are to judge, and which have been. */
import type { HomeLayout } from '../contracts/home.js';
import type { Preset } from '../contracts/schemas/values.js';
import type { Snapshot } from '../feature-store/delta/snapshot.js';
import { FeatureDb, quote } from '../feature-store/duckdb.js';
import { DRIFT_SCORES } from '../feature-store/engine-tables.js';
import { queryTables, tableNames } from '../feature-store/query-tables.js';
import { weekRows } from '../feature-store/week-rows.js';

/** Partitions with drift scores, of any version of the model. */
export async function judgedWeeks(layout: HomeLayout, model: string): Promise<Set<string>> {
  if (!(await tableNames(layout.tables)).includes(DRIFT_SCORES.name)) return new Set();
  const db = await FeatureDb.open({ threads: 1 });
  try {
    const { rows } = await queryTables({
      db,
      tablesRoot: layout.tables,
      sql: `SELECT DISTINCT partition FROM drift_scores WHERE model = ${quote(model)}`,
    });
    return new Set(rows.map((row) => String(row['partition'])));
  } finally {
    db.close();
  }
}

/** All weeks of the feature table, and those with enough rows; oldest first. */
export function usableWeeks(
  features: Snapshot,
  { minRowsPerWeek }: Preset,
): { weeks: string[]; usable: string[] } {
  const weeks = weekRows(features);
  const usable = weeks.filter(({ rows }) => rows >= minRowsPerWeek);
  return { weeks: weeks.map(({ week }) => week), usable: usable.map(({ week }) => week) };
}
