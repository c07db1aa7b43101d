/** Which weeks the monitor has judged for a model. */
import type { HomeLayout } from '../contracts/home.js';
import { FeatureDb, quote } from '../feature-store/duckdb.js';
import { DRIFT_SCORES } from '../feature-store/engine-tables.js';
import { queryTables, tableNames } from '../feature-store/query-tables.js';

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
