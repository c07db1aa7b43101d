import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { JsonObject } from '../../contracts/json.js';
import { appendRows } from '../../feature-store/append-rows.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { DECISIONS } from '../../feature-store/engine-tables.js';
import { readRetrains } from '../../feature-store/retrains.js';
import { aHome } from './store-builders.js';

const scores = { championF1: 0.6, challengerF1: 0.7 };

test('a retraining has the reason of its alarm, the scores of its gate, and whether it was promoted', async () => {
  const tablesRoot = await decided([
    ['1', 'retrain', 'an alarm', { because: 'an alarm' }],
    ['2', 'shadow', 'won', { gate: scores, challenger: '2', because: 'an alarm' }],
    ['3', 'promote', 'better in shadow', { challenger: '2', because: 'an alarm' }],
    ['4', 'promoted', 'serves', { challenger: '2' }],
    ['5', 'keep', 'lost', { gate: scores, challenger: '3', because: 'another alarm' }],
  ]);
  expect(await readRetrains(tablesRoot)).toEqual([
    { model: 'm', partition: 'w', reason: 'an alarm', ...scores, version: '2', promoted: true },
    {
      model: 'm',
      partition: 'w',
      reason: 'another alarm',
      ...scores,
      version: '3',
      promoted: false,
    },
  ]);
});

test('decisions of earlier releases are read as well', async () => {
  const gate = { ...scores, challengerVersion: '2' };
  const tablesRoot = await decided([
    ['m/hash/promote', 'promote', 'won', gate],
    ['m/hash/promoted', 'promoted', 'serves', {}],
    ['m/other/keep', 'keep', 'lost', { ...gate, challengerVersion: '3' }],
  ]);
  expect(await readRetrains(tablesRoot)).toMatchObject([
    { reason: 'won', version: '2', promoted: true },
    { reason: 'lost', version: '3', promoted: false },
  ]);
});

test('a home without decisions has none', async () => {
  expect(await readRetrains((await aHome()).tablesRoot)).toEqual([]);
});

/** The root of tables in which these decisions were recorded, one a minute. */
async function decided(
  rows: readonly (readonly [key: string, kind: string, reason: string, evidence: JsonObject])[],
): Promise<string> {
  const { root, tablesRoot } = await aHome();
  const db = await FeatureDb.open({ threads: 1 });
  await appendRows({
    ...{ db, tablesRoot, schema: DECISIONS, stagingDir: join(root, 'staging') },
    txn: { appId: 'test', version: 1 },
    rows: rows.map(([key, kind, reason, evidence], minute) => ({
      ...{ key, model: 'm', partition: 'w', kind, reason, evidence: JSON.stringify(evidence) },
      decided_at: new Date(minute * 60_000),
    })),
  }).finally(() => db.close());
  return tablesRoot;
}
