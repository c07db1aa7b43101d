import { expect, test } from 'vitest';
import type { GateEvidence } from '../../../contracts/lifecycle.js';
import { DEFAULT_POLICY } from '../../../contracts/lifecycle-policy.js';
import { judgeGate } from '../../../domain/lifecycle/gate.js';

const better: GateEvidence = {
  ...{ heldOutRows: 2000, championF1: 0.61, challengerF1: 0.78 },
  ...{ gain: { lower: 0.14, upper: 0.2 }, eceRise: 0.01, latencyRatio: 1 },
  classes: [{ name: 'mail', rows: 300, loss: 0.05 }],
};

test('a challenger that is surely better passes', () => {
  expect(judgeGate(DEFAULT_POLICY.gate, better, false)).toEqual({ passed: true, against: [] });
});

test.each<[string, Partial<GateEvidence>, string]>([
  ['on too few rows', { heldOutRows: 499 }, '499 held-out rows, 500 are needed'],
  [
    'whose gain may be chance',
    { gain: { lower: 0, upper: 0.1 } },
    'the lower bound of its gain in macro-F1 is 0.0000, it must exceed 0',
  ],
  [
    'whose gain could not be computed',
    { gain: { lower: NaN, upper: NaN } },
    'the lower bound of its gain in macro-F1 is NaN, it must exceed 0',
  ],
  [
    'that gives up a class',
    { classes: [{ name: 'mail', rows: 200, loss: 0.11 }] },
    'mail loses 0.110 of its F1 on 200 rows, 0.1 are allowed',
  ],
  [
    'that is worse calibrated',
    { eceRise: 0.03 },
    'its calibration error is 0.0300 higher, 0.02 are allowed',
  ],
  [
    'whose calibration is not known',
    { eceRise: null },
    'its calibration error could not be computed',
  ],
  [
    'whose time is not known',
    { latencyRatio: null },
    'the time that a flow takes it could not be measured',
  ],
  ['that is slower', { latencyRatio: 4 }, 'a flow takes it 4.00 times as long, 3 are allowed'],
])('a challenger %s does not pass', (_, change, against) => {
  const verdict = judgeGate(DEFAULT_POLICY.gate, { ...better, ...change }, false);
  expect(verdict).toEqual({ passed: false, against: [against] });
});

test('a class with few rows may lose', () => {
  const classes = [{ name: 'mail', rows: 199, loss: 0.5 }];
  expect(judgeGate(DEFAULT_POLICY.gate, { ...better, classes }, false).passed).toBe(true);
});

test('after a schema break it is enough not to be worse', () => {
  const as = { ...better, gain: { lower: -0.004, upper: 0.01 } };
  expect(judgeGate(DEFAULT_POLICY.gate, as, false).passed).toBe(false);
  expect(judgeGate(DEFAULT_POLICY.gate, as, true).passed).toBe(true);
});
