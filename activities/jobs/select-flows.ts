/** The rows that a selection means, and their labels for one target. */
import type { Selection, Target } from '../../contracts/schemas/values.js';
import type { FeatureDb } from '../../feature-store/duckdb.js';
import { readFlowSet, type FlowSet } from '../../feature-store/read-flows.js';
import { selectFlows as selectArrays, type LabelledFlows } from '../../models/model.js';

/** Where rows are read: one version of `flow_features`. */
export interface FlowSource {
  readonly db: FeatureDb;
  readonly tablesRoot: string;
  /** Version of `flow_features`. */
  readonly version: number;
}

/** Flows with the classes that a model knows; the others are counted. */
export interface KnownFlows extends LabelledFlows {
  /** Their rows in the set they were taken from, from 0. */
  readonly rows: readonly number[];
  readonly rowsUnseenClass: number;
}

const DAY_MS = 86_400_000;

/** Flows of a selection, in time order. */
export async function readSelection(source: FlowSource, selection: Selection): Promise<FlowSet> {
  switch (selection.kind) {
    case 'slices': {
      const days = new Map(selection.slices.map((slice) => [slice.week, slice.days]));
      const set = await readFlowSet({ ...source, weeks: [...days.keys()] });
      return takeRows(set, (i) => {
        const wanted = days.get(set.week[i] ?? '');
        return wanted == null || wanted.includes(isoWeekday(set.timeFirstMs[i] ?? 0));
      });
    }
    case 'time':
      return readFlowSet({
        ...source,
        ...(selection.fromMs !== null && { fromMs: selection.fromMs }),
        ...(selection.toMs !== null && { toMs: selection.toMs }),
      });
    case 'random': {
      const set = await readFlowSet(source);
      return takeRows(set, (i) => {
        const share = shareOf(set.rowHash[i] ?? 0n, selection.seed);
        return selection.from <= share && share < selection.to;
      });
    }
  }
}

/** Labels as indices into `classes`; rows of other classes are left out. */
export function withLabels(set: FlowSet, target: Target, classes: readonly string[]): KnownFlows {
  const index = new Map(classes.map((name, k) => [name, k]));
  const names = namesOf(set, target);
  const rows: number[] = [];
  const labels: number[] = [];
  names.forEach((name, i) => {
    const label = index.get(name);
    if (label === undefined) return;
    rows.push(i);
    labels.push(label);
  });
  return {
    flows: selectArrays(set, rows),
    labels: Int32Array.from(labels),
    rows,
    rowsUnseenClass: set.n - rows.length,
  };
}

/** Classes with at least `minRows` rows, by name, and how many rows each of the others has. */
export function classesOf(
  set: FlowSet,
  target: Target,
  minRows: number,
): { classes: string[]; skipped: Map<string, number> } {
  const counts = new Map<string, number>();
  for (const name of namesOf(set, target)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const all = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    classes: all.filter(([, rows]) => rows >= minRows).map(([name]) => name),
    skipped: new Map(all.filter(([, rows]) => rows < minRows)),
  };
}

/** Class names of the rows, [N]. */
export function namesOf(set: FlowSet, target: Target): readonly string[] {
  return target === 'APP' ? set.app : set.category;
}

/** 1 = Monday .. 7 = Sunday, UTC. The epoch was a Thursday. */
function isoWeekday(timeMs: number): number {
  return ((((Math.floor(timeMs / DAY_MS) + 3) % 7) + 7) % 7) + 1;
}

/** A place in [0, 1) that depends on the row's features and the seed alone: splitmix64's finaliser. */
function shareOf(rowHash: bigint, seed: number): number {
  let z = BigInt.asUintN(64, rowHash + BigInt(seed) * 0x9e3779b97f4a7c15n);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return Number((z ^ (z >> 31n)) >> 11n) / 2 ** 53;
}

function takeRows(set: FlowSet, keep: (row: number) => boolean): FlowSet {
  const rows = Uint32Array.from(Array.from({ length: set.n }, (_, i) => i).filter((i) => keep(i)));
  if (rows.length === set.n) return set;
  const take = <T>(values: readonly T[]): T[] => Array.from(rows, (i) => values[i]!); // i < n
  return {
    ...selectArrays(set, rows),
    app: take(set.app),
    category: take(set.category),
    sniDomain: take(set.sniDomain),
    week: take(set.week),
    sourceSha: take(set.sourceSha),
    timeFirstMs: Float64Array.from(rows, (i) => set.timeFirstMs[i] ?? 0),
    rowHash: BigUint64Array.from(Array.from(rows, (i) => set.rowHash[i] ?? 0n)),
    sourceRow: Float64Array.from(rows, (i) => set.sourceRow[i] ?? 0),
  };
}
