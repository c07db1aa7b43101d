/** Why a partition's result is not what a run would give now: another plan, other parameters, newer data. */
import type { HomeLayout } from '../contracts/home.js';
import type { JsonObject } from '../contracts/json.js';
import { updatedAssets } from '../dag/downstream-dags.js';
import { isoWeekOf, partitionInterval, weekRange, type PartitionKind } from '../dag/partitions.js';
import { hashJson, planHash } from '../dag/plan-hash.js';
import type { Plan } from '../dag/plan.js';
import { changedWeeks, type WeekChange } from '../feature-store/changed-weeks.js';
import type { RecordedRun } from './known-runs.js';

/** What a run would use now. */
export interface RunNow {
  readonly plan: Plan;
  /** All parameters, or those that are certain. */
  readonly params: JsonObject;
  /** The newest successful run of each DAG whose assets this one reads or is started by, by partition. */
  readonly upstream: readonly ReadonlyMap<string, RecordedRun>[];
}

/**
 * Says of each run why it is stale, or nothing when it is not. Reads the log of each table once.
 *
 * @param runs the newest successful run of each partition
 */
export async function staleReasons(
  layout: HomeLayout,
  runs: readonly RecordedRun[],
  now: RunNow,
): Promise<Map<string, string>> {
  const hash = planHash(now.plan);
  const sinceMs = Math.min(...runs.map(({ startedMs }) => startedMs));
  const changes: TableChanges[] = [];
  for (const table of now.plan.reads) {
    changes.push({ table, weeks: await changedWeeks(layout.tables, table, sinceMs) });
  }
  // what a run writes itself, it does not make stale by it
  const updated = new Set(updatedAssets(now.plan));
  return new Map(
    runs.flatMap((run) => {
      const reason =
        planChange(run, now.plan, hash) ??
        paramChange(run, now.params) ??
        tableChange(run, now.plan.partitions, changes, updated) ??
        upstreamChange(run, now.upstream);
      return reason === undefined ? [] : [[run.partition, reason] as const];
    }),
  );
}

interface TableChanges {
  readonly table: string;
  readonly weeks: ReadonlyMap<string, WeekChange>;
}

function planChange(run: RecordedRun, plan: Plan, hash: string): string | undefined {
  if (run.planHash === hash) return undefined;
  const { codeVersion } = run;
  if (hashJson({ ...plan, codeVersion }) === run.planHash) {
    return `code changed: ${codeVersion} -> ${plan.codeVersion}`;
  }
  return `plan changed: ${run.planHash.slice(0, 12)} -> ${hash.slice(0, 12)}`;
}

function paramChange(run: RecordedRun, params: JsonObject): string | undefined {
  const name = Object.keys(params).find(
    (name) => hashJson(params[name] ?? null) !== hashJson(run.params[name] ?? null),
  );
  if (name === undefined) return undefined;
  const [before, now] = [run.params[name] ?? null, params[name] ?? null].map(shortJson);
  return `parameter ${name} changed: ${before} -> ${now}`;
}

function tableChange(
  run: RecordedRun,
  kind: PartitionKind,
  changes: readonly TableChanges[],
  updated: ReadonlySet<string>,
): string | undefined {
  for (const { table, weeks } of changes) {
    const sinceMs = updated.has(table) ? run.finishedMs : run.startedMs;
    for (const week of weeksOf(kind, run.partition) ?? weeks.keys()) {
      const change = weeks.get(week);
      if (change === undefined || change.atMs <= sinceMs) continue;
      return `${table} ${week} changed at version ${change.version}, after its newest run`;
    }
  }
  return undefined;
}

/** The ISO weeks by which tables are cut that a partition touches; undefined for one that is no span of time. */
function weeksOf(kind: PartitionKind, partition: string): string[] | undefined {
  const span = partitionInterval(kind, partition);
  if (span === null) return undefined;
  return weekRange(isoWeekOf(new Date(span.startMs)), isoWeekOf(new Date(span.endMs - 1)));
}

function upstreamChange(run: RecordedRun, upstream: RunNow['upstream']): string | undefined {
  for (const runs of upstream) {
    const newer = runs.get(run.partition);
    if (newer !== undefined && newer.finishedMs > run.startedMs) {
      return `${newer.dagRunId} succeeded again after its newest run`;
    }
  }
  return undefined;
}

function shortJson(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= 40 ? text : `${text.slice(0, 39)}…`;
}
