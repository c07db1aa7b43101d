import { expect, test } from 'vitest';
import { knownToMs } from '../../activities/judged-weeks.js';
import type { Split } from '../../contracts/schemas/values.js';
import { wholeWeeks } from '../../domain/lifecycle/split-weeks.js';

const MONDAY = Date.parse('2022-06-27');
const DAY_MS = 86_400_000;

const SPLIT: Split = {
  ...{ kind: 'weeks', rule: '', watch: [], skippedClasses: [] },
  ...{ train: ['2022-W23'], validate: ['2022-W24'], test: ['2022-W25'] },
  selections: {
    train: wholeWeeks(['2022-W23']),
    validate: wholeWeeks(['2022-W24']),
    test: wholeWeeks(['2022-W25']),
  },
  features: { table: 'flow_features', version: 0 },
};

function upTo(toMs: number | null): Split {
  const part = (from: number, to: number | null) =>
    ({ kind: 'time', fromMs: MONDAY - from * DAY_MS, toMs: to }) as const;
  return {
    ...{ ...SPLIT, kind: 'time', test: ['2022-W25', '2022-W26'] },
    selections: {
      train: part(14, MONDAY - 3 * DAY_MS),
      validate: part(3, MONDAY - 2 * DAY_MS),
      test: part(2, toMs),
    },
  };
}

test.each([
  ['whole weeks are known to the end of the newest', SPLIT, MONDAY],
  [
    'a retraining in the middle of a week to the end of its flows',
    upTo(MONDAY + DAY_MS),
    MONDAY + DAY_MS,
  ],
  ['flows without an end to the end of their week', upTo(null), MONDAY + 7 * DAY_MS],
])('%s', (_, split, expected) => {
  expect(knownToMs(split)).toBe(expected);
});
