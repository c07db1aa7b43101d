import fc from 'fast-check';
import { expect, test } from 'vitest';
import { averageProbabilities, fitEnsembleWeights } from '../../../models/ensemble/weights.js';
import { evaluate } from '../../../models/evaluation/classification.js';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { syntheticClasses } from '../synthetic-flows.js';

const K = 3;

/** Probabilities that lean to the label by `skill`, and to chance by the rest. */
function memberOf(labels: Int32Array, skill: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from(labels).reduce(
    (rows, label, i) => {
      const raw = Array.from({ length: K }, (_, k) => random.uniform() + (k === label ? skill : 0));
      const sum = raw.reduce((total, value) => total + value, 0);
      rows.set(
        raw.map((value) => value / sum),
        i * K,
      );
      return rows;
    },
    new Float32Array(labels.length * K),
  );
}

function macroF1(probabilities: Float32Array, labels: Int32Array): number {
  return evaluate(probabilities, labels, syntheticClasses(K)).macroF1;
}

test('weights are multiples of .05, sum to 1, and beat or equal every member', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: K - 1 }), { minLength: 5, maxLength: 60 }),
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 4 }),
      (drawn, skills) => {
        const labels = Int32Array.from(drawn);
        const members = skills.map((skill, m) => memberOf(labels, skill, m));
        const fitted = fitEnsembleWeights(members, labels, K);
        expect(fitted.weights.reduce((sum, w) => sum + w, 0)).toBeCloseTo(1, 9);
        for (const weight of fitted.weights) {
          expect(Math.abs(weight * 20 - Math.round(weight * 20))).toBeLessThan(1e-9);
        }
        for (const member of members) {
          expect(fitted.macroF1).toBeGreaterThanOrEqual(macroF1(member, labels));
        }
        const mean = averageProbabilities(members, fitted.weights);
        expect(macroF1(mean, labels)).toBeCloseTo(fitted.macroF1, 12);
      },
    ),
    { numRuns: 30 },
  );
});

test('members that err on different flows are better together', () => {
  const labels = Int32Array.from({ length: 300 }, (_, i) => i % K);
  const members = [memberOf(labels, 0.4, 1), memberOf(labels, 0.4, 2), memberOf(labels, 0.4, 3)];
  const { weights, macroF1: together } = fitEnsembleWeights(members, labels, K);
  const alone = Math.max(...members.map((member) => macroF1(member, labels)));
  expect(together).toBeGreaterThan(alone + 0.03);
  expect(weights.every((weight) => weight > 0)).toBe(true);
});

test('between equals a lone member is kept', () => {
  const labels = Int32Array.of(0, 1, 2);
  const member = memberOf(labels, 9, 1);
  expect(fitEnsembleWeights([member, member], labels, K).weights).toEqual([1, 0]);
});

test('members of different size are refused', () => {
  const labels = Int32Array.of(0, 1);
  expect(() => fitEnsembleWeights([new Float32Array(6), new Float32Array(3)], labels, K)).toThrow(
    /^MODEL_SHAPE column "member 1"/,
  );
  expect(() => fitEnsembleWeights([], labels, K)).toThrow(/^ENSEMBLE_MEMBERS/);
});
