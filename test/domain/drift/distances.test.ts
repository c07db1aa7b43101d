import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  jensenShannonDistance,
  klDivergence,
  populationStabilityIndex,
  quantile,
  quantileEdges,
  sampleStabilityIndex,
  scaledWasserstein,
  scaledWassersteinOfCounts,
  wassersteinDistance,
} from '../../../domain/drift/distances.js';

interface Golden {
  tolerance: number;
  counts: {
    current: number[];
    reference: number[];
    kl: number;
    js: number;
    psi: number;
    scaledWasserstein: number;
  }[];
  samples: { a: number[]; b: number[]; wasserstein: number; scaled: number }[];
}
const golden = JSON.parse(
  readFileSync(new URL('../../golden/drift-distances.json', import.meta.url), 'utf8'),
) as Golden; // written by drift-distances.py

describe('distances agree with scipy', () => {
  test.each(golden.counts.map((c, index) => ({ index, ...c })))('counts $index', (c) => {
    expectNear(klDivergence(c.current, c.reference), c.kl);
    expectNear(jensenShannonDistance(c.current, c.reference), c.js);
    expectNear(populationStabilityIndex(c.current, c.reference), c.psi);
    expectNear(scaledWassersteinOfCounts(c.current, c.reference), c.scaledWasserstein);
  });

  test.each(golden.samples.map((c, index) => ({ index, ...c })))('samples $index', (c) => {
    expectNear(wassersteinDistance(c.a, c.b), c.wasserstein);
    expectNear(scaledWasserstein(c.a, c.b), c.scaled);
  });
});

test('published values: KL of shares, both ways, and PSI', () => {
  expect(klDivergence([50, 30, 20, 0], [40, 30, 20, 10], 0)).toBeCloseTo(0.1115717757, 9);
  expect(klDivergence([40, 30, 20, 10], [50, 30, 20, 0])).toBeCloseTo(0.22578721, 8);
  expect(populationStabilityIndex([15, 25, 35, 25], [10, 20, 30, 40])).toBeCloseTo(0.1096385113, 9);
});

test('published values: Wasserstein of two samples, Jensen-Shannon in nats and in bits', () => {
  const a = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const b = [2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
  expect(wassersteinDistance(a, b)).toBeCloseTo(2.1666666667, 9);
  expect(scaledWasserstein(a, b)).toBeCloseTo(0.650782254, 9);
  const distance = jensenShannonDistance([50, 30, 20, 0], [40, 30, 20, 10]);
  expect(distance).toBeCloseTo(0.19349646201, 10);
  expect(distance / Math.sqrt(Math.LN2)).toBeCloseTo(0.23241293654, 10);
});

const counts = fc.array(fc.nat(50), { minLength: 8, maxLength: 8 });

test('every distance is >= 0, and 0 between equals', () => {
  fc.assert(
    fc.property(counts, counts, (a, b) => {
      for (const distance of [
        klDivergence,
        jensenShannonDistance,
        populationStabilityIndex,
        scaledWassersteinOfCounts,
      ]) {
        expect(distance(a, b)).toBeGreaterThanOrEqual(-1e-12);
        expect(Math.abs(distance(a, a))).toBeLessThan(1e-12);
      }
    }),
  );
});

test('Jensen-Shannon, PSI and Wasserstein do not care which side is which', () => {
  fc.assert(
    fc.property(counts, counts, (a, b) => {
      expectNear(jensenShannonDistance(a, b), jensenShannonDistance(b, a));
      expectNear(populationStabilityIndex(a, b), populationStabilityIndex(b, a));
      expectNear(scaledWassersteinOfCounts(a, b), scaledWassersteinOfCounts(b, a));
    }),
  );
});

test('a sample against itself has PSI 0, against a shifted one more than .25', () => {
  const sample = Array.from({ length: 1000 }, (_, i) => i);
  expect(sampleStabilityIndex(sample, sample)).toBe(0);
  expect(
    sampleStabilityIndex(
      sample.map((x) => x + 300),
      sample,
    ),
  ).toBeGreaterThan(0.25);
});

test('a frequent value takes several quantile bins together', () => {
  expect(quantileEdges([0, 0, 0, 0, 0, 0, 1, 2, 3, 4], 10)).toEqual([1, 2, 3, 4]);
  expect(quantileEdges([5, 5, 5], 10)).toEqual([]);
});

test('Wasserstein of a sample with a NaN, or of none, is NaN', () => {
  expect(wassersteinDistance([1, NaN], [2])).toBeNaN();
  expect(wassersteinDistance([], [2])).toBeNaN();
});

test('quantiles are linear between order statistics', () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  expect(quantile([1, 2], 0.99)).toBeCloseTo(1.99, 12);
});

function expectNear(got: number, want: number): void {
  expect(Math.abs(got - want), `got ${got}, want ${want}`).toBeLessThanOrEqual(golden.tolerance);
}
