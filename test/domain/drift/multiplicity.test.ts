import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { benjaminiHochberg, holm } from '../../../domain/drift/multiplicity.js';

interface Golden {
  tolerance: number;
  cases: { p: number[]; benjaminiHochberg: number[]; holm: number[] }[];
}
const golden = JSON.parse(
  readFileSync(new URL('../../golden/multiplicity.json', import.meta.url), 'utf8'),
) as Golden; // written by multiplicity.py

describe('adjusted p-values agree with scipy and statsmodels', () => {
  test.each(golden.cases.map((c, index) => ({ index, ...c })))('case $index', (c) => {
    expectNear(benjaminiHochberg(c.p), c.benjaminiHochberg);
    expectNear(holm(c.p), c.holm);
  });
});

test('published: eight p-values by Benjamini and Hochberg', () => {
  const p = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205];
  const want = [0.008, 0.032, 0.0672, 0.0672, 0.0672, 0.08, 0.0845714, 0.205];
  benjaminiHochberg(p).forEach((adjusted, i) => expect(adjusted).toBeCloseTo(want[i] ?? NaN, 6));
});

test('adjusting never lowers a p-value, keeps their order, and Holm is the stricter one', () => {
  const pValues = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 });
  fc.assert(
    fc.property(pValues, (p) => {
      const bh = benjaminiHochberg(p);
      const strict = holm(p);
      p.forEach((value, i) => {
        expect(bh[i]).toBeGreaterThanOrEqual(value);
        expect(strict[i]! * (1 + 1e-12)).toBeGreaterThanOrEqual(bh[i]!); // same length
        expect(strict[i]).toBeLessThanOrEqual(1);
        p.forEach((other, j) => {
          if (other > value) expect(bh[j]).toBeGreaterThanOrEqual(bh[i]!); // same length
        });
      });
    }),
    { numRuns: 30 },
  );
});

test('no tests give no p-values; what is none is refused', () => {
  expect(benjaminiHochberg([])).toHaveLength(0);
  expect(holm([])).toHaveLength(0);
  expect(() => holm([0.1, 1.5])).toThrow(/DRIFT_INPUT/);
  expect(() => benjaminiHochberg([NaN])).toThrow(/DRIFT_INPUT/);
});

function expectNear(got: Float64Array, want: number[]): void {
  const worst = Math.max(...want.map((value, i) => Math.abs((got[i] ?? NaN) - value)));
  expect(worst, `got ${got.join()}, want ${want.join()}`).toBeLessThanOrEqual(golden.tolerance);
}
