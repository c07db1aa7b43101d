import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generateFlowSet } from '../../../activities/jobs/generate-flow-set.js';
import { generateFlows } from '../../../activities/jobs/generate-flows.js';
import { readRawFlows } from '../../../activities/jobs/read-raw-flows.js';
import { createWorld } from '../../../domain/traffic/generator-world.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'flow-set-'));
});
afterAll(() => rm(dir, { recursive: true }));

test('flows in memory are those that the files have', async () => {
  const world = { seed: 7, apps: 30, events: ['rename@2022-W22-3'] };
  const [weeks, flowsPerWeek] = [['2022-W22'], 700];
  const raw = path.join(dir, 'raw');
  await generateFlows({ ...world, weeks, flowsPerWeek, outDir: raw, compression: 'none' });
  const read = { scratchDir: path.join(dir, 'scratch'), threads: 1, progress: () => undefined };
  const { flows: want } = await readRawFlows(raw, read);
  const got = generateFlowSet(createWorld(world), weeks, flowsPerWeek);

  expect(got.n).toBe(700);
  expect(got.featureNames).toEqual(want.featureNames);
  expect(got.ppi).toEqual(want.ppi);
  expect(got.lengths).toEqual(want.lengths);
  expect(got.timeFirstMs).toEqual(want.timeFirstMs);
  expect(got.sourceRow).toEqual(want.sourceRow);
  for (const column of ['app', 'category', 'sniDomain', 'week'] as const)
    expect(got[column]).toEqual(want[column]);
  const F = got.featureNames.length;
  want.tabular.forEach((value, at) => {
    const name = `flow ${Math.floor(at / F)}, ${got.featureNames[at % F] ?? ''}`;
    expect(got.tabular[at], name).toBeCloseTo(value, 5);
  });
});
