import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { generateFlows } from '../../activities/jobs/generate-flows.js';
import { GENERATED_HEADER } from '../../domain/traffic/generator-csv.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { firstLines } from '../../feature-store/sources/decompress.js';
import { aHome, ingest, REAL_FLOWS } from './store-builders.js';

test('generated files have the columns of the raw files, in their order', async () => {
  const [header] = await firstLines(path.join(REAL_FLOWS, 'ndpi-tls.csv.xz'), 'xz', 1);
  expect(GENERATED_HEADER).toBe(header);
});

test('every row of a week with all events is stored as it was generated', async () => {
  const home = await aHome();
  const outDir = path.join(home.root, 'generated');
  const events = ['vpn@2022-W22', 'exporter@2022-W22', 'rename@2022-W22', 'tls13@2022-W22'];
  const { rows } = await generateFlows({
    ...{ outDir, seed: 7, weeks: ['2022-W22'], flowsPerWeek: 3000, volume: 'year' },
    events: [...events, 'certificate@2022-W22', 'new-app@2022-W22', 'new-app-far@2022-W22'],
  });
  const results = await ingest(home, outDir);
  expect(results.map(({ parsed }) => parsed.rowsRejected)).toEqual([0, 0, 0, 0, 0, 0, 0]);
  const sql = 'SELECT app, count(*)::INTEGER AS rows FROM flows GROUP BY app ORDER BY app';
  const stored = (await queryTables({ ...home, sql })).rows;
  const stats = JSON.parse(
    await readFile(path.join(outDir, 'WEEK-2022-22', 'stats-week.json'), 'utf8'),
  ) as { global: { 'total-saved': number }; apps: Record<string, number> }; // written by the code under test
  expect(stats.global['total-saved']).toBe(rows);
  expect(stored).toEqual(Object.entries(stats.apps).map(([app, count]) => ({ app, rows: count })));
});
