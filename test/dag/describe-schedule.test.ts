import { expect, test } from 'vitest';
import { describeSchedule } from '../../dag/describe-schedule.js';
import type { Schedule } from '../../dag/schedule.js';

test.each<[Schedule | null, string]>([
  [null, ''],
  [{ cron: '0 4 * * 1', timeZone: 'Europe/Prague' }, '0 4 * * 1 Europe/Prague'],
  [{ every: { intervalMs: 21_600_000 } }, 'every 6 h'],
  [{ every: { intervalMs: 90_000, offsetMs: 5_000 } }, 'every 90 s + 5 s'],
  [{ assets: { all: ['a', { any: ['b', 'c'] }] } }, 'assets a and (b or c)'],
  [{ cron: ['@daily', '0 12 * * *'], assets: 'a' }, '@daily, or 0 12 * * *, or assets a'],
  [{ calendar: [{ month: 12, dayOfMonth: { start: 24, end: 26 } }] }, 'month=12 dayOfMonth=24-26'],
  [{ cron: '@daily', skip: [{ dayOfWeek: [0, 6] }] }, '@daily except dayOfWeek=0,6'],
])('%o is told as %s', (schedule, text) => {
  expect(describeSchedule(schedule)).toBe(text);
});
