import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { sortNumbers } from '../../../domain/drift/sort-numbers.js';

const SPECIAL = [NaN, -NaN, 0, -0, Infinity, -Infinity, 5e-324, -5e-324, 1.7e308, -1.7e308];

test.each([0, 1, 1999, 2000, 50_000])('%i numbers of all kinds are sorted as built in', (n) => {
  const random = seededRandom(n);
  const kinds = [
    () => SPECIAL[random.below(SPECIAL.length)] ?? 0,
    () => random.below(1500) - 700,
    () => (random.uniform() - 0.5) * 10 ** (random.below(600) - 300),
  ];
  const values = Array.from({ length: n }, () => kinds[random.below(kinds.length)]?.() ?? 0);
  expect(sortNumbers(values)).toEqual(new Float64Array(values).sort());
});

test('any doubles, NaN of either sign included, are sorted as built in', () => {
  const doubles = fc.array(fc.double(), { minLength: 2000, maxLength: 2500 });
  fc.assert(
    fc.property(doubles, (values) => {
      const bits = new Uint32Array(new Float64Array(values).buffer);
      for (let i = 1; i < bits.length; i += 14) bits[i] = 0xfff80000; // NaN with its sign set
      const odd = new Float64Array(bits.buffer);
      expect(sortNumbers(odd)).toEqual(odd.slice().sort());
    }),
    { numRuns: 20 },
  );
});

test('what is sorted is a copy', () => {
  const values = Float64Array.from({ length: 3000 }, (_, i) => -1 - i);
  sortNumbers(values);
  expect([values[0], values[2999]]).toEqual([-1, -3000]);
});
