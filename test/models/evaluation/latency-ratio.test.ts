import { expect, test } from 'vitest';
import { latencyRatio, type TimedModel } from '../../../models/evaluation/latency-ratio.js';
import type { FlowSet } from '../../../models/model.js';
import { syntheticFlows } from '../synthetic-flows.js';

const flows = syntheticFlows({ n: 700, classes: 2, seed: 1 }).flows;

/** Models that take their time by a clock of the test: so many ms a flow. */
function timed(msOf: (batch: FlowSet, call: number) => number) {
  let now = 0;
  let calls = 0;
  const asked: FlowSet[] = [];
  const model: TimedModel = {
    flows,
    model: {
      predict(batch) {
        asked.push(batch);
        now += msOf(batch, calls++);
        return new Float32Array(0);
      },
    },
  };
  return { model, asked, elapsed: () => now };
}

function ratioOf(a: ReturnType<typeof timed>, b: ReturnType<typeof timed>): number | null {
  return latencyRatio(a.model, b.model, () => a.elapsed() + b.elapsed());
}

test('the ratio is that of the times a flow', () => {
  const [champion, challenger] = [timed(({ n }) => n * 0.2), timed(({ n }) => n * 0.3)];
  expect(ratioOf(champion, challenger)).toBeCloseTo(1.5, 9);
  expect(ratioOf(challenger, champion)).toBeCloseTo(2 / 3, 9);
});

test('slow batches do not matter, be it to warm up or by other load', () => {
  const champion = timed((_, call) => (call === 0 ? 5000 : 2));
  const challenger = timed((_, call) => ([3, 5, 8].includes(call) ? 900 : 4));
  expect(ratioOf(champion, challenger)).toBe(2);
});

test('both are asked about the same flows', () => {
  const [champion, challenger] = [timed(() => 1), timed(() => 1)];
  ratioOf(champion, challenger);
  expect(champion.asked.length).toBeGreaterThan(7);
  expect(champion.asked.map(({ n }) => n)).toEqual(challenger.asked.map(() => 512));
  champion.asked.forEach(({ lengths }, i) => expect(challenger.asked[i]?.lengths).toEqual(lengths));
});

test('without flows, and by a clock that stands still, there is none', () => {
  const none: FlowSet = { ...flows, n: 0 };
  const model = timed(() => 1).model;
  expect(latencyRatio({ ...model, flows: none }, { ...model, flows: none })).toBeNull();
  expect(latencyRatio(model, model, () => 0)).toBeNull();
});
