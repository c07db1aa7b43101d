import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
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
  const rule = fitRejectRule(knownFlows(4000, 1), classes, score);
  const rejected = rejectFlows(rule, knownFlows(4000, 2), classes);
  const share = rejected.reduce((sum, one) => sum + one, 0) / rejected.length;
  expect(share).toBeGreaterThan(0.035);
  expect(share).toBeLessThan(0.065);
});

test('a class that was predicted often has a threshold of its own', () => {
  const rule = fitRejectRule(knownFlows(4000, 1), classes);
  expect(Object.keys(rule.perClass)).toEqual(classes);
  const [surest = 0, , , leastSure = 1] = Object.values(rule.perClass);
  expect(surest).toBeGreaterThan(leastSure);
  expect(fitRejectRule(knownFlows(300, 1), classes).perClass).toEqual({});
});

test('flows that no class fits are rejected', () => {
  const rule = fitRejectRule(knownFlows(4000, 1), classes);
  expect([...rejectFlows(rule, Float32Array.of(0.28, 0.24, 0.24, 0.24), classes)]).toEqual([1]);
});

test('too few flows to promise 5 % reject nothing', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 18 }), fc.integer(), (n, seed) => {
      const rule = fitRejectRule(knownFlows(n, 1), classes);
      expect(rejectFlows(rule, knownFlows(50, seed), classes).includes(1)).toBe(false);
    }),
  );
});
