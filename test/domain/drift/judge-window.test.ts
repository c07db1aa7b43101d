import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { SIGNALS, type Signal } from '../../../contracts/signals.js';
import {
  judgeWindow,
  WINDOW_POLICY,
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
    predicted: new Int32Array(n),
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
    expect(judged.readings.map(({ signal }) => signal)).toEqual(
      SIGNALS.filter((signal) => !['reject_rise', 'new_service'].includes(signal)), // nothing is rejected
    );
    for (const { signal, value, threshold, calm } of judged.readings) {
      expect(threshold).toBeGreaterThanOrEqual(WINDOW_POLICY.floors[signal as Signal]);
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
    expect(drifted(judged)).toEqual(['class_mix']);
    expect(judged.causes).toEqual(['shares of the classes changed']);
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
  const now = flowsOf(world, [NOW], 2000);
  const judged = (heldOut: Answered, answered: Answered, flows = now) =>
    judge(known, flows, { heldOut, answered });
  const signalsOf = (...answers: [Answered, Answered]) => drifted(judged(...answers));

  test('that are wrong more often raise the error, and what stands for it without labels', () => {
    const before = answersOf(2000, 0.05, true);
    const after = answersOf(2000, 0.12, true);
    const labelled = ['error_rise', 'error_change', 'ece_rise'];
    const unlabelled = ['confidence_drop', 'reject_rise'];
    expect(signalsOf(before, after)).toEqual([...labelled, ...unlabelled]);
    const nobodyKnows = { ...after, right: new Int8Array(2000).fill(-1) };
    expect(signalsOf(before, nobodyKnows)).toEqual(unlabelled);
  });

  test('that are as good as before, or better, raise nothing', () => {
    expect(signalsOf(answersOf(2001, 0.05, true), answersOf(2000, 0.05, true))).toEqual([]);
    expect(signalsOf(answersOf(2001, 0.05, true), answersOf(2000, 0.01, true))).toEqual([]);
  });

  test('that are surer than they are right raise the calibration error', () => {
    const before = { ...answersOf(2000, 0.05), confidence: new Float64Array(2000).fill(0.95) };
    const sure = { ...before, confidence: new Float64Array(2000).fill(0.999) };
    expect(signalsOf(before, sure)).toEqual(['ece_rise']);
  });

  test('that are wrong from some hour on show a change, however little the window shows', () => {
    const before = answersOf(2000, 0.05);
    const right = answersOf(2000, 0.05).right.map((one, i) =>
      i < 1900 ? one : i % 3 === 0 ? 1 : 0,
    );
    const byReading = Object.fromEntries(
      judged(before, { ...before, right }).readings.map(({ signal, value }) => [signal, value]),
    );
    expect(byReading['error_rise']).toBeLessThan(0.04);
    expect(byReading['error_change']).toBeGreaterThan(0.4);
  });

  test('of which the flows of a new name are unknown tell of a new service', () => {
    const rejected = Uint8Array.from(now, (_, i) => (i < 40 ? 1 : 0));
    const answered = { ...answersOf(2000, 0.05), rejected };
    const heldOut = answersOf(2000, 0.05, true);
    const named = now.map((flow, i) => (i < 50 ? { ...flow, tlsSni: 'www.new.example' } : flow));
    const found = judged(heldOut, answered, named);
    expect(drifted(found)).toContain('new_service');
    expect(found.newServices).toEqual([{ name: 'new.example', rows: 50, rejected: 40 }]);
    expect(found.causes).toContain('new services: new.example');
    expect(drifted(judged(heldOut, answered))).not.toContain('new_service');
  });

  test('must be one for each flow', () => {
    expect(() => judged(answersOf(2000, 0.05), answersOf(1999, 0.05))).toThrow(
      'DRIFT_SHAPE: 1999 answers to the 2000 flows of the window',
    );
  });
});
