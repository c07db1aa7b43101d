/** Rows of each ISO week of a table, from its log alone. */
import type { Snapshot } from './delta/snapshot.js';
import { isoWeekText } from './tables.js';

/** Weeks with at least one row, oldest first. The table is partitioned by iso_year and iso_week. */
export function weekRows(snapshot: Snapshot): { week: string; rows: number }[] {
  const weeks = new Map<string, number>();
  for (const { partitionValues, rows } of snapshot.files.values()) {
    const { iso_year: year, iso_week: week } = partitionValues;
    const name = isoWeekText(Number(year), Number(week));
    weeks.set(name, (weeks.get(name) ?? 0) + rows);
  }
  return [...weeks]
    .map(([week, rows]) => ({ week, rows }))
    .sort((a, b) => (a.week < b.week ? -1 : 1));
}
