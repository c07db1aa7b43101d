import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { createCompute } from '../../activities/compute.js';
import { homeLayout } from '../../contracts/home.js';

// What a try that was cut short leaves to the next one, and when that goes.

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sentinel-compute-'));
  onTestFinished(() => rm(home, { recursive: true }));
});

type CancelReason = Parameters<MockActivityEnvironment['cancel']>[0] & string;

const layout = () => homeLayout(home);

/** One try of the same task; the child does what `end` says from the second try on. */
function tryOf(end: 'done' | 'fault' | 'work on', attempt: number) {
  const environment = new MockActivityEnvironment(
    { attempt },
    { logger: new DefaultLogger('ERROR') },
  );
  const entry = fileURLToPath(new URL('compute-child.mjs', import.meta.url));
  const compute = createCompute({ layout: layout(), setupDir: '', entry, threads: 1 });
  const input = { end } as never; // the child takes any input
  const result = environment.run(() =>
    compute('trainModel', input, ({ output }) => Promise.resolve(output)),
  );
  return { result, cancel: (reason: CancelReason) => environment.cancel(reason) };
}

const checkpoints = async () =>
  existsSync(layout().checkpoints) ? readdir(layout().checkpoints) : [];

test('a child that dies leaves its checkpoints to the next try, whose success removes them', async () => {
  await expect(tryOf('done', 1).result).rejects.toMatchObject({ code: 'COMPUTE_CHILD_FAILED' });
  expect(await checkpoints()).toHaveLength(1);
  expect(await readdir(layout().staging)).toEqual([]);
  await expect(tryOf('done', 2).result).resolves.toBe(2);
  expect(await checkpoints()).toEqual([]);
});

test('a fault that is final removes them too', async () => {
  await expect(tryOf('fault', 1).result).rejects.toMatchObject({ code: 'COMPUTE_CHILD_FAILED' });
  await expect(tryOf('fault', 2).result).rejects.toMatchObject({ code: 'MODEL_LABELS' });
  expect(await checkpoints()).toEqual([]);
});

test.each([
  ['CANCELLED', 0],
  ['WORKER_SHUTDOWN', 1],
] as const)('a task that ends as %s leaves %i', async (reason, left) => {
  await expect(tryOf('work on', 1).result).rejects.toMatchObject({ code: 'COMPUTE_CHILD_FAILED' });
  const { result, cancel } = tryOf('work on', 2);
  cancel(reason);
  await expect(result).rejects.toThrow(reason);
  expect(await checkpoints()).toHaveLength(left);
});
