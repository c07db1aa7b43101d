import { expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { klDivergence, quantile } from '../../../domain/drift/distances.js';
import { classShift, nameShift } from '../../../domain/drift/share-shifts.js';

/** Flows of a class under a name, at any hour. */
type Flows = readonly [k: number, name: string, rows: number];

function windowOf(...flows: Flows[]) {
  const random = seededRandom(1, 'hours');
  const each = flows.flatMap(([k, name, rows]) =>
    Array.from({ length: rows }, () => ({ k, name, hour: random.below(48) })),
  );
  return {
    n: each.length,
    classes: Int32Array.from(each, ({ k }) => k),
    domains: each.map(({ name }) => name),
    blocks: Int32Array.from(each, ({ hour }) => hour),
  };
}

const BEFORE = windowOf([0, 'a.example', 400], [0, 'b.example', 400], [1, 'c.example', 800]);
const chance = () => ({ draws: 100, random: seededRandom(1, 'shares') });

function isAbove({ value, null: null_ }: ReturnType<typeof classShift>): boolean {
  return value > quantile(null_, 0.99);
}

test('classes are compared by their shares', () => {
  const now = windowOf([0, 'a.example', 300], [1, 'c.example', 100]);
  const found = classShift(BEFORE, now, 2, chance());
  expect(found.value).toBeCloseTo(klDivergence([300, 100], [800, 800]), 12);
  expect(isAbove(found)).toBe(true);
});

test('names do not move when the mix of the classes alone does', () => {
  const now = windowOf([0, 'a.example', 100], [0, 'b.example', 100], [1, 'c.example', 600]);
  expect(isAbove(classShift(BEFORE, now, 2, chance()))).toBe(true);
  expect(isAbove(nameShift(BEFORE, now, 2, chance()))).toBe(false);
});

test.each<[string, Flows[]]>([
  [
    'within a class',
    [
      [0, 'a.example', 300],
      [0, 'b.example', 100],
      [1, 'c.example', 400],
    ],
  ],
  [
    'to new ones',
    [
      [0, 'new.example', 200],
      [0, 'b.example', 200],
      [1, 'c.example', 400],
    ],
  ],
])('names move %s', (_, flows) => {
  expect(isAbove(nameShift(BEFORE, windowOf(...flows), 3, chance()))).toBe(true);
});

test('the names of a new class have moved from nowhere', () => {
  const now = windowOf([0, 'a.example', 200], [0, 'b.example', 200], [2, 'new.example', 200]);
  expect(isAbove(classShift(BEFORE, now, 3, chance()))).toBe(true);
  expect(isAbove(nameShift(BEFORE, now, 3, chance()))).toBe(false);
});

test('names are compared class by class', () => {
  const now = windowOf([0, 'a.example', 300], [0, 'b.example', 100], [1, 'c.example', 100]);
  // class 0: its other names first; class 1: a name, and no others
  const want =
    (400 / 500) * klDivergence([0, 300, 100], [0, 400, 400]) +
    (100 / 500) * klDivergence([0, 100], [0, 800]);
  expect(nameShift(BEFORE, now, 2, chance()).value).toBeCloseTo(want, 12);
});

test('names of flows without a class are compared as those of one more', () => {
  const unlabelled = windowOf([-1, 'a.example', 400], [-1, 'b.example', 400]);
  const same = windowOf([-1, 'a.example', 200], [-1, 'b.example', 200]);
  const moved = windowOf([-1, 'a.example', 300], [-1, 'b.example', 100]);
  expect(isAbove(nameShift(unlabelled, same, 2, chance()))).toBe(false);
  expect(isAbove(nameShift(unlabelled, moved, 2, chance()))).toBe(true);
});
