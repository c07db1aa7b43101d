import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeInstallationParams } from '../../cli/installation-params.js';
import { checkParams } from '../../cli/known-dags.js';
import { homeLayout, type HomeLayout } from '../../contracts/home.js';
import { readPlan } from '../../dag/plan.js';

const plan = readPlan({
  format: 2,
  dag: 'sorted',
  params: { input: null, by: null },
  paramSchemas: { input: { type: 'string' }, by: { type: 'string' } },
  tasks: [],
});
let layout: HomeLayout;
beforeAll(async () => {
  layout = homeLayout(await mkdtemp(join(tmpdir(), 'sentinel-params-')));
});
afterAll(() => rm(layout.home, { recursive: true }));

test('a parameter that nobody gives is missed before a run starts, where the defaults of the home are known', async () => {
  await expect(checkParams(layout, plan, {})).resolves.toBeUndefined();
  await expect(checkParams(layout, plan, { by: 7 })).rejects.toMatchObject({
    code: 'DAG_BAD_PARAM',
  });
  await writeInstallationParams(layout, { input: 'flows' });
  await expect(checkParams(layout, plan, { by: 'week' })).resolves.toBeUndefined();
  await expect(checkParams(layout, plan, {})).rejects.toMatchObject({
    code: 'DAG_BAD_PARAM',
    message: expect.stringMatching(/parameter "by" is missing/) as string,
  });
});
