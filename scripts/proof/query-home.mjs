import { FeatureDb } from '../../dist/feature-store/duckdb.js';
import { queryTables } from '../../dist/feature-store/query-tables.js';

/** Rows of SQL over the tables of a home. */
export async function queryHome(layout, sql, options) {
  const db = await FeatureDb.open(options);
  try {
    return (await queryTables({ db, tablesRoot: layout.tables, sql })).rows;
  } finally {
    db.close();
  }
}
