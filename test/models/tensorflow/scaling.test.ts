import { expect, test } from 'vitest';
import { fitScaling, scaleFlows } from '../../../models/tensorflow/scaling.js';

test('packets are scaled and padding stays 0, also where a packet has IPT 0', () => {
  const ppi = new Float32Array(90);
  ppi.set([150, -1, 0, 300, 1, Math.E - 1, 999, 1, 7]); // the third lies beyond the length
  const lengths = Uint8Array.of(2);
  const flows = { n: 1, ppi, lengths, tabular: new Float32Array(), featureNames: [] };
  const scaled = scaleFlows(flows, fitScaling(flows, false));
  expect([...scaled.ppi.subarray(0, 6)]).toEqual([0.5, -1, 0, 1, 1, 1]);
  expect(scaled.ppi.subarray(6).every((value) => value === 0)).toBe(true);
  expect([...scaled.mask.subarray(0, 4)]).toEqual([1, 1, 0, 0]);
});

test('an empty packet before the last one is refused, a first packet without time is none', () => {
  const ppi = new Float32Array(180);
  ppi.set([517, 1, 0, 1448, -1, 20, 0, 0, 0, 60, 1, 3], 90);
  const lengths = Uint8Array.of(0, 4);
  const flows = { n: 2, ppi, lengths, tabular: new Float32Array(), featureNames: [] };
  const scaling = fitScaling(flows, false);
  expect(() => scaleFlows(flows, scaling)).toThrow(/^MODEL_MASK_GAP .*packet 3 of 4 is empty/);
  ppi.set([0, 1, 0], 96);
  expect(() => scaleFlows(flows, scaling)).not.toThrow();
});

test('features are standardised on the training flows; a missing one becomes their mean', () => {
  const tabular = Float32Array.of(0, 5, Math.E - 1, 5, NaN, 5, 1e30, 5);
  const featureNames = ['bytes', 'constant'];
  const ppi = new Float32Array(360);
  const flows = { n: 4, ppi, lengths: new Uint8Array(4), tabular, featureNames };
  const { tabular: scaled } = scaleFlows(flows, fitScaling(flows, true));
  const column = [scaled[0], scaled[2], scaled[4], scaled[6]].map(Number);
  expect(column[2]).toBe(0);
  expect(column.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 5);
  expect(column.every((value) => Math.abs(value) <= 5)).toBe(true);
  expect(scaled[1]).toBe(0);
});
