/** Which derived weeks no longer match the flows they were computed from. */
import { AGGREGATE_COMPUTATIONS } from './aggregate.js';
import { advanceSnapshot, readSnapshot, type Snapshot } from './delta/snapshot.js';
import { FEATURES_COMPUTATION } from './features.js';
import { sourcesOf } from './source-tags.js';
import { FLOW_FEATURES, FLOWS, isoWeekText, tableFolder } from './tables.js';

/** What has to be fresh: the computation's name, and the table its result lies in. */
const COMPUTATIONS: readonly { readonly name: string; readonly table: string }[] = [
  ...AGGREGATE_COMPUTATIONS,
  { name: FEATURES_COMPUTATION, table: FLOW_FEATURES.name },
];

/** Rows of one week by where they came from. */
type WeekSources = ReadonlyMap<string, number>;

/**
 * Weeks for which a derived table was never computed, or was computed from other sources than the week
 * has now; oldest first, each with its rows in `flows`.
 */
export async function staleWeeks(tablesRoot: string): Promise<{ week: string; rows: number }[]> {
  const flowsTable = tableFolder(tablesRoot, FLOWS.name);
  const computed = await computedWeeks(tablesRoot);
  const versions = [...new Set(computed.flatMap((weeks) => [...weeks.values()]))];
  const [first, ...later] = versions.sort((a, b) => a - b);
  let flows = await readSnapshot(flowsTable, { ...(first !== undefined && { version: first }) });
  if (flows === undefined) return [];
  // the log is read once, from the oldest version that is asked for to the newest
  const at = new Map([[flows.version, sourcesByWeek(flows)]]);
  for (const version of later) {
    flows = await advanceSnapshot(flows, { version });
    at.set(version, sourcesByWeek(flows));
  }
  const now = sourcesByWeek(await advanceSnapshot(flows));

  const stale = new Set<string>();
  for (const weeks of computed)
    for (const week of new Set([...now.keys(), ...weeks.keys()])) {
      const version = weeks.get(week);
      const before = version === undefined ? undefined : at.get(version)?.get(week);
      if (version === undefined || !sameSources(before, now.get(week))) stale.add(week);
    }
  return [...stale].sort().map((week) => ({ week, rows: rowsOf(now.get(week)) }));
}

/** For each computation, the version of `flows` that each week was last computed from. */
async function computedWeeks(tablesRoot: string): Promise<ReadonlyMap<string, number>[]> {
  const weeks: ReadonlyMap<string, number>[] = [];
  for (const { name, table } of COMPUTATIONS) {
    const derived = await readSnapshot(tableFolder(tablesRoot, table));
    const txns = [...(derived?.txns ?? [])].filter(([appId]) => appId.startsWith(`${name}/`));
    weeks.push(new Map(txns.map(([appId, version]) => [appId.slice(name.length + 1), version])));
  }
  return weeks;
}

/** By week the rows of each source; a file of no source counts by its path. */
function sourcesByWeek(snapshot: Snapshot): Map<string, WeekSources> {
  const weeks = new Map<string, Map<string, number>>();
  for (const file of snapshot.files.values()) {
    const { iso_year: year, iso_week: week } = file.partitionValues;
    const name = isoWeekText(Number(year), Number(week));
    const sources = weeks.get(name) ?? new Map<string, number>();
    const parts = sourcesOf(file);
    for (const { sha256, rows } of parts) sources.set(sha256, (sources.get(sha256) ?? 0) + rows);
    if (parts.length === 0) sources.set(file.logPath, file.rows);
    weeks.set(name, sources);
  }
  return weeks;
}

function rowsOf(sources: WeekSources | undefined): number {
  let sum = 0;
  for (const rows of sources?.values() ?? []) sum += rows;
  return sum;
}

function sameSources(a: WeekSources = new Map(), b: WeekSources = new Map()): boolean {
  return a.size === b.size && [...a].every(([source, rows]) => b.get(source) === rows);
}
