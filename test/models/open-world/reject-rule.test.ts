import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { predictedClasses } from '../../../models/evaluation/classification.js';
import { CONFIDENCE_SCORES } from '../../../models/open-world/confidence.js';
import { fitRejectRule, rejectFlows } from '../../../models/open-world/reject-rule.js';
import { syntheticClasses } from '../synthetic-flows.js';

const K = 4;
const classes = syntheticClasses(K);

/** Flows of known services; those of later classes are less sure. */
function knownFlows(n: number, seed: number): Float32Array {
  const random = seededRandom(seed, 'known');
  const probabilities = new Float32Array(n * K);
  for (let i = 0; i < n; i++) {
    const answer = random.below(K);
    const rest = random.uniform() ** 2 * (0.1 + 0.2 * answer);
    for (let k = 0; k < K; k++) probabilities[i * K + k] = k === answer ? 1 - rest : rest / (K - 1);
  }
  return probabilities;
}

test.each(CONFIDENCE_SCORES)('%s rejects about 5 %% of new known flows', (score) => {
  const flows = knownFlows(4000, 1);
  const rule = fitRejectRule(flows, predictedClasses(flows, K), K, score);
  const rejected = rejectFlows(rule, knownFlows(4000, 2), classes);
  const share = rejected.reduce((sum, one) => sum + one, 0) / rejected.length;
  expect(share).toBeGreaterThan(0.035);
  expect(share).toBeLessThan(0.065);
});

test('flows that are answered wrongly do not lower the threshold', () => {
  const right = knownFlows(1000, 1);
  const changed = Float32Array.from({ length: 100 * K }, () => 1 / K);
  const flows = Float32Array.of(...right, ...changed);
  const labels = Int32Array.of(...predictedClasses(right, K), ...new Int32Array(100).fill(K - 1));
  const { threshold } = fitRejectRule(flows, labels, K);
  expect(threshold).toBe(fitRejectRule(right, predictedClasses(right, K), K).threshold);
  expect(threshold).toBeGreaterThan(0);
});

test('a saved rule may have thresholds of some predicted classes', () => {
  const rule = {
    score: 'maxProbability',
    threshold: 0.5,
    perClass: { [classes[1] ?? '']: 0.8 },
  } as const;
  const likeFirst = [0.7, 0.3, 0, 0];
  const likeSecond = [0.3, 0.7, 0, 0];
  expect([...rejectFlows(rule, Float32Array.of(...likeFirst, ...likeSecond), classes)]).toEqual([
    0, 1,
  ]);
});

test('flows that no class fits are rejected', () => {
  const flows = knownFlows(4000, 1);
  const rule = fitRejectRule(flows, predictedClasses(flows, K), K);
  expect([...rejectFlows(rule, Float32Array.of(0.28, 0.24, 0.24, 0.24), classes)]).toEqual([1]);
});

test('too few flows to promise 5 % reject nothing', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 18 }), fc.integer(), (n, seed) => {
      const flows = knownFlows(n, 1);
      const rule = fitRejectRule(flows, predictedClasses(flows, K), K);
      expect(rejectFlows(rule, knownFlows(50, seed), classes).includes(1)).toBe(false);
    }),
  );
});
