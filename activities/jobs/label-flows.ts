/** The labels of flows for one target. */
import type { Target } from '../../contracts/schemas/values.js';
import type { FlowSet } from '../../feature-store/read-flows.js';
import { UNLABELLED } from '../../feature-store/sources/flow-columns.js';
import { selectFlows, type FlowSet as FlowArrays, type LabelledFlows } from '../../models/model.js';
import { vpnClass } from '../../models/vpn/detector.js';

/** Flows with the classes that a model knows; the others are counted. */
export interface KnownFlows extends LabelledFlows {
  /** Their rows in the set they were taken from, from 0. */
  readonly rows: readonly number[];
  readonly rowsUnseenClass: number;
}

/** The labels of a target as indices into `classes`, see `withClasses`. */
export function withLabels(set: FlowSet, target: Target, classes: readonly string[]): KnownFlows {
  return withClasses(set, namesOf(set, target), classes);
}

/**
 * Names as indices into `classes`; rows of other classes are left out, and where there are none nothing is copied.
 *
 * @param names [N]
 */
export function withClasses(
  set: FlowArrays,
  names: readonly string[],
  classes: readonly string[],
): KnownFlows {
  const index = new Map(classes.map((name, k) => [name, k]));
  const rows: number[] = [];
  const labels: number[] = [];
  names.forEach((name, i) => {
    const label = index.get(name);
    if (label === undefined) return;
    rows.push(i);
    labels.push(label);
  });
  return {
    flows: rows.length === set.n ? set : selectFlows(set, rows),
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
  return frequentClasses(namesOf(set, target), minRows);
}

/** The same of class names, [N]. */
export function frequentClasses(
  names: readonly string[],
  minRows: number,
): { classes: string[]; skipped: Map<string, number> } {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  const all = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    classes: all.filter(([, rows]) => rows >= minRows).map(([name]) => name),
    skipped: new Map(all.filter(([, rows]) => rows < minRows)),
  };
}

/** Class names of the rows, [N]. */
export function namesOf(set: FlowSet, target: Target): readonly string[] {
  switch (target) {
    case 'APP':
      return set.app;
    case 'CATEGORY':
      return set.category;
    case 'VPN':
      return set.app.map((app, i) => {
        const category = set.category[i] ?? UNLABELLED;
        const name = vpnClass(app, category);
        return name === 'other' && category === UNLABELLED ? UNLABELLED : name;
      });
  }
}
