/**
 * MFWDD as published: a test of each feature, weighted by how much the model relies on it.
 *
 * Thresholds are fixed and know nothing of the sizes of the windows; `judge-window.ts` has ones that do. This is the
 * method to compare published figures with.
 *
 * @see MFWDD, doi 10.23919/CNSM62983.2024.10814630; golden vectors of its code: test/golden/mfwdd.json
 */
import { PipelineError } from '../../contracts/errors.js';
import { jensenShannonDistance, scaledWasserstein } from './distances.js';
import { ksTest } from './ks-test.js';

/** N flows, feature by feature. */
export interface FeatureWindow {
  /** Values of each feature, each of shape [N]. */
  readonly columns: ReadonlyMap<string, ArrayLike<number>>;
  /** True class of each flow, shape [N]. */
  readonly classes?: readonly string[];
}

/** How one feature is tested, and what follows from all of them. */
export interface DriftTest {
  /** Compares one feature's values; a distance, or a p-value for `ksDriftTest`. */
  calculate(reference: ArrayLike<number>, current: ArrayLike<number>): number;
  /** Whether a feature with this result has drifted. */
  featureDrifted(metric: number): boolean;
  /** Whether the window has drifted, by its strength. */
  sampleDrifted(driftStrength: number): boolean;
  /** Strength of the drift of all features together, by their importances. */
  driftStrength(metrics: readonly number[], importances: readonly number[]): number;
}

/** Thresholds of a test. */
export interface DriftThresholds {
  /** Beyond this a feature has drifted. */
  readonly driftThresholdSingle?: number;
  /** Beyond this the window has drifted. */
  readonly driftThresholdGlobal?: number;
}

/** What is tested, and how. */
export interface MfwddConfig {
  /** @default all features of the reference */
  readonly chosenFeatures?: readonly string[];
  /** Importance of each chosen feature, >= 0; those of the model should sum to one. @default all alike, with sum one */
  readonly featureImportances?: ReadonlyMap<string, number>;
  /** @default `wassersteinDriftTest()` */
  readonly driftTest?: DriftTest;
}

/** What became of one feature. */
export interface FeatureDrift {
  readonly feature: string;
  /** A distance, or a p-value for `ksDriftTest`. */
  readonly distance: number;
  readonly isDrifted: boolean;
}

/** What became of a window. */
export interface MfwddResult {
  readonly isDrifted: boolean;
  readonly driftStrength: number;
  /** Share of the features that have drifted, 0 to 1. */
  readonly shareDriftedFeatures: number;
  /** In the order of the chosen features. */
  readonly features: readonly FeatureDrift[];
}

/**
 * The published default: Wasserstein-1 over the pooled standard deviation.
 *
 * A feature that is constant in the reference has distance 0 when the first value of both windows is the same, else 1,
 * whatever the rest of the current window holds: so it stands in the original.
 *
 * @param thresholds @default single 0.1, global 0.05
 */
export function wassersteinDriftTest(thresholds: DriftThresholds = {}): DriftTest {
  const { driftThresholdSingle = 0.1, driftThresholdGlobal = 0.05 } = thresholds;
  return {
    calculate: (reference, current) => {
      if (isConstant(reference)) return reference[0] === current[0] ? 0 : 1;
      return scaledWasserstein(reference, current);
    },
    featureDrifted: (metric) => metric > driftThresholdSingle,
    sampleDrifted: (driftStrength) => driftStrength > driftThresholdGlobal,
    driftStrength: (metrics, importances) => {
      const total = sum(importances);
      return sum(metrics.map((metric, d) => metric * (importances[d]! / total))); // one per feature
    },
  };
}

/**
 * The two-sample Kolmogorov-Smirnov test: p-values, so less is more drift.
 *
 * Each weighs 1 - importance, over the sum of these: with many features that is nearly the plain mean, and the more
 * important ones count a little less. So it stands in the original.
 *
 * @param thresholds @default single 0.05, global 0.475
 */
export function ksDriftTest(thresholds: DriftThresholds = {}): DriftTest {
  const { driftThresholdSingle = 0.05, driftThresholdGlobal = 0.475 } = thresholds;
  return {
    calculate: (reference, current) => ksTest(reference, current).pValue,
    featureDrifted: (metric) => metric < driftThresholdSingle,
    sampleDrifted: (driftStrength) => driftStrength < driftThresholdGlobal,
    driftStrength: (metrics, importances) => {
      const total = sum(importances.map((importance) => 1 - importance));
      return sum(metrics.map((metric, d) => metric * ((1 - importances[d]!) / total))); // one per feature
    },
  };
}

/**
 * Jensen-Shannon distance over equally wide bins of the range of both windows.
 *
 * Importances are not brought to sum one, other than in `wassersteinDriftTest`: so it stands in the original.
 *
 * @param options nBins: bins. @default single 0.1, global 0.05, 25 bins
 */
export function jsDriftTest(
  options: DriftThresholds & { readonly nBins?: number } = {},
): DriftTest {
  const { driftThresholdSingle = 0.1, driftThresholdGlobal = 0.05, nBins = 25 } = options;
  return {
    calculate: (reference, current) => {
      const range = rangeOf(reference, current);
      return jensenShannonDistance(
        histogram(current, nBins, range),
        histogram(reference, nBins, range),
      );
    },
    featureDrifted: (metric) => metric > driftThresholdSingle,
    sampleDrifted: (driftStrength) => driftStrength > driftThresholdGlobal,
    driftStrength: (metrics, importances) =>
      sum(metrics.map((metric, d) => metric * importances[d]!)), // one per feature
  };
}

/**
 * Tests all chosen features of two windows.
 *
 * @throws PipelineError DRIFT_SHAPE when a window or the importances lack a chosen feature
 * @throws PipelineError DRIFT_INPUT when a window is empty or has a NaN
 */
export function detectMfwdd(
  reference: FeatureWindow,
  current: FeatureWindow,
  config: MfwddConfig = {},
): MfwddResult {
  const test = config.driftTest ?? wassersteinDriftTest();
  const names = config.chosenFeatures ?? [...reference.columns.keys()];
  const importances = names.map((name) => importanceOf(name, names.length, config));
  const features = names.map((feature): FeatureDrift => {
    const distance = test.calculate(column(reference, feature), column(current, feature));
    return { feature, distance, isDrifted: test.featureDrifted(distance) };
  });
  const driftStrength = test.driftStrength(
    features.map(({ distance }) => distance),
    importances,
  );
  return {
    isDrifted: test.sampleDrifted(driftStrength),
    driftStrength,
    shareDriftedFeatures: features.filter(({ isDrifted }) => isDrifted).length / names.length,
    features,
  };
}

/**
 * Tests the flows of each class that both windows have, apart from those of the others.
 *
 * @returns by class, the least drifted first
 * @throws PipelineError DRIFT_SHAPE when a window has no classes, or not one for each flow; else as `detectMfwdd`
 */
export function detectMfwddByClass(
  reference: FeatureWindow,
  current: FeatureWindow,
  config: MfwddConfig = {},
): Map<string, MfwddResult> {
  const referenceRows = rowsByClass(reference);
  const results: [string, MfwddResult][] = [];
  for (const [name, rows] of rowsByClass(current)) {
    const before = referenceRows.get(name);
    if (before === undefined) continue;
    results.push([name, detectMfwdd(take(reference, before), take(current, rows), config)]);
  }
  return new Map(
    results.sort(
      ([a, { driftStrength: x }], [b, { driftStrength: y }]) => x - y || (a < b ? -1 : 1),
    ),
  );
}

/** How a window came to differ; `unknown` before there is a week to look back on. */
export type DriftType = 'sudden' | 'periodic' | 'incremental' | 'none' | 'unknown';

/**
 * The type of the drift of the newest day, by the days before it.
 *
 * Sudden: other than yesterday and than a week ago. Periodic: as a week ago, yet other than yesterday or than the week.
 * Incremental: other than the week, but not than yesterday. The week holds the day itself too: so it stands in the
 * original.
 *
 * @param days windows of days on end, the newest last; the original takes 5,000 flows of each
 */
export function driftTypeOf(days: readonly FeatureWindow[], config: MfwddConfig = {}): DriftType {
  const week = days.slice(-8);
  const [weekAgo] = week;
  const [yesterday, today] = week.slice(-2);
  if (week.length < 8 || weekAgo === undefined || yesterday === undefined || today === undefined) {
    return 'unknown';
  }
  const differsFrom = (window: FeatureWindow): boolean =>
    detectMfwdd(window, today, config).isDrifted;
  const fromYesterday = differsFrom(yesterday);
  const fromWeekAgo = differsFrom(weekAgo);
  const fromWeek = differsFrom(joined(week));
  if (fromYesterday && fromWeekAgo) return 'sudden';
  if (!fromYesterday && !fromWeek) return 'none';
  return fromWeekAgo ? 'incremental' : 'periodic';
}

function importanceOf(name: string, D: number, { featureImportances }: MfwddConfig): number {
  if (featureImportances === undefined) return 1 / D;
  return featureImportances.get(name) ?? missing(name, [...featureImportances.keys()]);
}

function column({ columns }: FeatureWindow, name: string): ArrayLike<number> {
  const values = columns.get(name) ?? missing(name, [...columns.keys()]);
  let row = 0;
  while (row < values.length && !Number.isNaN(values[row])) row++;
  if (row > 0 && row === values.length) return values;
  throw new PipelineError({
    code: 'DRIFT_INPUT',
    column: name,
    row: row + 1,
    found: values.length === 0 ? 'a window without flows' : 'NaN',
    expected: 'a number for each flow, and at least one flow in each window',
    fix: 'Leave out what has no flows, and say what a missing value counts as.',
  });
}

function missing(name: string, known: readonly string[]): never {
  throw new PipelineError({
    code: 'DRIFT_SHAPE',
    column: name,
    found: `${known.length} features without it`,
    expected: 'every chosen feature in both windows and among the importances',
    fix: 'Choose features that all of them have.',
  });
}

function rowsByClass({ columns, classes }: FeatureWindow): Map<string, number[]> {
  const [first] = columns.values();
  const N = first?.length ?? 0;
  if (classes?.length !== N) {
    throw new PipelineError({
      code: 'DRIFT_SHAPE',
      found: `${classes?.length ?? 'no'} classes for ${N} flows`,
      expected: 'the class of each flow',
      fix: 'Pass windows with labels.',
    });
  }
  const rows = new Map<string, number[]>();
  classes.forEach((name, row) => {
    const known = rows.get(name);
    if (known === undefined) rows.set(name, [row]);
    else known.push(row);
  });
  return rows;
}

function take({ columns }: FeatureWindow, rows: readonly number[]): FeatureWindow {
  const taken = new Map<string, Float64Array>();
  for (const [name, values] of columns) {
    const some = new Float64Array(rows.length);
    rows.forEach((row, i) => (some[i] = values[row]!)); // rows of this window
    taken.set(name, some);
  }
  return { columns: taken };
}

function joined(windows: readonly FeatureWindow[]): FeatureWindow {
  const columns = new Map<string, number[]>();
  for (const name of windows[0]?.columns.keys() ?? []) {
    columns.set(
      name,
      windows.flatMap((window) => Array.from(column(window, name))),
    );
  }
  return { columns };
}

function isConstant(values: ArrayLike<number>): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false;
  return values.length > 1; // one value has no standard deviation
}

function rangeOf(a: ArrayLike<number>, b: ArrayLike<number>): readonly [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const values of [a, b]) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!; // i < length
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low === high ? [low - 0.5, high + 0.5] : [low, high]; // as numpy widens a single value
}

/** Counts in equally wide bins, the last one closed; a value at an edge is held against the edge, as numpy does. */
function histogram(
  values: ArrayLike<number>,
  bins: number,
  [low, high]: readonly [number, number],
): Float64Array {
  const counts = new Float64Array(bins);
  const width = (high - low) / bins;
  const edge = (bin: number): number => (bin === bins ? high : bin * width + low);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!; // i < length
    let bin = Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins));
    if (value < edge(bin)) bin--;
    else if (bin < bins - 1 && value >= edge(bin + 1)) bin++;
    counts[bin]!++; // 0 .. bins - 1
  }
  return counts;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
