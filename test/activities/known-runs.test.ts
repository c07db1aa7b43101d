import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { knownRuns } from '../../activities/known-runs.js';
import { homeLayout } from '../../contracts/home.js';
import { appendRows } from '../../feature-store/append-rows.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { RUNS } from '../../feature-store/engine-tables.js';
import { localBlobStore } from '../../payloads/blob-store.js';
import { shortenJson } from '../../payloads/reference.js';

test('parameters too large for the table are known in full', async () => {
  const layout = homeLayout(await mkdtemp(join(tmpdir(), 'sentinel-known-runs-')));
  const db = await FeatureDb.open({ threads: 1 });
  onTestFinished(async () => {
    db.close();
    await rm(layout.home, { recursive: true });
  });
  const params = { text: 'x'.repeat(200_000) };
  const stored = await shortenJson(localBlobStore(layout.payloads), JSON.stringify(params));
  expect(stored.length).toBeLessThan(1_000);
  const row = {
    ...{ dag: 'weeks', partition: '2022-W23', dag_run_id: 'weeks/2022-W23', state: 'success' },
    ...{ temporal_run_id: 'first', plan_hash: 'p', code_version: 'c', params: stored },
    ...{ started_at: new Date(1_000), finished_at: new Date(2_000) },
  };
  await appendRows({
    ...{ db, tablesRoot: layout.tables, schema: RUNS, rows: [row] },
    stagingDir: layout.staging,
  });
  const known = await knownRuns(layout, undefined, 'weeks', ['2022-W23']);
  expect(known.get('2022-W23')?.success?.params).toEqual(params);
});
