import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { evaluate } from '../../../models/evaluation/classification.js';
import { expectClose, readGolden } from '../golden.js';
import { syntheticClasses } from '../synthetic-flows.js';

interface Case {
  readonly name: string;
  readonly classes: number;
  readonly labels: number[];
  readonly probabilities: number[];
  readonly accuracy: number;
  readonly macroF1: number;
  readonly weightedF1: number;
  readonly logloss: number;
  readonly ece: number;
  readonly precision: number[];
  readonly recall: number[];
  readonly f1: number[];
  readonly support: number[];
  readonly confusion: number[];
}

interface Golden {
  readonly tolerance: { scores: number; logloss: number; ece: number };
  readonly cases: Case[];
}

const golden = readGolden<Golden>('sklearn-scores');

describe.each(golden.cases)('as scikit-learn when $name', (want) => {
  const got = evaluate(
    Float32Array.from(want.probabilities),
    Int32Array.from(want.labels),
    syntheticClasses(want.classes),
  );
  const { scores, logloss, ece } = golden.tolerance;

  test('accuracy and F1', () => {
    expectClose(
      [got.accuracy, got.macroF1, got.weightedF1],
      [want.accuracy, want.macroF1, want.weightedF1],
      scores,
    );
  });

  test('each class', () => {
    expectClose(
      got.perClass.map((score) => score.precision),
      want.precision,
      scores,
    );
    expectClose(
      got.perClass.map((score) => score.recall),
      want.recall,
      scores,
    );
    expectClose(
      got.perClass.map((score) => score.f1),
      want.f1,
      scores,
    );
    expectClose(
      got.perClass.map((score) => score.support),
      want.support,
      0,
    );
  });

  test('confusion matrix, log loss and calibration error', () => {
    expect([...got.confusion]).toEqual(want.confusion);
    expectClose([got.logloss], [want.logloss], logloss);
    expectClose([got.ece], [want.ece], ece);
  });
});

test('F1 lies between 0 and 1 and the confusion matrix counts every row', () => {
  const K = 4;
  const row = fc.tuple(
    fc.integer({ min: 0, max: K - 1 }),
    fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: K, maxLength: K }),
  );
  fc.assert(
    fc.property(fc.array(row, { maxLength: 40 }), (rows) => {
      const probabilities = Float32Array.from(
        rows.flatMap(([, p]) => p.map((value) => value / p.reduce((sum, x) => sum + x, 0))),
      );
      const labels = Int32Array.from(rows, ([label]) => label);
      const got = evaluate(probabilities, labels, syntheticClasses(K));
      expect(got.confusion.reduce((sum, count) => sum + count, 0)).toBe(rows.length);
      for (const score of [got.accuracy, got.macroF1, got.weightedF1, got.ece]) {
        expect(score >= 0 && score <= 1).toBe(true);
      }
    }),
  );
});

test('a label that is no class is refused', () => {
  expect(() => evaluate(Float32Array.of(0.5, 0.5), Int32Array.of(-1), ['a', 'b'])).toThrow(
    /^MODEL_LABELS.*class index -1, expected 0\.\.1/,
  );
});
