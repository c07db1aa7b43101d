/** Rows of each ISO week of a table, from its log alone. */
import type { LiveFile, Snapshot } from './delta/snapshot.js';
import { isoWeekText } from './tables.js';

/** Weeks with at least one row, oldest first. The table is partitioned by iso_year and iso_week. */
export function weekRows(snapshot: Snapshot): { week: string; rows: number }[] {
  const weeks = new Map<string, number>();
  for (const file of snapshot.files.values()) {
    const week = weekOfFile(file);
    weeks.set(week, (weeks.get(week) ?? 0) + file.rows);
  }
  return [...weeks]
    .map(([week, rows]) => ({ week, rows }))
    .sort((a, b) => (a.week < b.week ? -1 : 1));
}

/** ISO week of a data file of such a table. */
export function weekOfFile({ partitionValues }: LiveFile): string {
  return isoWeekText(Number(partitionValues['iso_year']), Number(partitionValues['iso_week']));
}
