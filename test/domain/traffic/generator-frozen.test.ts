import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { isoWeeksBetween } from '../../../domain/traffic/generator-calendar.js';
import { GENERATOR } from '../../../domain/traffic/generator-parameters.js';
import { createWorld, type WorldOptions } from '../../../domain/traffic/generator-world.js';
import { rowsOfWeek } from '../../builders/generated-window.js';

const MEND = `The generator makes other data than the one that was calibrated and measured.
If that is meant: raise GENERATOR_VERSION, run scripts/check-generator.mjs, measure the tables of
README.md and docs/generator.md again, and write the new hash here.`;

const EVERY_EVENT = [
  ...['vpn@2022-W24', 'tls13@2022-W24', 'new-app@2022-W24', 'new-app-far@2022-W25'],
  ...['rename@2022-W25', 'exporter@2022-W25-3', 'certificate@2022-W26', 'volume@2022-W26'],
  ...['half-week@2022-W27', 'missing-day@2022-W27-2'],
];

test('the parameters are the calibrated ones', () => {
  expect(sha256(JSON.stringify(GENERATOR)), MEND).toBe(
    'cedab62224baa27a9cede1efd23757502af47a38443153a2a45c8a0d659798d5',
  );
});

test.each<[string, Omit<WorldOptions, 'seed'>, string]>([
  [
    'of the demo',
    { apps: 40, events: ['exporter@2022-W26'] },
    'c6967f8a29c9eaa7d02a436b2032763b8be83b9f7f4fa8473997de9d1dc01585',
  ],
  [
    'of a full world with every event',
    { events: EVERY_EVENT },
    '0e052a301ca192674137bea851877c6a925a3a4467dc06d486a5c9b7f1c1c549',
  ],
  [
    'of raw traffic',
    { popularity: 'zipf', weeklyDrift: false },
    '15aab9c0dfe3166087e1402690c99e97a82d03fd1d3bea2b2041023a58f9243f',
  ],
])('the rows %s are the same bytes as ever', (_, options, hash) => {
  const world = createWorld({ seed: 7, ...options });
  const weeks = isoWeeksBetween('2022-W24', '2022-W27');
  const rows = weeks.flatMap((week) => rowsOfWeek(world, week, 700));
  expect(sha256(rows.join('\n')), MEND).toBe(hash);
});

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
