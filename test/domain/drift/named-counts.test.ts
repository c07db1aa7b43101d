import fc from 'fast-check';
import { expect, test } from 'vitest';
import { klDivergence } from '../../../domain/drift/distances.js';
import { alignCounts, countNames, klOfNames } from '../../../domain/drift/named-counts.js';

const reference = new Map([
  ['a.example', 50],
  ['b.example', 30],
  ['c.example', 30],
  ['d.example', 2],
]);
const current = new Map([
  ['c.example', 7],
  ['new.example', 3],
  ['a.example', 40],
]);

test('names are counted in the order they are met', () => {
  expect([...countNames(['b', 'a', 'b', 'b'])]).toEqual([
    ['b', 3],
    ['a', 1],
  ]);
});

test('two windows are laid side by side: names of the reference, new names, others', () => {
  const { names, ...counts } = alignCounts(current, reference);
  expect(names.map((name) => name.split('.')[0])).toEqual(['a', 'b', 'c', 'd', 'new', '__other__']);
  expect([...counts.reference]).toEqual([50, 30, 30, 2, 0, 0]);
  expect([...counts.current]).toEqual([40, 0, 7, 0, 3, 0]);
});

test('only the most frequent names of the reference are kept, the first by name of equals', () => {
  const { names, ...counts } = alignCounts(current, reference, 2);
  expect(names).toEqual(['a.example', 'b.example', '__other__']);
  expect([...counts.reference]).toEqual([50, 30, 32]);
  expect([...counts.current]).toEqual([40, 0, 10]);
});

test('the divergence of names is that of their aligned counts', () => {
  const window = fc.dictionary(fc.constantFrom(...'abcdefghij'), fc.nat(1000));
  fc.assert(
    fc.property(window, window, fc.constantFrom(0.5, 1, 0.01), (q, p, alpha) => {
      const [a, b] = [new Map(Object.entries(q)), new Map(Object.entries(p))];
      const aligned = alignCounts(a, b);
      const want = klDivergence(aligned.current, aligned.reference, alpha);
      expect(Math.abs(klOfNames(a, b, alpha) - want)).toBeLessThan(1e-12);
    }),
  );
});

test('50,000 names a side are compared within milliseconds', () => {
  const many = (first: number): Map<string, number> =>
    new Map(
      Array.from({ length: 50_000 }, (_, i) => [
        `host-${first + i}.example`,
        1 + ((i * 7919) % 101),
      ]),
    );
  const [a, b] = [many(10_000), many(0)];
  const times = Array.from({ length: 15 }, () => {
    const started = performance.now();
    expect(klOfNames(a, b)).toBeGreaterThan(0);
    return performance.now() - started;
  });
  expect(Math.min(...times)).toBeLessThan(15); // about 4 ms on an idle core
});
