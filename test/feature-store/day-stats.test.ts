import { expect, test } from 'vitest';
import { statsFaults } from '../../feature-store/ingest/day-stats.js';
import { requireFewRejected } from '../../feature-store/ingest/rejected-limit.js';
import { findIngested } from '../../feature-store/ingest/commit-parsed.js';
import { formatStats } from '../../domain/traffic/generator-csv.js';
import { aFlow, aHome, flowCsv, ingest, type StoreHome } from './store-builders.js';

const FLOWS = [
  ...Array.from({ length: 6 }, (_, i) => aFlow({ APP: 'maps', BYTES: i })),
  ...Array.from({ length: 3 }, () => aFlow({ APP: 'mail', BYTES: 'x' })),
  aFlow({ APP: 'mail' }),
];

async function parsedDay(home: StoreHome) {
  const [result] = await ingest(home, await home.file('flows-20220606.csv', flowCsv(FLOWS)));
  if (!result) throw new Error('no source');
  return result.parsed;
}

test.each([
  ['the same counts', { maps: 6, mail: 4 }, []],
  ['another total', { maps: 6, mail: 5 }, [['10 rows', '11, as stats-20220606.json says']]],
  [
    'other applications',
    { maps: 1, mail: 8, news: 1 },
    [['1 rows of mail, 6 rows of maps', '8, 1, as stats-20220606.json says']],
  ],
])('a file beside statistics with %s', async (_, apps, faults) => {
  const home = await aHome();
  const parsed = await parsedDay(home);
  const file = await home.file('stats-20220606.json', formatStats(new Map(Object.entries(apps))));
  const told = await statsFaults(parsed.sourceFile, parsed);
  expect(told.map(({ found, expected }) => [found, expected])).toEqual(faults);
  for (const fault of told)
    expect(fault).toMatchObject({ code: 'FLOW_STATS_DIFFER', file: parsed.sourceFile });
  const known = await findIngested(home.tablesRoot, { path: file, sha256: parsed.sourceSha });
  expect(await statsFaults(parsed.sourceFile, known ?? parsed)).toEqual(told);
});

test('statistics that are none are told, and a file without them is not judged', async () => {
  const home = await aHome();
  const parsed = await parsedDay(home);
  expect(await statsFaults(parsed.sourceFile, parsed)).toEqual([]);
  for (const text of ['', '{"global":{}}', '{"global":{"total-saved":"10"},"apps":{}}']) {
    await home.file('stats-20220606.json', text);
    expect(await statsFaults(parsed.sourceFile, parsed)).toMatchObject([
      { found: 'stats-20220606.json without counts' },
    ]);
  }
});

test.each([
  ['100%', true],
  ['30%', true],
  ['29.9%', false],
  ['3', true],
  ['2', false],
  ['0', false],
])('3 bad rows of 10 with a limit of %s', async (limit, passes) => {
  const parsed = await parsedDay(await aHome());
  const check = (): void => requireFewRejected(parsed, limit);
  if (passes) return expect(check).not.toThrow();
  expect(check).toThrow(
    /^TOO_MANY_REJECTED .*: 3 of 10 rows rejected \(30.00 %\), the first is row 7, column "BYTES": "x": the character "x", expected at most/,
  );
});
