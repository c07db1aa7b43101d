import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  detectMfwdd,
  detectMfwddByClass,
  driftTypeOf,
  jsDriftTest,
  ksDriftTest,
  wassersteinDriftTest,
  type FeatureWindow,
  type MfwddConfig,
} from '../../../domain/drift/mfwdd.js';

/** See mfwdd.py. */
interface Recipe {
  seed: number;
  n: number;
  /** levels, shift, squared. */
  features: [number, number, boolean][];
  classes: [number, number];
}
interface Detected {
  statistics: { is_drifted: boolean; drift_strength: number; share_drifted_features: number };
  distances: number[];
  drifted: string[];
  classes: [string, { drift_strength: number; share_drifted: number; is_drifted: boolean }][];
}
type TestName = 'wasserstein' | 'ks' | 'js';
interface Golden {
  tolerance: Record<TestName, number>;
  reference: Recipe;
  current: Recipe;
  unmoved: Recipe;
  importances: Record<string, number>;
  weighted: Record<TestName, Detected>;
  uniform: Record<TestName, Detected>;
  stable: Record<TestName, Detected>;
  analyses: { days: Recipe[]; threshold: number; types: string[] }[];
}
const golden = JSON.parse(
  readFileSync(new URL('../../golden/mfwdd.json', import.meta.url), 'utf8'),
) as Golden; // written by mfwdd.py
const tests = { wasserstein: wassersteinDriftTest, ks: ksDriftTest, js: jsDriftTest };
const reference = windowOf(golden.reference);
const current = windowOf(golden.current);

const kinds = [
  { kind: 'weighted', window: current, importances: golden.importances },
  { kind: 'uniform', window: current, importances: null },
  { kind: 'stable', window: windowOf(golden.unmoved), importances: golden.importances },
] as const;

describe.each(kinds)('as the published code: $kind', ({ kind, window, importances }) => {
  test.each(['wasserstein', 'ks', 'js'] as const)('%s of two windows of 5,000 flows', (name) => {
    const want = golden[kind][name];
    const config: MfwddConfig = {
      driftTest: tests[name](),
      ...(importances !== null && { featureImportances: new Map(Object.entries(importances)) }),
    };
    const near = (got: number, wanted: number): void => {
      expect(Math.abs(got - wanted), `got ${got}, want ${wanted}`).toBeLessThanOrEqual(
        golden.tolerance[name],
      );
    };

    const got = detectMfwdd(reference, window, config);
    near(got.driftStrength, want.statistics.drift_strength);
    expect(got.isDrifted).toBe(want.statistics.is_drifted);
    expect(got.shareDriftedFeatures).toBe(want.statistics.share_drifted_features);
    want.distances.forEach((distance, d) => near(got.features[d]?.distance ?? NaN, distance));
    const drifted = got.features.filter(({ isDrifted }) => isDrifted);
    expect(drifted.map(({ feature }) => feature).sort()).toEqual(want.drifted);

    const byClass = detectMfwddByClass(reference, window, config);
    expect([...byClass.keys()]).toEqual(want.classes.map(([label]) => label));
    for (const [label, expected] of want.classes) {
      const found = byClass.get(label);
      near(found?.driftStrength ?? NaN, expected.drift_strength);
      expect(found?.shareDriftedFeatures).toBe(expected.share_drifted);
      expect(found?.isDrifted).toBe(expected.is_drifted);
    }
  });
});

test('the vectors hold both verdicts, constants, and classes that only one window has', () => {
  const { weighted, stable } = golden;
  expect(weighted.wasserstein.statistics.is_drifted).toBe(true);
  expect(stable.wasserstein.statistics.is_drifted).toBe(false);
  expect(weighted.wasserstein.distances.slice(16, 18)).toEqual([0, 1]);
  expect([weighted.js.classes.length, stable.js.classes.length]).toEqual([5, 6]);
});

test.each(golden.analyses.map((analysis, index) => ({ index, ...analysis })))(
  'the type of drift over days on end is that of the published analyser: $types',
  ({ days, threshold, types }) => {
    const windows = days.map(windowOf);
    const driftTest = wassersteinDriftTest({ driftThresholdGlobal: threshold });
    const got = windows.map((_, day) => driftTypeOf(windows.slice(0, day + 1), { driftTest }));
    expect(got).toEqual(types.map((type) => (type === 'no' ? 'none' : type)));
  },
);

test('thresholds are those that were asked for', () => {
  const lax = wassersteinDriftTest({ driftThresholdSingle: 2, driftThresholdGlobal: 2 });
  const got = detectMfwdd(reference, current, { driftTest: lax });
  expect(got).toMatchObject({ isDrifted: false, shareDriftedFeatures: 0 });
});

test('only chosen features are tested', () => {
  const got = detectMfwdd(reference, current, { chosenFeatures: ['f3', 'f1'] });
  expect(got.features.map(({ feature }) => feature)).toEqual(['f3', 'f1']);
});

test('a feature that a window or the importances lack is named', () => {
  const chosenFeatures = ['f1', 'f99'];
  expect(() => detectMfwdd(reference, current, { chosenFeatures })).toThrow(/DRIFT_SHAPE.*f99/s);
  const featureImportances = new Map([['f1', 1]]);
  expect(() => detectMfwdd(reference, current, { featureImportances })).toThrow(/DRIFT_SHAPE/);
});

test('windows without classes, without flows or with a NaN are refused', () => {
  const unlabelled = { columns: reference.columns };
  expect(() => detectMfwddByClass(unlabelled, current)).toThrow(/DRIFT_SHAPE/);
  const empty = { columns: new Map([['f0', []]]) };
  expect(() => detectMfwdd(empty, empty)).toThrow(/DRIFT_INPUT/);
  const holed = { columns: new Map([['f0', [1, NaN]]]) };
  for (const driftTest of [wassersteinDriftTest(), ksDriftTest(), jsDriftTest()]) {
    expect(() => detectMfwdd(reference, holed, { driftTest, chosenFeatures: ['f0'] })).toThrow(
      /DRIFT_INPUT.*f0.*NaN/s,
    );
  }
});

function windowOf({ seed, n, features, classes: [first, count] }: Recipe): FeatureWindow {
  let state = seed;
  const draw = (): number => {
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const columns = new Map(
    features.map(([levels, shift, squared], f) => [
      `f${f}`,
      Float64Array.from({ length: n }, () => {
        const u = draw();
        return Math.floor((squared ? u * u : u) * levels) + shift;
      }),
    ]),
  );
  const classes = Array.from({ length: n }, () => `c${first + Math.floor(draw() * count)}`);
  return { columns, classes };
}
