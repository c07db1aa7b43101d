import { expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { averageProbabilities } from '../../../models/ensemble/weights.js';
import { fitStacking, stackProbabilities } from '../../../models/ensemble/stacking.js';
import { evaluate } from '../../../models/evaluation/classification.js';
import { softmax } from '../../../models/softmax.js';
import { syntheticClasses } from '../synthetic-flows.js';

const K = 3;
const N = 900;
const labels = Int32Array.from({ length: N }, (_, i) => i % K);

/** Knows one class well, and says of the others what comes to its mind. */
function specialist(of: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  const scores = Float64Array.from({ length: N * K }, (_, at) => {
    const truth = labels[Math.floor(at / K)];
    return 2 * random.uniform() + (at % K === of && truth === of ? 4 : 0);
  });
  return Float32Array.from(softmax(scores, K));
}

const members = [specialist(0, 1), specialist(1, 2)];
const logloss = (probabilities: Float32Array) =>
  evaluate(probabilities, labels, syntheticClasses(K)).logloss;

test('a member is heard on the classes that it knows', () => {
  const stacking = fitStacking(members, labels, K, [0.5, 0.5]);
  const [first, second] = stacking.weights;
  expect(first?.[0]).toBeGreaterThan(second?.[0] ?? NaN);
  expect(second?.[1]).toBeGreaterThan(first?.[1] ?? NaN);
  const together = logloss(stackProbabilities(members, stacking));
  expect(together).toBeLessThan(0.9 * logloss(averageProbabilities(members, [0.5, 0.5])));
});

test('the same rows give the same meta-learner, whose rows sum to 1', () => {
  const stacking = fitStacking(members, labels, K, [0.5, 0.5]);
  expect(fitStacking(members, labels, K, [0.5, 0.5])).toEqual(stacking);
  const probabilities = stackProbabilities(members, stacking);
  for (let i = 0; i < N; i++) {
    const sum = probabilities.subarray(i * K, (i + 1) * K).reduce((total, p) => total + p, 0);
    expect(Math.abs(sum - 1)).toBeLessThan(1e-5);
  }
});
