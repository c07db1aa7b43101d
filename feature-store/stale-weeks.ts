/** Which derived weeks no longer match the flows they were computed from. */
import { AGGREGATE_COMPUTATIONS } from './aggregate.js';
import { advanceSnapshot, readSnapshot, type Snapshot } from './delta/snapshot.js';
import { FEATURES_COMPUTATION } from './features.js';
import { FLOW_FEATURES, FLOWS, isoWeekText, tableFolder } from './tables.js';

/** What has to be fresh: the computation's name, and the table its result lies in. */
const COMPUTATIONS: readonly { readonly name: string; readonly table: string }[] = [
  ...AGGREGATE_COMPUTATIONS,
  { name: FEATURES_COMPUTATION, table: FLOW_FEATURES.name },
];

/** Data files of one week: their paths, and the rows in them. */
interface WeekFiles {
  readonly paths: Set<string>;
  rows: number;
}

/**
 * Weeks for which a derived table was never computed, or was computed from other files than the week
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
  const at = new Map([[flows.version, filesByWeek(flows)]]);
  for (const version of later) {
    flows = await advanceSnapshot(flows, { version });
    at.set(version, filesByWeek(flows));
  }
  const now = filesByWeek(await advanceSnapshot(flows));

  const stale = new Set<string>();
  for (const weeks of computed)
    for (const week of new Set([...now.keys(), ...weeks.keys()])) {
      const version = weeks.get(week);
      const before = version === undefined ? undefined : at.get(version)?.get(week);
      if (version === undefined || !sameFiles(before, now.get(week))) stale.add(week);
    }
  return [...stale].sort().map((week) => ({ week, rows: now.get(week)?.rows ?? 0 }));
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

function filesByWeek(snapshot: Snapshot): Map<string, WeekFiles> {
  const weeks = new Map<string, WeekFiles>();
  for (const { logPath, partitionValues, rows } of snapshot.files.values()) {
    const { iso_year: year, iso_week: week } = partitionValues;
    const name = isoWeekText(Number(year), Number(week));
    const files = weeks.get(name) ?? { paths: new Set(), rows: 0 };
    files.paths.add(logPath);
    files.rows += rows;
    weeks.set(name, files);
  }
  return weeks;
}

function sameFiles(a: WeekFiles | undefined, b: WeekFiles | undefined): boolean {
  const [left, right] = [a?.paths ?? new Set<string>(), b?.paths ?? new Set<string>()];
  return left.size === right.size && [...left].every((path) => right.has(path));
}
