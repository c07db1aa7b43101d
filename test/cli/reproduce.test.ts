import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { reproduceCommand } from '../../cli/commands/reproduce.js';
import { aHome } from '../feature-store/store-builders.js';
import { runCommand } from './run-command.js';

const SAMPLE = path.join(import.meta.dirname, '../data/datazoo/sample.h5');

afterEach(() => vi.unstubAllEnvs());

test('without an input it runs on generated flows, shows no published figure and leaves nothing behind', async () => {
  const { root } = await aHome();
  vi.stubEnv('TMPDIR', root);
  const before = await readdir(root);
  const small = ['--flows-per-month', '300', '--days-per-month', '2', '--min-flows', '5'];
  const args = [...small, '--test', '2022-07', '--threads', '1', '--json'];
  expect(await runCommand(reproduceCommand, ...args)).toMatchObject({
    input: { kind: 'raw', path: null, isGenerated: true },
    ...{ train: '2022-06', test: ['2022-07'], flowsPerMonth: 300, rowsRejected: 0 },
    settings: { rounds: 20, classWeightCap: 0 },
    scores: [
      { month: '2022-06', part: 'random-fifth', published: null },
      { month: '2022-06', part: 'last-days', published: null },
      { month: '2022-07', part: 'all', published: null },
    ],
  });
  expect(await readdir(root)).toEqual(before);
}, 120_000);

test('shows what was published beside the published months of an input', async () => {
  const args = ['--input', SAMPLE, '--test', '2022-07', '--min-flows', '10'];
  const lines = String(await runCommand(reproduceCommand, ...args)).split('\n');
  expect(lines.find((line) => line.startsWith('2022-06, a random'))).toMatch(/ 0\.9415 *$/);
  expect(lines.find((line) => line.startsWith('2022-07'))).toMatch(/ 0\.892 *$/);
  const another = await runCommand(
    reproduceCommand,
    ...args.map((arg) => (arg === '2022-07' ? '2022-06' : arg)),
    ...['--train', '2022-07', '--json'],
  );
  expect(another).toMatchObject({ scores: [{ published: null }, { published: null }] });
});

test.each([
  [['--train', '2022-13'], /CLI_USAGE: --train 2022-13, expected a month/],
  [['--test', '2022-07,August'], /CLI_USAGE: --test August/],
  [
    ['--flows-per-month', '10'],
    /CLI_USAGE: --flows-per-month 10, expected a whole number from 100/,
  ],
  [['--input', SAMPLE], /MONTH_MISSING .*sample.h5: no flows of 2022-08/],
  [['--input', SAMPLE, '--test', '2022-07', '--min-flows', '500'], /TRAINING_TOO_FEW_ROWS/],
])('refuses %j', async (args, message) => {
  await expect(runCommand(reproduceCommand, ...args)).rejects.toThrow(message);
});
