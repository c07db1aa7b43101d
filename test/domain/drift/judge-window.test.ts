import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
import {
  judgeWindow,
  type Answered,
  type JudgedWindow,
  type WindowFlows,
} from '../../../domain/drift/judge-window.js';
import { createWorld } from '../../../domain/traffic/generator-world.js';
import { flowsOf, windowsOf, type FlowRecord } from '../../builders/generated-window.js';

const KNOWN = ['2022-W22', '2022-W23'];
const NOW = '2022-W24';
const POLICY = { draws: 60 };

/** A week of a world that changes by the event alone, against two weeks before. */
function weekWith(
  events: string[],
  { flows = 3000, apps = 30, week = NOW, seed = 7 } = {},
): JudgedWindow {
  const world = createWorld({ seed, apps, weeklyDrift: false, events });
  return judge(flowsOf(world, KNOWN, flows), flowsOf(world, [week], flows));
}

function judge(
  known: readonly FlowRecord[],
  now: readonly FlowRecord[],
  answers: { heldOut: Answered; answered: Answered } = {
    heldOut: answersOf(1000, 0.05),
    answered: answersOf(now.length, 0.05),
  },
): JudgedWindow {
  const classes = [...new Set([...known, ...now].map(({ app }) => app))].sort();
  const { reference, current } = windowsOf(known, now);
  const sideOf = (window: typeof reference, flows: readonly FlowRecord[]): WindowFlows => ({
    ...window,
    classes: Int32Array.from(flows, ({ app }) => classes.indexOf(app)),
  });
  return judgeWindow({
    ...{ reference: sideOf(reference, known), current: sideOf(current, now) },
    ...{ classes, ...answers, withShares: true, policy: POLICY },
  });
}

/** Answers of which a share is wrong and unsure, in hours of ten flows. */
function answersOf(n: number, wrong: number, rejected = false): Answered {
  const random = seededRandom(n, 'answers');
  const right = Int8Array.from({ length: n }, () => (random.uniform() < wrong ? 0 : 1));
  return {
    ...{ n, right, blocks: Int32Array.from(right, (_, i) => Math.floor(i / 10)) },
    confidence: Float64Array.from(right, (isRight) => (isRight === 1 ? 0.95 : 0.5)),
    rejected: rejected ? Uint8Array.from(right, (isRight) => 1 - isRight) : null,
  };
}

function drifted({ readings }: JudgedWindow): string[] {
  return readings
    .filter(({ value, threshold }) => threshold !== null && value > threshold)
    .map(({ signal }) => signal);
}

describe('a week', () => {
  test('without a change is calm in every signal', () => {
    const judged = weekWith([]);
    expect(drifted(judged)).toEqual([]);
    expect(judged.causes).toEqual([]);
    for (const { value, threshold, calm } of judged.readings) {
      expect(calm!).toBeLessThanOrEqual(threshold!); // all are judged
      expect(value).toBeLessThan(threshold!);
    }
  });

  test('after a change of the exporter has moved in most classes', () => {
    const judged = weekWith([`exporter@${NOW}`]);
    expect(drifted(judged)).toEqual(expect.arrayContaining(['feature_severity', 'class_severity']));
    expect(judged.medianShift).toBeGreaterThan(0.05);
    expect(judged.causes[0]).toMatch(/^exporter change: /);
  });

  test('after a certificate event has moved in the classes of one provider, and little in all', () => {
    const judged = weekWith([`certificate@${NOW}`], {
      ...{ flows: 8000, apps: 60, seed: 11, week: '2022-W25' },
    });
    expect(drifted(judged)).toContain('class_severity');
    expect(drifted(judged)).not.toContain('feature_severity');
    expect(judged.medianShift).toBeLessThan(0.05);
    expect(judged.causes[0]).toMatch(/^changed services/);
  });

  test('in which only the mix of classes changed drifts in the mix alone', () => {
    const judged = weekWith([`volume@${NOW}`]);
    expect(drifted(judged)).toContain('class_mix');
    expect(drifted(judged)).not.toContain('feature_severity');
    expect(drifted(judged)).not.toContain('class_severity');
  });

  test('in which only names changed drifts in the names alone', () => {
    const judged = weekWith([`rename@${NOW}`]);
    expect(drifted(judged)).toEqual(['sni_kl']);
    expect(judged.causes).toEqual(['names changed, flows did not']);
  });

  test('with too few flows is not judged', () => {
    const world = createWorld({ seed: 7, apps: 30 });
    const judged = judge(flowsOf(world, KNOWN, 1000), flowsOf(world, [NOW], 1000).slice(0, 199));
    expect(judged.readings).toEqual([]);
  });
});

describe('answers', () => {
  const world = createWorld({ seed: 7, apps: 30, weeklyDrift: false });
  const known = flowsOf(world, KNOWN, 1000);
  const now = flowsOf(world, [NOW], 1000);
  const signalsOf = (heldOut: Answered, answered: Answered) =>
    drifted(judge(known, now, { heldOut, answered }));

  test('that are wrong more often raise the error, and what stands for it without labels', () => {
    const before = answersOf(2000, 0.05, true);
    const after = answersOf(2000, 0.12, true);
    expect(signalsOf(before, after)).toEqual(['error_rise', 'confidence_drop', 'reject_rise']);
    const unlabelled = { ...after, right: new Int8Array(2000).fill(-1) };
    expect(signalsOf(before, unlabelled)).toEqual(['confidence_drop', 'reject_rise']);
  });

  test('that are as good as before, or better, raise nothing', () => {
    expect(signalsOf(answersOf(2000, 0.05, true), answersOf(2001, 0.05, true))).toEqual([]);
    expect(signalsOf(answersOf(2000, 0.05, true), answersOf(2000, 0.01, true))).toEqual([]);
  });
});
