/** When the flows of `flow_features` began: how many on each day, and where in time some number of them lies. */
import type { Selection } from '../contracts/schemas/values.js';
import { readOldVersions } from './delta/vacuumed.js';
import type { PlainRow } from './duckdb.js';
import { featuresOf, type FlowSource } from './read-flows.js';
import { rowsOf } from './select-rows.js';
import { isoWeekText } from './tables.js';

/**
 * Flows of each UTC day that has any, oldest first.
 *
 * @throws PipelineError as `readFlowSet`
 */
export async function rowsByDay(source: FlowSource, selection: Selection): Promise<number[]> {
  const days = await ask(
    source,
    selection,
    (rows) =>
      `SELECT count(*)::INTEGER AS n FROM (${rows})
       GROUP BY epoch_us(time_first) // 86400000000 ORDER BY min(time_first)`,
  );
  return days.map(({ n }) => Number(n));
}

/**
 * When the flows at some places in the order of time began, ms since 1970 with fraction.
 *
 * @param places ascending, each below the number of flows
 * @throws PipelineError as `readFlowSet`
 */
export async function timesAt(
  source: FlowSource,
  selection: Selection,
  places: readonly number[],
): Promise<number[]> {
  const times = await ask(
    source,
    selection,
    (rows) =>
      `SELECT time_us / 1000 AS ms FROM (
         SELECT epoch_us(time_first) AS time_us, row_number() OVER (ORDER BY time_first) - 1 AS place FROM (${rows}))
       WHERE place IN (${places.join(', ')}) ORDER BY place`,
  );
  return times.map(({ ms }) => Number(ms));
}

/**
 * ISO weeks with flows of a selection, oldest first.
 *
 * @throws PipelineError as `readFlowSet`
 */
export async function weeksOf(source: FlowSource, selection: Selection): Promise<string[]> {
  const weeks = await ask(
    source,
    selection,
    (rows) =>
      `SELECT DISTINCT iso_year AS year, iso_week AS week FROM (${rows}) ORDER BY year, week`,
  );
  return weeks.map(({ year, week }) => isoWeekText(Number(year), Number(week)));
}

async function ask(
  source: FlowSource,
  selection: Selection,
  sql: (rows: string) => string,
): Promise<readonly PlainRow[]> {
  const snapshot = await featuresOf(source);
  return readOldVersions([snapshot], () =>
    source.db.session((session) => session.rows(sql(rowsOf(snapshot, selection)))),
  );
}
