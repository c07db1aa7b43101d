import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
import {
  calibrationRise,
  errorChange,
  labelled,
  meanRise,
  type Answered,
} from '../../../domain/drift/answered.js';
import { quantile } from '../../../domain/drift/distances.js';
import { wilsonLowerBound } from '../../../domain/drift/wilson-bound.js';
import { calibrationError, reliabilityBins } from '../../../models/evaluation/reliability.js';

interface Golden {
  tolerance: number;
  calibration: { sides: { milli: number[]; right: string }[]; rise: number }[];
  changes: { held: number; errors: string; since: number | null; rise: number }[];
  bounds: { hits: number; n: number; lower: number }[];
}
const golden = JSON.parse(
  readFileSync(new URL('../../golden/signals.json', import.meta.url), 'utf8'),
) as Golden; // written by signals.py

/** Flows in hours of ten, sure to .9 where nothing else is said. */
function answers(right: readonly number[], confidence = right.map(() => 0.9)): Answered {
  return {
    ...{ n: right.length, right: Int8Array.from(right) },
    blocks: Int32Array.from(right, (_, i) => Math.floor(i / 10)),
    predicted: new Int32Array(right.length),
    confidence: Float64Array.from(confidence),
    rejected: null,
  };
}

function chance() {
  return { draws: 100, random: seededRandom(1, 'answered') };
}

/** So many flows of which a share is wrong. */
function wrong(share: number, n: number, seed = 1): number[] {
  const random = seededRandom(seed, 'wrong');
  return Array.from({ length: n }, () => (random.uniform() < share ? 0 : 1));
}

describe('the calibration error', () => {
  test.each(golden.calibration.map((one, i) => [i, one] as const))(
    'rises as in numpy, case %i',
    (_, { sides, rise }) => {
      const [before, now] = sides.map(({ milli, right }) =>
        answers(
          [...right].map(Number),
          milli.map((p) => p / 1000),
        ),
      );
      const found = calibrationRise(before!, now!, chance()); // two sides
      expect(Math.abs(found!.value - rise)).toBeLessThan(golden.tolerance); // both have flows
    },
  );

  test('is that of the evaluation of models', () => {
    const [now, before] = [
      answers(wrong(0.3, 400), new Array<number>(400).fill(0.71)),
      answers([1], [1]),
    ];
    const want = calibrationError(reliabilityBins(now.confidence, now.right));
    expect(calibrationRise(before, now, chance())?.value).toBeCloseTo(want, 12);
  });

  test('of few flows is high by chance as well', () => {
    const before = answers(wrong(0.1, 4000));
    const few = calibrationRise(before, answers(wrong(0.1, 40, 2)), chance());
    const many = calibrationRise(before, answers(wrong(0.1, 4000, 2)), chance());
    expect(quantile(few!.null, 0.99)).toBeGreaterThan(5 * quantile(many!.null, 0.99)); // both have flows
  });
});

describe('a change of the error', () => {
  test.each(golden.changes.map((one) => [one.since, one] as const))(
    'since flow %s is what river finds',
    (_, { held, errors, rise }) => {
      const right = [...errors].map((error) => 1 - Number(error));
      const found = errorChange(answers(right.slice(0, held)), answers(right.slice(held)));
      expect(Math.abs(found! - rise)).toBeLessThan(golden.tolerance); // both have flows
    },
  );

  test('in the last flows of a window is more than the mean of the window tells', () => {
    const before = answers(wrong(0.05, 3000));
    const now = answers([...wrong(0.05, 2500, 2), ...wrong(0.4, 300, 3)]);
    expect(errorChange(before, now)).toBeGreaterThan(0.25);
    const mean = meanRise(before, now, ({ right }, i) => 1 - right[i]!, chance()); // i < n
    expect(mean?.value).toBeLessThan(0.06);
  });
});

test('flows without a label have no error, and chance does not count them', () => {
  const known = wrong(0.1, 500);
  const all = answers(known.flatMap((right) => [right, -1, -1]));
  const { n, right, blocks } = labelled(all);
  expect(n).toBe(500);
  expect([...right]).toEqual(known);
  expect([...new Set(blocks)]).toEqual([...new Set(all.blocks)]);
  const none = labelled(answers([-1, -1]));
  expect(errorChange(answers(known), none)).toBeNull();
  expect(calibrationRise(answers(known), none, chance())).toBeNull();
  expect(meanRise(none, answers(known), () => 1, chance())).toBeNull();
});

test.each(golden.bounds)("the bound of $hits of $n is scipy's", ({ hits, n, lower }) => {
  expect(wilsonLowerBound(hits, n, 3.09)).toBeCloseTo(lower, 12);
});
