import { expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { combineProbabilities, fitCombination } from '../../../models/ensemble/combination.js';
import { evaluate, predictedClasses } from '../../../models/evaluation/classification.js';
import { logProbabilities, softmax } from '../../../models/softmax.js';
import { syntheticClasses } from '../synthetic-flows.js';

const K = 4;
const N = 1200;
const HOUR_MS = 3_600_000;
const labels = Int32Array.from({ length: N }, (_, i) => (i * 7) % K);
const timeFirstMs = Float64Array.from({ length: N }, (_, i) => i * 0.1 * HOUR_MS);

/** Noisy scores of the true class, made surer than they are right by `sharpness`. */
function member(skill: number, sharpness: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  const scores = Float64Array.from(
    { length: N * K },
    (_, at) =>
      sharpness * (2 * random.uniform() + (at % K === labels[Math.floor(at / K)] ? skill : 0)),
  );
  return Float32Array.from(softmax(scores, K));
}

const first = member(0.6, 6, 1);
const members = [first, member(0.6, 6, 2)];
const fit = (of: readonly Float32Array[]) =>
  fitCombination({ members: of, labels, timeFirstMs, classCount: K }, 3);

test('the temperature lowers the log loss of the mean and leaves its answers', () => {
  const { weights, temperature } = fit(members);
  const mean = combineProbabilities(members, { weights, temperature: 1 }, K);
  const calibrated = combineProbabilities(members, { weights, temperature }, K);
  expect(temperature).toBeGreaterThan(1.2);
  expect(predictedClasses(calibrated, K)).toEqual(predictedClasses(mean, K));
  const [before = NaN, after = NaN] = [mean, calibrated].map(
    (probabilities) => evaluate(probabilities, labels, syntheticClasses(K)).logloss,
  );
  expect(after).toBeLessThan(0.96 * before);
  expect(logProbabilities(calibrated).every(Number.isFinite)).toBe(true);
});

test('members that err on different flows gain over the best of them, surely', () => {
  const { gain } = fit(members);
  expect(gain.macroF1.lower).toBeGreaterThan(0);
  expect(gain.macroF1.upper).toBeGreaterThan(gain.macroF1.value);
});

test('a second copy of a member gains nothing', () => {
  const nothing = { value: 0, lower: 0, upper: 0 };
  expect(fit([first, first]).gain).toEqual({ accuracy: nothing, macroF1: nothing });
});

/** Knows classes `from` and `from + 1`; of the others its scores are louder noise. */
function specialist(from: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  const scores = Float64Array.from({ length: N * K }, (_, at) => {
    const k = at % K;
    const knows = k === from || k === from + 1;
    const right = k === labels[Math.floor(at / K)];
    return (knows ? 1 : 6) * random.uniform() + (knows && right ? 4 : 0);
  });
  return Float32Array.from(softmax(scores, K));
}

test('stacking is used where it surely wins: members that know different classes', () => {
  const { stacking, stackingGain, gain } = fit([specialist(0, 1), specialist(2, 2)]);
  expect(stackingGain.macroF1.lower).toBeGreaterThan(0);
  expect(stacking?.weights).toHaveLength(2);
  expect(gain.macroF1.value).toBeGreaterThan(stackingGain.macroF1.value);
});

test('members that know the same are not stacked', () => {
  expect(fit(members).stacking).toBeUndefined();
});
