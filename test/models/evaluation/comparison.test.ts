import { expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { alignClasses } from '../../../models/evaluation/class-columns.js';
import { compareAnswers, type PairedAnswers } from '../../../models/evaluation/comparison.js';
import { syntheticClasses } from '../synthetic-flows.js';

const K = 4;
const N = 400;
const HOUR_MS = 3_600_000;

/** A week in which the models are right with these chances; the second never says class 3. */
function aWeek(partition: string, skills: readonly [number, number]): PairedAnswers {
  const random = seededRandom(partition);
  const labels = Int32Array.from({ length: N }, (_, i) => i % K);
  const answer = (skill: number, top: number) =>
    labels.map((label) => (random.uniform() < skill ? Math.min(label, top) : random.below(top)));
  return {
    ...{ partition, labels, timeFirstMs: hours() },
    predicted: [answer(skills[0], K - 1), answer(skills[1], K - 2)],
    confidence: [new Float64Array(N).fill(0.9), new Float64Array(N).fill(0.5)],
  };
}

function hours(): Float64Array {
  return Float64Array.from({ length: N }, (_, i) => i * 0.4 * HOUR_MS);
}

const compared = compareAnswers(
  [aWeek('2022-W30', [0.9, 0.6]), aWeek('2022-W31', [0.5, 0.5])],
  syntheticClasses(K),
);

test('the better model is told from the worse, and each week stands for itself', () => {
  expect(compared.rows).toBe(2 * N);
  expect(compared.gain.macroF1.upper).toBeLessThan(0);
  expect(compared.weeks.map(({ partition, rows }) => [partition, rows])).toEqual([
    ['2022-W30', N],
    ['2022-W31', N],
  ]);
  const [first, second] = compared.weeks.map(({ gain }) => gain.accuracy.value);
  expect(first).toBeLessThan((second ?? 0) - 0.1);
});

test('a score lies in its interval, and the difference is that of the scores', () => {
  const [a, b] = compared.models;
  for (const { value, lower, upper } of [a.accuracy, a.macroF1, b.accuracy, b.macroF1]) {
    expect(lower).toBeLessThan(value);
    expect(upper).toBeGreaterThan(value);
  }
  expect(compared.gain.macroF1.value).toBeCloseTo(b.macroF1.value - a.macroF1.value, 12);
});

test('the class that the second model never says is its greatest loss', () => {
  const [worst] = compared.classes;
  expect(worst).toMatchObject({ name: 'app-03', support: (2 * N) / K });
  expect(worst?.f1[1]).toBe(0);
  expect(compared.classes.map(({ gain }) => gain)).toEqual(
    compared.classes.map(({ gain }) => gain).sort((one, other) => one - other),
  );
});

test('calibration is each model of its own', () => {
  const [a, b] = compared.models;
  const right = (m: typeof a) => m.accuracy.value;
  expect(a.ece).toBeCloseTo(Math.abs(0.9 - right(a)), 9);
  expect(b.ece).toBeCloseTo(Math.abs(0.5 - right(b)), 9);
});

test('columns move to where their class stands, and unknown classes get 0', () => {
  const aligned = alignClasses(Float32Array.of(0.75, 0.25, 0.5, 0.5), ['b', 'a'], ['a', 'b', 'c']);
  expect([...aligned]).toEqual([0.25, 0.75, 0, 0.5, 0.5, 0]);
});
