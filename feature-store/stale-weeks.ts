/** Which derived weeks no longer match the flows they were computed from. */
import { AGGREGATE_COMPUTATIONS } from './aggregate.js';
import { readSnapshot, type Snapshot } from './delta/snapshot.js';
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
  const flows = await readSnapshot(flowsTable);
  if (flows === undefined) return [];
  const now = filesByWeek(flows);
  const earlier = new Map<number, Map<string, WeekFiles>>([[flows.version, now]]);
  const at = async (version: number): Promise<Map<string, WeekFiles>> => {
    const known = earlier.get(version);
    if (known !== undefined) return known;
    const snapshot = await readSnapshot(flowsTable, { version });
    const files = snapshot === undefined ? new Map<string, WeekFiles>() : filesByWeek(snapshot);
    earlier.set(version, files);
    return files;
  };

  const stale = new Set<string>();
  for (const { name, table } of COMPUTATIONS) {
    const derived = await readSnapshot(tableFolder(tablesRoot, table));
    const computed = new Map(
      [...(derived?.txns ?? [])]
        .filter(([appId]) => appId.startsWith(`${name}/`))
        .map(([appId, version]) => [appId.slice(name.length + 1), version]),
    );
    for (const week of new Set([...now.keys(), ...computed.keys()])) {
      const version = computed.get(week);
      const before = version === undefined ? undefined : (await at(version)).get(week);
      if (version === undefined || !sameFiles(before, now.get(week))) stale.add(week);
    }
  }
  return [...stale].sort().map((week) => ({ week, rows: now.get(week)?.rows ?? 0 }));
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
