import { expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { quantile } from '../../../domain/drift/distances.js';
import {
  compareWithinClasses,
  type ClassedFlows,
  type WithinClassesRequest,
} from '../../../domain/drift/within-classes.js';

const BINS = [8, 8, 4];
const CLASSES = 6;

/** Flows of classes with shares `mix`; the first feature of a class is its number, moved by `shift`. */
function flows(
  seed: number,
  n: number,
  { mix = [1, 1, 1, 1, 1, 1], shift = [] as number[] } = {},
): ClassedFlows {
  const random = seededRandom(seed, 'flows');
  const total = mix.reduce((sum, share) => sum + share, 0);
  const classes = new Int32Array(n);
  const binned = new Uint8Array(n * BINS.length);
  for (let i = 0; i < n; i++) {
    let left = random.uniform() * total;
    const k = mix.findIndex((share) => (left -= share) < 0);
    classes[i] = k;
    const moved = random.uniform() < (shift[k] ?? 0) ? 1 : 0;
    binned.set([k + moved, random.below(8), random.below(4)], i * BINS.length);
  }
  return { n, classes, blocks: Int32Array.from(classes, (_, i) => i % 48), binned };
}

function compare(reference: ClassedFlows, current: ClassedFlows, draws = 100) {
  const request: WithinClassesRequest = {
    ...{ reference, current, classCount: CLASSES, bins: BINS, weights: [0.5, 0.5, 0], alone: 2 },
    ...{ minClassRows: 30, draws, random: seededRandom(1, 'draws') },
  };
  return compareWithinClasses(request);
}

test.each([
  ['by chance alone', [1, 1, 1, 1, 1, 1]],
  ['in their mix alone', [9, 1, 1, 1, 1, 1]],
])('windows that differ %s rarely exceed the 99 % quantile of the null', (_, mix) => {
  let severity = 0;
  let alone = 0;
  let classes = 0;
  for (let week = 0; week < 40; week++) {
    const found = compare(flows(week, 3000), flows(100 + week, 1000, { mix }));
    if (found.severity.value > quantile(found.severity.null, 0.99)) severity += 1;
    if (found.alone.value > quantile(found.alone.null, 0.99)) alone += 1;
    if ((found.classes[0]?.z ?? 0) > quantile(found.greatestZ, 0.99)) classes += 1;
  }
  expect(severity).toBeLessThanOrEqual(3);
  expect(alone).toBeLessThanOrEqual(3);
  expect(classes).toBeLessThanOrEqual(3);
});

test('a class that moved is the first, and the others stay below', () => {
  const found = compare(flows(1, 3000), flows(2, 1000, { shift: [0, 0, 0, 0.5, 0, 0] }));
  const [first, second] = found.classes;
  expect(first).toMatchObject({ index: 3 });
  expect(first!.z).toBeGreaterThan(2 * quantile(found.greatestZ, 0.99)); // six classes are judged
  expect(second!.z).toBeLessThan(quantile(found.greatestZ, 0.99));
  expect(first!.severity - first!.expected).toBeGreaterThan(0.3);
});

test('what happens in every class is seen over all, by feature', () => {
  const found = compare(
    flows(1, 3000),
    flows(2, 1000, { shift: [1, 1, 1, 1, 1, 0].map((s) => s / 3) }),
  );
  expect(found.severity.value).toBeGreaterThan(2 * quantile(found.severity.null, 0.99));
  expect(found.features[0]).toBeGreaterThan(found.features[1]!);
});

test('classes that one side does not have, and flows without a class, are left out', () => {
  const current = flows(2, 1000, { mix: [1, 1, 0, 0, 0, 0] });
  current.classes.fill(-1, 0, 100);
  const found = compare(flows(1, 3000), current);
  expect(found.rows).toBe(900);
  expect(found.classes.map(({ index }) => index).sort()).toEqual([0, 1]);
});

test('a class with few flows is not judged by itself', () => {
  const found = compare(flows(1, 3000), flows(2, 200, { mix: [40, 1, 1, 1, 1, 1] }));
  expect(found.classes.map(({ index }) => index)).toEqual([0]);
});

test('the same request gives the same draws', () => {
  const [a, b] = [flows(1, 500), flows(2, 300)];
  expect(compare(a, b, 20)).toEqual(compare(a, b, 20));
});
