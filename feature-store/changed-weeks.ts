/** When the data of a table's weeks last changed, read from the commits of its log. */
import { logVersions, readLogEntry } from './delta/snapshot.js';
import { isoWeekText, tableFolder } from './tables.js';

/** The newest commit that changed a week's rows. */
export interface WeekChange {
  readonly version: number;
  /** Commit time, milliseconds since 1970. */
  readonly atMs: number;
}

/**
 * The newest change of each week since `sinceMs`, by week. Commits that only arrange rows anew
 * (compaction) change nothing.
 *
 * @param sinceMs commits at this time and later are looked at
 */
export async function changedWeeks(
  tablesRoot: string,
  table: string,
  sinceMs: number,
): Promise<Map<string, WeekChange>> {
  const folder = tableFolder(tablesRoot, table);
  const changes = new Map<string, WeekChange>();
  for (const version of (await logVersions(folder)).toReversed()) {
    const lines = await readLogEntry(folder, version);
    const atMs = lines.find((line) => line.commitInfo)?.commitInfo?.timestamp ?? 0;
    if (atMs < sinceMs) break;
    for (const { add, remove } of lines) {
      const file = add ?? remove;
      if (file?.dataChange !== true) continue;
      const { iso_year: year, iso_week: week } = file.partitionValues;
      const name = isoWeekText(Number(year), Number(week));
      if (!changes.has(name)) changes.set(name, { version, atMs });
    }
  }
  return changes;
}
