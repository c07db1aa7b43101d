import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  cutRetraining,
  retrainSpan,
  trainingRows,
} from '../../../domain/lifecycle/retrain-window.js';

const ms = (day: string): number => Date.parse(`${day}T00:00:00Z`);
const usual = { afterSchemaBreak: false, minHeldOutRows: 500 };

test('a retraining looks back some weeks, but not behind the bound it is given', () => {
  const endMs = ms('2022-07-04');
  const window = { endMs, notBeforeMs: null, weeks: 3 };
  expect(retrainSpan(window)).toEqual({ fromMs: ms('2022-06-13'), toMs: endMs });
  const broken = { ...window, notBeforeMs: ms('2022-06-30') };
  expect(retrainSpan(broken)).toEqual({ fromMs: ms('2022-06-30'), toMs: endMs });
  const longAgo = { ...window, notBeforeMs: ms('2022-01-01') };
  expect(retrainSpan(longAgo)).toEqual(retrainSpan(window));
});

test.each<[string, number[], typeof usual, { train: number; validate: number; gate: number }]>([
  ['two days gate', [1000, 1000, 400, 400], usual, spans(1700, 300, 800)],
  ['more do when they are poor', [2000, 200, 90, 300], usual, spans(1700, 300, 590)],
  [
    'more do until they have 1,500 flows, where these are few of all',
    [10_000, 400, 400, 400, 400],
    usual,
    spans(8500, 1500, 1600),
  ],
  ['two days gate however many flows one has', [1000, 9000, 9000], usual, spans(850, 150, 18_000)],
  ['a single day cannot gate and train', [5000], usual, spans(0, 0, 5000)],
  ['too few flows are all held out', [100, 100, 100], usual, spans(0, 0, 300)],
  [
    'after a schema break a part of one day gates',
    [1000],
    { ...usual, afterSchemaBreak: true },
    spans(595, 105, 300),
  ],
  [
    'after a schema break the number of days does not matter',
    [500, 300, 200],
    { ...usual, afterSchemaBreak: true },
    spans(595, 105, 300),
  ],
])('%s', (_, rowsByDay, how, expected) => {
  const rows = rowsByDay.reduce((sum, n) => sum + n, 0);
  const { validateFrom, heldOutFrom } = cutRetraining(rowsByDay, how);
  expect(spans(validateFrom, heldOutFrom - validateFrom, rows - heldOutFrom)).toEqual(expected);
});

function spans(train: number, validate: number, gate: number) {
  return { train, validate, gate };
}

test('the parts lie in order, whole days gate, and no fewer days would do', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 30 }),
      fc.integer({ min: 0, max: 5000 }),
      (rowsByDay, minHeldOutRows) => {
        const rows = rowsByDay.reduce((sum, n) => sum + n, 0);
        const how = { afterSchemaBreak: false, minHeldOutRows };
        const { validateFrom, heldOutFrom } = cutRetraining(rowsByDay, how);
        expect(validateFrom).toBe(trainingRows(heldOutFrom));
        expect(validateFrom).toBeLessThanOrEqual(heldOutFrom);
        const ends = [0, ...rowsByDay.map((_, d) => sumOf(rowsByDay.slice(0, d + 1)))];
        const day = ends.indexOf(heldOutFrom);
        expect(day).toBeGreaterThanOrEqual(0); // a day begins there
        const gates = rowsByDay.slice(day);
        if (heldOutFrom > 0) {
          expect(gates.length).toBeGreaterThanOrEqual(2);
          expect(rows - heldOutFrom).toBeGreaterThanOrEqual(minHeldOutRows);
        }
        const fewer = sumOf(gates.slice(1));
        const isEnough = fewer >= Math.max(minHeldOutRows, 1500);
        const isLarge = fewer >= minHeldOutRows && sumOf(gates) > rows / 5;
        expect(gates.length <= 2 || !(isEnough || isLarge)).toBe(true);
      },
    ),
  );
});

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, n) => sum + n, 0);
}
