/** Whatever stands in a file: every row is stored or rejected once, and what is stored keeps its bounds. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readSnapshot } from '../../feature-store/delta/snapshot.js';
import { scanSnapshot } from '../../feature-store/delta/scan.js';
import { RAW_COLUMNS } from '../../feature-store/sources/flow-columns.js';
import { tableFolder } from '../../feature-store/tables.js';
import { aFlow, aHome, flowCsv, ingest, type StoreHome } from './store-builders.js';

const BOUNDS = Object.entries(
  JSON.parse(readFileSync(new URL('stored-bounds.json', import.meta.url), 'utf8')) as Record<
    string,
    string
  >, // our own file
);
const [HEADER = ''] = flowCsv([]).split('\n');
const column = fc.constantFrom(...RAW_COLUMNS.map(({ name }) => name));
const list = fc.array(fc.integer({ min: -2, max: 1500 }), { maxLength: 32 });
const value = fc.oneof(
  fc.integer().map(String),
  fc.bigInt().map(String),
  fc.double().map(String),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.array(list, { maxLength: 5 }).map((lists) => JSON.stringify(lists)),
  list.map((counts) => JSON.stringify(counts)),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    '0',
    '1',
    'true',
    '31',
    '65536',
    '4294967296',
    '"',
    '[[0,1,2],[1,-1,1],[9,9,9]]',
  ),
);
const flow = fc.dictionary(column, value, { maxKeys: 2 }).map((values) =>
  flowCsv([aFlow(values)])
    .split('\n')
    .slice(1, -1)
    .join('\n'),
);
const broken = fc
  .tuple(flow, fc.nat(600), fc.string({ unit: 'binary', maxLength: 3 }))
  .map(([row, at, text]) => row.slice(0, at) + text + row.slice(at + 1));
const file = fc.array(fc.oneof(flow, broken), { minLength: 100, maxLength: 100 });

test('rows read = rows stored + rows rejected, within the bounds', async () => {
  let rows = 0;
  await fc.assert(
    fc.asyncProperty(file, async (lines) => {
      const home = await aHome();
      const [result] = await ingest(
        home,
        await home.file('f.csv', `${HEADER}\n${lines.join('\n')}\n`),
      );
      const { rowsRead = 0, rowsStored = 0, rowsRejected = 0 } = result?.parsed ?? {};
      rows += rowsRead;
      expect(rowsRead).toBe(rowsStored + rowsRejected);
      const stored = await scanOf(home, 'flows');
      const rejected = await scanOf(home, 'flows_rejected');
      const seen = await home.db.rows<{ n: number; rows: number }>(
        `SELECT count(*) AS n, count(DISTINCT source_row) AS rows FROM (${[stored, rejected]
          .flatMap((scan) => (scan === undefined ? [] : [`SELECT source_row FROM (${scan})`]))
          .join(' UNION ALL ')})`,
      );
      expect(seen).toEqual([{ n: rowsRead, rows: rowsRead }]);
      if (stored === undefined) return;
      const outside = await home.db.rows(
        `SELECT ${BOUNDS.map(([name, holds]) => `count(*) FILTER (NOT coalesce(${holds}, false)) AS ${name}`).join(', ')} FROM (${stored})`,
      );
      expect(outside).toEqual([Object.fromEntries(BOUNDS.map(([name]) => [name, 0]))]);
    }),
    { numRuns: 30 },
  );
  expect(rows).toBeGreaterThan(2000);
});

async function scanOf(home: StoreHome, table: string): Promise<string | undefined> {
  const snapshot = await readSnapshot(tableFolder(home.tablesRoot, table));
  return snapshot && scanSnapshot(snapshot);
}
