import { expect, test } from 'vitest';
import { balancedClassWeights, rowWeights } from '../../models/class-weights.js';
import { expectClose, readGolden } from './golden.js';

interface Golden {
  readonly classWeights: { labels: number[]; present: number[]; balanced: number[] };
}

test('uncapped weights are those of scikit-learn, N / (K n_c), over the classes that occur', () => {
  const { labels, present, balanced } = readGolden<Golden>('sklearn-scores').classWeights;
  const dense = Int32Array.from(labels, (label) => present.indexOf(label));
  expectClose(balancedClassWeights(dense, present.length, Infinity), balanced, 1e-12);
});

test('a class without rows weighs nothing', () => {
  expect([...balancedClassWeights(Int32Array.of(0, 0, 2, 2), 3)]).toEqual([2 / 3, 0, 2 / 3]);
});

test('a rare class is capped, and the rows weigh 1 on average', () => {
  const labels = new Int32Array(1000).fill(0);
  labels[0] = 1;
  expect([...balancedClassWeights(labels, 2)]).toEqual([1000 / 1998, 20]);
  const weights = rowWeights(labels, 2);
  expect(weights.reduce((sum, w) => sum + w, 0) / 1000).toBeCloseTo(1, 6);
  expect((weights[0] ?? 0) / (weights[1] ?? 1)).toBeCloseTo((20 * 1998) / 1000, 2);
});
