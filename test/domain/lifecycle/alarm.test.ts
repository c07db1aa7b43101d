import { expect, test } from 'vitest';
import { DEFAULT_POLICY } from '../../../contracts/lifecycle-policy.js';
import { SILENT, stepAlarm, type Alarm } from '../../../domain/lifecycle/alarm.js';

const rule = DEFAULT_POLICY.alarm.day;

/** Values against a threshold of 1 and a calm level of .8; null was not judged. */
function heard(...values: (number | null)[]): Alarm {
  return values.reduce<Alarm>((alarm, value) => {
    const judged = value !== null;
    const reading = { signal: 's', value: value ?? 0, threshold: judged ? 1 : null };
    return stepAlarm(alarm, { ...reading, calm: judged ? 0.8 : null }, 100, rule);
  }, SILENT);
}

test.each([
  { why: 'one window exceeds a little', values: [1.2], raised: false },
  { why: 'two of three exceed', values: [1.2, 0.9, 1.2], raised: true },
  { why: 'two exceed that are further apart', values: [1.2, 0.9, 0.9, 1.2], raised: false },
  { why: 'one exceeds by far', values: [0.5, 1.6], raised: true },
  { why: 'a window between was not judged', values: [1.2, null, 1.2], raised: true },
  { why: 'it is neither calm nor above', values: [1.6, 0.9, 0.9, 0.9], raised: true },
  { why: 'one window was calm', values: [1.6, 0.5], raised: true },
  { why: 'two windows in a row were calm', values: [1.6, 0.5, 0.5], raised: false },
  { why: 'two windows were calm, but not in a row', values: [1.6, 0.5, 0.9, 0.5], raised: true },
])('an alarm is $raised when $why', ({ values, raised }) => {
  expect(heard(...values).raised).toBe(raised);
});

test('flows are counted from the first window that exceeded', () => {
  expect(heard(0.5, 0.5).rows).toBe(0);
  expect(heard(0.5, 1.2, 0.9).rows).toBe(200);
  expect(heard(1.2, 0.5, 0.5, 0.5).rows).toBe(0);
});
