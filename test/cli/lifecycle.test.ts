import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { generateFlows } from '../../activities/jobs/generate-flows.js';
import type { Simulation } from '../../activities/jobs/simulate-lifecycle.js';
import { lifecycleCommand } from '../../cli/commands/lifecycle.js';
import { weekRange } from '../../dag/partitions.js';
import { aHome } from '../feature-store/store-builders.js';
import { runCommand } from './run-command.js';

afterEach(() => vi.unstubAllEnvs());

test('the loop recovers from an exporter change that a frozen model suffers from', async () => {
  const { root } = await aHome();
  vi.stubEnv('TMPDIR', root);
  const input = path.join(root, 'raw');
  await generateFlows({
    ...{ outDir: input, seed: 5, flowsPerWeek: 6000, apps: 30, compression: 'none' },
    ...{ weeks: weekRange('2022-W04', '2022-W07'), events: ['exporter@2022-W06-3'] },
  });
  const before = await readdir(root);
  const args = ['--input', input, '--first-weeks', '2', '--threads', '2', '--json'];
  const found = (await runCommand(lifecycleCommand, 'simulate', ...args)) as Simulation;
  expect(await readdir(root)).toEqual(before);

  expect(found.weeks.map(({ partition }) => partition)).toEqual(['2022-W06', '2022-W07']);
  const [broken, after] = found.weeks;
  expect(broken?.loop).toBe(broken?.frozen);
  expect(after!.loop).toBeGreaterThan(after!.frozen + 0.02); // two weeks are served
  expect(found.loop.meanWeightedF1).toBeGreaterThan(found.frozen.meanWeightedF1);
  expect(found.decisions.map(({ kind }) => kind)).toContain('promoted');
  expect(found.loop.rollbacks).toBe(0);
  const [first] = found.retrains.filter(({ promoted }) => promoted);
  expect(first?.gainNextWeek?.weightedF1).toBeGreaterThan(0.02);
  const behind = found.alarms.filter(({ retrained }) => retrained);
  expect(behind.map(({ gainNextWeek }) => gainNextWeek)).toContain(first?.gainNextWeek?.weightedF1);
  expect(found.alarms).toContainEqual({
    ...{
      partition: '2022-02-09',
      signal: 'feature_severity',
      retrained: false,
      gainNextWeek: null,
    },
    cause: expect.stringMatching(/^exporter change: /) as string,
  });
}, 120_000);

test('a policy file that is not there is named', async () => {
  const args = ['simulate', '--input', '.', '--policy', 'nowhere.json'];
  await expect(runCommand(lifecycleCommand, ...args)).rejects.toThrow(
    /nowhere\.json.*POLICY_INVALID|POLICY_INVALID.*nowhere\.json/s,
  );
});

test.each([
  ['{', 'POLICY_INVALID'],
  [{ colDown: { days: 7 } }, /POLICY_INVALID.*colDown/],
  [{ watch: { days: -1, daysSchemaBreak: 1, maxLoss: 0.02 } }, /POLICY_INVALID.*watch\.days/],
])('a policy %j is refused', async (policy, message) => {
  const { root } = await aHome();
  const file = path.join(root, 'policy.json');
  await writeFile(file, typeof policy === 'string' ? policy : JSON.stringify(policy));
  const asked = runCommand(lifecycleCommand, 'simulate', '--input', root, '--policy', file);
  await expect(asked).rejects.toThrow(message);
});
