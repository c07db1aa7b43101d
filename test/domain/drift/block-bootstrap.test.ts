import { expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { drawNull, sumBlocks, totalOf } from '../../../domain/drift/block-bootstrap.js';

const mean = (sums: Float64Array): number => sums[0]! / sums[1]!; // sums of values and of flows

function deviation(values: Float64Array): number {
  const middle = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / values.length);
}

/** Null of a mean over 100 hours of 20 flows, which are alike within an hour or not. */
function nullOf(alike: boolean): Float64Array {
  const random = seededRandom(3);
  const hours = Float64Array.from({ length: 100 }, () => random.uniform());
  const blocks = Int32Array.from({ length: 2000 }, (_, i) => i % 100);
  const sums = sumBlocks(blocks, 2, (into, base, i) => {
    into[base]! += alike ? hours[i % 100]! : random.uniform(); // 100 hours
    into[base + 1]! += 1;
  });
  const sizes = { current: 400, reference: 2000 };
  return drawNull(sums, sizes, 2000, seededRandom(4), (now, before) => mean(now) - mean(before));
}

test('a difference of means deviates by what theory says of independent flows', () => {
  const expected = Math.sqrt((1 / 12) * (1 / 400 + 1 / 2000));
  expect(deviation(nullOf(false))).toBeCloseTo(expected, 2.5);
});

test('flows that are alike within an hour count as few', () => {
  const expected = Math.sqrt((1 / 12) * (1 / 20 + 1 / 100));
  expect(Math.abs(deviation(nullOf(true)) / expected - 1)).toBeLessThan(0.15);
});

test('windows have exactly the sizes asked for', () => {
  const blocks = Int32Array.from({ length: 999 }, (_, i) => i % 50);
  const sums = sumBlocks(blocks, 1, (into, base) => {
    into[base]! += 1; // one sum a block
  });
  expect(totalOf(sums)).toEqual(Float64Array.of(999));
  drawNull(sums, { current: 123, reference: 777 }, 50, seededRandom(1), ([now], [before]) => {
    expect(now).toBeCloseTo(123, 9);
    expect(before).toBeCloseTo(777, 9);
    return 0;
  });
});

test('flows of less than a day are dealt into blocks one by one', () => {
  const sums = sumBlocks(new Int32Array(240), 1, (into, base) => {
    into[base]! += 1; // one sum a block
  });
  expect(sums.rows).toEqual(new Array(24).fill(10));
});
