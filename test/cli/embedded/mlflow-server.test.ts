import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { installation } from '../../../activities/installation.js';
import { startMlflow } from '../../../cli/embedded/mlflow-server.js';
import { endProcess } from '../../../cli/embedded/process-record.js';
import { answers } from '../../../cli/embedded/server.js';
import { homeLayout } from '../../../contracts/home.js';

test('a database whose first start was cut short is made anew; one that was finished is kept', async () => {
  const layout = homeLayout(await mkdtemp(join(tmpdir(), 'sentinel-mlflow-')));
  onTestFinished(() => rm(layout.home, { recursive: true }));
  await mkdir(layout.mlflow, { recursive: true });
  await writeFile(join(layout.mlflow, 'mlflow.db'), 'half a database');
  await writeFile(join(layout.mlflow, 'database-unfinished'), '');
  const first = await startMlflow(layout, installation.mlflow);
  const create = await fetch(`${first.url}/api/2.0/mlflow/experiments/create`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'kept' }),
  });
  expect(create.ok).toBe(true);
  await endProcess(layout.processes, first.record);

  const second = await startMlflow(layout, installation.mlflow);
  onTestFinished(() => endProcess(layout.processes, second.record));
  const kept = `${second.url}/api/2.0/mlflow/experiments/get-by-name?experiment_name=kept`;
  expect(await answers(kept)).toBe(true);
});
