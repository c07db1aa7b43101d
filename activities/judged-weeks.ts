/** Which weeks and days there are to judge, and which have been. */
import type { HomeLayout } from '../contracts/home.js';
import type { Preset, Split } from '../contracts/schemas/values.js';
import { isoWeekOf, weekStart } from '../dag/partitions.js';
import type { Snapshot } from '../feature-store/delta/snapshot.js';
import { quote } from '../feature-store/duckdb.js';
import { RUNS } from '../feature-store/engine-tables.js';
import { queryIfPresent } from '../feature-store/query-tables.js';
import { TRAFFIC_DAILY } from '../feature-store/tables.js';
import { weekRows } from '../feature-store/week-rows.js';

/** Partitions for which a run of the DAG has succeeded. A run that failed half-way does not count. */
export async function succeededPartitions(layout: HomeLayout, dag: string): Promise<Set<string>> {
  const rows = await queryIfPresent(
    layout.tables,
    RUNS.name,
    `SELECT DISTINCT partition FROM runs WHERE dag = ${quote(dag)} AND state = 'success'`,
  );
  return new Set(rows.map((row) => String(row['partition'])));
}

/** All weeks of the feature table, and those that have ended and have enough rows; oldest first. */
export function usableWeeks(
  features: Snapshot,
  { minRowsPerWeek }: Preset,
): { weeks: string[]; usable: string[] } {
  const weeks = weekRows(features);
  const current = isoWeekOf(new Date());
  const usable = weeks.filter(({ week, rows }) => week < current && rows >= minRowsPerWeek);
  return { weeks: weeks.map(({ week }) => week), usable: usable.map(({ week }) => week) };
}

/** UTC days with at least so many flows, oldest first. */
export async function daysWithFlows(layout: HomeLayout, minRows: number): Promise<string[]> {
  const rows = await queryIfPresent(
    layout.tables,
    TRAFFIC_DAILY.name,
    `SELECT strftime(day, '%Y-%m-%d') AS day FROM traffic_daily
     GROUP BY ALL HAVING sum(flows) >= ${minRows} ORDER BY ALL`,
  );
  return rows.map((row) => String(row['day']));
}

/** Up to when a version knows flows, epoch ms: where its newest flows end, or the newest week of them. */
export function knownToMs({ train, validate, test, selections }: Split): number {
  const { test: newest } = selections;
  // a retraining may end within a week, the rest of which nobody has seen
  if (newest.kind === 'time' && newest.toMs !== null) return newest.toMs;
  const week = [...train, ...validate, ...test].sort().at(-1);
  return week === undefined ? 0 : weekEndMs(week);
}

/** Where an ISO week ends, epoch ms. */
export function weekEndMs(week: string): number {
  return weekStart(week).getTime() + 7 * 86_400_000;
}
