import path from 'node:path';
import { expect, test } from 'vitest';
import { commitTable } from '../../feature-store/delta/commit.js';
import { stageFiles } from '../../feature-store/delta/stage.js';
import { flowsOfWeek } from '../../feature-store/derived.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { buildFeatures } from '../../feature-store/features.js';
import { FLOWS, tableFolder } from '../../feature-store/tables.js';
import { aFlow, aHome, flowCsv, ingest, type StoreHome } from './store-builders.js';

const WEEK = '2022-W23';

/** One flow of 30 packets that was seen many times, by so many applications; each has a file. */
async function aWeek(home: StoreHome, rows: number, apps: number): Promise<void> {
  const packets = (value: number) => `[${Array<number>(30).fill(value).join(', ')}]`;
  const PPI = `[${[7, 1, 1400, 0].map(packets).join(', ')}]`;
  await ingest(home, await home.file('f.csv', flowCsv([aFlow({ PPI_LEN: 30, PPI })])));
  const { select } = await flowsOfWeek({ ...home, week: WEEK });
  const adds = await home.db.session((session) =>
    stageFiles({
      ...{ session, schema: FLOWS, stagingDir: home.staging(), orderBy: 'app, source_row' },
      select: `SELECT * REPLACE ('app-' || (i % ${apps}) AS app, i + 1 AS source_row,
          time_first + to_milliseconds(i) AS time_first)
        FROM (${select}), range(${rows}) AS more(i)`,
    }),
  );
  const table = tableFolder(home.tablesRoot, FLOWS.name);
  await commitTable({ table, schema: FLOWS, adds, removes: () => true });
}

test.each([
  ['many flows', 250_000, 1],
  ['many small files', 10_000, 1_000],
])(
  'features of a week of %s fit into little memory, whatever the threads',
  async (_, rows, apps) => {
    const home = await aHome();
    await aWeek(home, rows, apps);
    const tempDirectory = path.join(home.root, 'spill');
    const db = await FeatureDb.open({ threads: 16, memoryLimit: '250MB', tempDirectory });
    try {
      const { staged } = await buildFeatures({
        ...home,
        db,
        week: WEEK,
        stagingDir: home.staging(),
      });
      const written = staged.map(({ stats }) => stats.numRecords);
      expect(written).toHaveLength(Math.ceil(rows / 100_000));
      expect(written.reduce((sum, n) => sum + n, 0)).toBe(rows);
    } finally {
      db.close();
    }
  },
);
