import { mkdir, mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { removeOldCheckpoints } from '../../../cli/embedded/old-checkpoints.js';

const DAY_S = 86_400;

test('checkpoints that nobody wrote for a week go, younger ones stay', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sentinel-old-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const nowS = 1_700_000_000;
  for (const [task, days] of [
    ['young', 6],
    ['old', 8],
  ] as const) {
    await mkdir(join(folder, task));
    await utimes(join(folder, task), nowS - days * DAY_S, nowS - days * DAY_S);
  }
  await removeOldCheckpoints(folder, nowS * 1_000);
  expect(await readdir(folder)).toEqual(['young']);
  await expect(removeOldCheckpoints(join(folder, 'absent'), 0)).resolves.toBeUndefined();
});
