import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { majorityOf, scoreDetection } from '../../../models/evaluation/detection.js';
import { leaveGroupsOut } from '../../../models/evaluation/leave-groups-out.js';

describe('precision and recall', () => {
  const each = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i);

  test('are the shares of what was said and of what is there', () => {
    const scores = scoreDetection({
      labels: [1, 1, 1, 0, 0],
      said: [1, 0, 0, 1, 0],
      groups: each(5),
      random: seededRandom(1),
    });
    expect(scores).toMatchObject({ present: 3, said: 2, found: 1 });
    expect(scores.precision.value).toBe(0.5);
    expect(scores.recall.value).toBeCloseTo(1 / 3, 12);
  });

  test('have the interval of a share when rows are drawn singly, and a wider one when they are drawn in groups', () => {
    const n = 1000;
    const labels = new Int32Array(n).fill(1);
    const said = labels.map((_, i) => (Math.floor(i / 100) < 7 ? 1 : 0)); // ten blocks of a hundred, seven found
    const recall = (groups: Int32Array) =>
      scoreDetection({ labels, said, groups, random: seededRandom(2) }).recall;
    const singly = recall(each(n));
    const half = 1.96 * Math.sqrt((0.7 * 0.3) / n); // of the normal approximation
    expect(singly.upper - singly.lower).toBeCloseTo(2 * half, 2);
    const blocks = recall(labels.map((_, i) => Math.floor(i / 100)));
    expect(blocks.upper - blocks.lower).toBeGreaterThan(5 * half);
    expect(blocks.value).toBe(singly.value);
  });

  test('a score without a denominator is not a number', () => {
    const scores = scoreDetection({
      ...{ labels: [1, 0], said: [0, 0] },
      ...{ groups: each(2), random: seededRandom(3) },
    });
    expect(scores.precision.value).toBeNaN();
    expect(scores.recall.value).toBe(0);
  });
});

test('a group is what more than half of its rows are', () => {
  const groups = Int32Array.of(0, 0, 0, 1, 1, 2);
  expect([...majorityOf([1, 1, 0, 1, 0, 0], groups)]).toEqual([1, 0, 0]);
});

test('folds by group test every row once, and never train on a row of its group', () => {
  const groups = Int32Array.of(2, 0, 1, 0, 2, 2);
  const folds = leaveGroupsOut(groups);
  expect(folds).toEqual([
    { train: [0, 2, 4, 5], test: [1, 3] },
    { train: [0, 1, 3, 4, 5], test: [2] },
    { train: [1, 2, 3], test: [0, 4, 5] },
  ]);
});
