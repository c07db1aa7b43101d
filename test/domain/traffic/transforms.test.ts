import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hashBucket, hashSign } from '../../../domain/traffic/hash-bucket.js';
import { PACKET_STATISTICS, packetStatistics } from '../../../domain/traffic/packet-statistics.js';
import { robustScaling, standardScaling } from '../../../domain/traffic/scaling.js';
import {
  encodeCategory,
  withoutFold,
  type Smoothing,
  type TargetCounts,
} from '../../../domain/traffic/target-encoding.js';

const golden = JSON.parse(readFileSync('test/golden/features.json', 'utf8')) as {
  tolerance: number;
  hashing: { texts: string[]; buckets: number; want: number[] }[];
  targets: {
    x: string[];
    y: number[];
    classes: number;
    smooth: Smoothing;
    categories: string[];
    full: number[][];
    fold?: number[];
    outOfFold?: number[][];
  }[];
  scaling: {
    rows: number;
    mean: number;
    variance: number;
    quartiles: [number, number, number];
    standard: [number, number];
    robust: [number, number];
  }[];
  packets: { sizes: number[]; ipt: number[]; want: Record<string, number> }[];
};

/** The largest difference must be within the golden file's tolerance, relative beyond 1. */
function expectNear(got: readonly number[], want: readonly number[], what: string): void {
  expect(got.length, what).toBe(want.length);
  want.forEach((value, i) => {
    const difference = Math.abs((got[i] ?? NaN) - value) / Math.max(1, Math.abs(value));
    expect(difference, `${what}[${i}]: got ${got[i]}, want ${value}`).toBeLessThanOrEqual(
      golden.tolerance,
    );
  });
}

describe('hashing', () => {
  it.each(golden.hashing)('sums signs in $buckets buckets as FeatureHasher does', (vector) => {
    const sums = Array<number>(vector.buckets).fill(0);
    for (const text of vector.texts) sums[hashBucket(text, vector.buckets)]! += hashSign(text); // below buckets
    expect(sums).toEqual(vector.want);
  });
});

describe('target encoding', () => {
  const countsOf = (x: string[], y: number[], classes: number): TargetCounts => {
    const classRows = Array<number>(classes).fill(0);
    const categories: Record<string, Record<string, number>> = {};
    x.forEach((category, i) => {
      const k = y[i] ?? 0;
      classRows[k] = (classRows[k] ?? 0) + 1;
      const counts = (categories[category] ??= {});
      counts[k] = (counts[k] ?? 0) + 1;
    });
    return { classRows, categories };
  };
  // for two classes scikit-learn keeps the second column
  const asThere = (encoding: number[]) => (encoding.length === 2 ? encoding.slice(1) : encoding);

  it.each(golden.targets)(
    'equals TargetEncoder with smooth $smooth, $classes classes',
    ({ x, y, classes, smooth, categories, full }) => {
      const counts = countsOf(x, y, classes);
      categories.forEach((category, i) =>
        expectNear(asThere(encodeCategory(counts, category, smooth)), full[i] ?? [], category),
      );
    },
  );

  it.each(golden.targets.filter(({ fold }) => fold))(
    'out of fold, equals an encoder fitted on the other folds ($classes classes, $smooth)',
    ({ x, y, classes, smooth, fold = [], outOfFold = [] }) => {
      const all = countsOf(x, y, classes);
      const others = [...new Set(fold)].sort().map((f) => {
        const rows = x.map((_, i) => i).filter((i) => fold[i] === f);
        const own = countsOf(
          rows.map((i) => x[i] ?? ''),
          rows.map((i) => y[i] ?? 0),
          classes,
        );
        return withoutFold(all, own);
      });
      let unlike = 0;
      x.forEach((category, i) => {
        const other = others[fold[i] ?? 0] ?? all;
        const encoding = encodeCategory(other, category, smooth);
        expectNear(asThere(encoding), outOfFold[i] ?? [], `row ${i}`);
        if (encoding[0] !== encodeCategory(all, category, smooth)[0]) unlike += 1;
      });
      expect(unlike).toBeGreaterThan(x.length / 2);
    },
  );

  it('knows no category by the names that every object has', () => {
    const counts = countsOf(['a', 'a', 'b'], [0, 1, 1], 2);
    expect(encodeCategory(counts, 'constructor', 'auto')).toEqual([1 / 3, 2 / 3]);
  });
});

describe('scaling', () => {
  it.each(golden.scaling)('equals StandardScaler and RobustScaler on $rows rows', (vector) => {
    const { rows, mean, variance, quartiles } = vector;
    const standard = standardScaling({ rows, mean, variance });
    expectNear([standard.center, standard.scale], vector.standard, 'standard');
    const [q25, median, q75] = quartiles;
    const robust = robustScaling({ q25, median, q75 });
    expectNear([robust.center, robust.scale], vector.robust, 'robust');
  });
});

describe('packet statistics', () => {
  it.each(golden.packets)('equal scipy and the formulas of NetTiSA: $sizes', (vector) => {
    const padded = (values: number[]) => [...values, ...Array<number>(30).fill(0)].slice(0, 30);
    const got = packetStatistics({
      length: vector.sizes.length,
      sizesBytes: padded(vector.sizes),
      iptMs: padded(vector.ipt),
    });
    for (const name of PACKET_STATISTICS) expectNear([got[name]], [vector.want[name] ?? NaN], name);
  });
});
