import path from 'node:path';
import { expect, test } from 'vitest';
import { commitTable } from '../../feature-store/delta/commit.js';
import { stageFiles } from '../../feature-store/delta/stage.js';
import { flowsOfWeek } from '../../feature-store/derived.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { buildFeatures } from '../../feature-store/features.js';
import { FLOWS, tableFolder } from '../../feature-store/tables.js';
import { aFlow, aHome, flowCsv, ingest, type StoreHome } from './store-builders.js';

const ROWS = 250_000;
const WEEK = '2022-W23';

/** One flow of 30 packets that was seen many times. */
async function aLargeWeek(home: StoreHome): Promise<void> {
  const packets = (value: number) => `[${Array<number>(30).fill(value).join(', ')}]`;
  const PPI = `[${[7, 1, 1400, 0].map(packets).join(', ')}]`;
  await ingest(home, await home.file('f.csv', flowCsv([aFlow({ PPI_LEN: 30, PPI })])));
  const { select } = await flowsOfWeek({ ...home, week: WEEK });
  const adds = await home.db.session((session) =>
    stageFiles({
      ...{ session, schema: FLOWS, stagingDir: home.staging(), orderBy: 'source_row' },
      select: `SELECT * REPLACE (i + 1 AS source_row, time_first + to_milliseconds(i) AS time_first)
        FROM (${select}), range(${ROWS}) AS more(i)`,
    }),
  );
  const table = tableFolder(home.tablesRoot, FLOWS.name);
  await commitTable({ table, schema: FLOWS, adds, removes: () => true });
}

test('features of a large week fit into little memory, whatever the number of threads', async () => {
  const home = await aHome();
  await aLargeWeek(home);
  const tempDirectory = path.join(home.root, 'spill');
  const db = await FeatureDb.open({
    threads: 16,
    memoryLimit: '250MB',
    tempDirectory,
  });
  try {
    const { staged } = await buildFeatures({ ...home, db, week: WEEK, stagingDir: home.staging() });
    const written = staged.map(({ stats }) => stats.numRecords);
    expect(written).toHaveLength(3);
    expect(written.reduce((sum, rows) => sum + rows, 0)).toBe(ROWS);
  } finally {
    db.close();
  }
});
