import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  tabularFeatures,
  TABULAR_FEATURES,
  LEAKING_COLUMNS,
  type FlowNumbers,
} from '../../domain/traffic/features.js';
import { compactTable } from '../../feature-store/compact.js';
import { flowsOfWeek } from '../../feature-store/derived.js';
import { registrableDomain, selectFeatures } from '../../feature-store/feature-sql.js';
import { parseFlows } from '../../feature-store/ingest/parse-flows.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { wholeWeeks } from '../../domain/lifecycle/split-weeks.js';
import type { Selection } from '../../contracts/schemas/values.js';
import { readFlowSet, readParsedFlows, type FlowSet } from '../../feature-store/read-flows.js';
import { listSources } from '../../feature-store/sources/list-sources.js';
import { staleWeeks } from '../../feature-store/stale-weeks.js';
import { FLOWS, tableFolder } from '../../feature-store/tables.js';
import {
  aFlow,
  aHome,
  deriveFeatures,
  deriveTraffic,
  flowCsv,
  ingest,
  REAL_FLOWS,
  type StoreHome,
} from './store-builders.js';

async function aWeekOfFlows(home: StoreHome): Promise<void> {
  const flows = [
    aFlow({ APP: 'a', TIME_FIRST: '2022-06-06T10:30:00.5', BYTES: 10 }),
    aFlow({ APP: 'a', TIME_FIRST: '2022-06-06T10:59:59', BYTES: 5 }),
    aFlow({ APP: 'b', TIME_FIRST: '2022-06-07T00:00:00', BYTES: 3 }),
    aFlow({ APP: 'a', TIME_FIRST: '2022-06-13T00:00:00', BYTES: 1 }),
  ];
  await ingest(home, await home.file('f.csv', flowCsv(flows)));
}

test('traffic is summed by hour and day, per application, and a week is replaced alone', async () => {
  const home = await aHome();
  await aWeekOfFlows(home);
  const derive = (week: string) => deriveTraffic(home, week);
  await derive('2022-W23');
  await derive('2022-W24');
  expect((await derive('2022-W23')).map(({ kind }) => kind)).toEqual(['already', 'already']);
  const sql = `SELECT app, strftime(hour, '%m-%dT%H') AS hour, flows, bytes FROM traffic_hourly ORDER BY traffic_hourly.hour, app`;
  expect((await queryTables({ ...home, sql })).rows).toEqual([
    { app: 'a', hour: '06-06T10', flows: 2, bytes: 15 },
    { app: 'b', hour: '06-07T00', flows: 1, bytes: 3 },
    { app: 'a', hour: '06-13T00', flows: 1, bytes: 1 },
  ]);
  await ingest(
    home,
    await home.file(
      'late.csv',
      flowCsv([aFlow({ APP: 'b', TIME_FIRST: '2022-06-07T00:10:00', BYTES: 4 })]),
    ),
  );
  expect((await derive('2022-W23')).map(({ kind }) => kind)).toEqual(['committed', 'committed']);
  const daily = await queryTables({
    ...home,
    sql: 'SELECT app, bytes FROM traffic_daily ORDER BY day, app',
  });
  expect(daily.rows).toEqual([
    { app: 'a', bytes: 15 },
    { app: 'b', bytes: 7 },
    { app: 'a', bytes: 1 },
  ]);
});

test('hourly and daily sums of real flows are those of pandas', async () => {
  const golden = JSON.parse(readFileSync('test/golden/traffic-sums.json', 'utf8')) as {
    columns: string[];
    hourly: unknown[][];
    daily: unknown[][];
  };
  const home = await aHome();
  await ingest(home, path.join(REAL_FLOWS, 'ndpi-tls.csv.xz'));
  for (const { week } of await staleWeeks(home.tablesRoot)) await deriveTraffic(home, week);
  const sums = async (table: string, start: string): Promise<unknown[][]> => {
    const columns = [
      `strftime(${start}, '%Y-%m-%dT%H:%M:%SZ') AS start`,
      ...golden.columns.slice(1),
    ];
    const sql = `SELECT ${columns.join(', ')} FROM ${table} ORDER BY ${table}.${start}, app, category, dst_asn`;
    return (await queryTables({ ...home, sql })).rows.map((row) => Object.values(row));
  };
  expect(await sums('traffic_hourly', 'hour')).toEqual(golden.hourly);
  expect(await sums('traffic_daily', 'day')).toEqual(golden.daily);
});

test('features in SQL are the features in TypeScript, for every real flow', async () => {
  const home = await aHome();
  await ingest(home, REAL_FLOWS);
  await deriveFeatures(home);
  const set = await readFlowSet(home);
  const { rows } = await queryTables({
    ...home,
    sql: 'FROM flows ORDER BY time_first, source_sha, source_row',
  });
  expect(set.n).toBe(562);
  expect(rows.map((row) => row['app'])).toEqual(set.app);
  const F = TABULAR_FEATURES.length;
  rows.forEach((row, i) => {
    const want = tabularFeatures(row as FlowNumbers); // numeric columns are numbers, histograms arrays of them
    for (let f = 0; f < F; f++)
      expect(set.tabular[i * F + f], `${TABULAR_FEATURES[f]?.name} of row ${i}`).toBeCloseTo(
        want[f] ?? NaN,
        4,
      );
    const ppi = set.ppi.subarray(i * 90, (i + 1) * 90);
    expect([0, 1, 2].map((c) => ppi[c])).toEqual(
      ['ppi_size_bytes', 'ppi_direction', 'ppi_ipt_ms'].map((name) => (row[name] as number[])[0]),
    );
    expect(set.lengths[i]).toBe(row['ppi_len']);
    expect(ppi.subarray((set.lengths[i] ?? 0) * 3).every((value) => value === 0)).toBe(true);
  });
  expect([...set.tabular].every(Number.isFinite)).toBe(true);
});

test('no feature of a model is a name, an address, a time or an id', () => {
  const names = TABULAR_FEATURES.map(({ name }) => name);
  expect(names).toHaveLength(73);
  expect(new Set(names).size).toBe(names.length);
  expect(
    names.filter((name) => name in LEAKING_COLUMNS || /sni|ja3|ip$|asn|port/.test(name)),
  ).toEqual([]);
});

test('flows are read by week and time, in one order, with equal hashes for equal features', async () => {
  const home = await aHome();
  await aWeekOfFlows(home);
  await deriveFeatures(home, ['2022-W23', '2022-W24']);
  const bytesOf = async (selection: Selection) => {
    const set = await readFlowSet(home, selection);
    return set.week.map((week, i) => [
      week,
      Math.round(Math.expm1(set.tabular[i * set.featureNames.length] ?? 0)),
    ]);
  };
  expect(await bytesOf(wholeWeeks(['2022-W24']))).toEqual([['2022-W24', 1]]);
  expect(
    await bytesOf({
      kind: 'time',
      ...{ fromMs: Date.UTC(2022, 5, 6, 10, 59, 59), toMs: Date.UTC(2022, 5, 7) },
    }),
  ).toEqual([['2022-W23', 5]]);

  await ingest(
    home,
    await home.file(
      'same.csv',
      flowCsv([aFlow({ APP: 'c', TIME_FIRST: '2022-06-06T10:45:00', BYTES: 5 })]),
    ),
  );
  await deriveFeatures(home, ['2022-W23']);
  const set = await readFlowSet(home, wholeWeeks(['2022-W23']));
  expect(set.timeFirstMs[0]).toBe(Date.UTC(2022, 5, 6, 10, 30, 0, 500));
  expect(set.app).toEqual(['a', 'c', 'a', 'b']);
});

test('the largest values that are stored have finite features and sums', async () => {
  const home = await aHome();
  const most = 2 ** 50;
  const largest = aFlow({
    ...{ BYTES: most, BYTES_REV: most, PACKETS: most, PACKETS_REV: most },
    ...{ DURATION: '1e7', PPI_DURATION: '1e7', PPI_ROUNDTRIPS: 65_535, DST_ASN: 2 ** 32 - 1 },
    PPI: '[[2147483647, 2147483647, 0], [1, -1, 1], [2147483647, 2147483647, 0]]',
    PHIST_SRC_SIZES: `[${Array(8).fill(2_147_483_647).join()}]`,
  });
  // 8,192 times 2^50 is one more than a long holds
  await ingest(home, await home.file('f.csv', flowCsv(Array<typeof largest>(8192).fill(largest))));
  await deriveFeatures(home);
  await deriveTraffic(home, '2022-W23');
  const set = await readFlowSet(home);
  expect(set.n).toBe(8192);
  expect(set.tabular.every(Number.isFinite)).toBe(true);
  const sql = `SELECT flows, (bytes = 9223372036854775807) AS most FROM traffic_daily`;
  expect((await queryTables({ ...home, sql })).rows).toEqual([{ flows: 8192, most: true }]);
});

test('a part of a sum beyond 64 bits is a part all the same', async () => {
  const home = await aHome();
  await aWeekOfFlows(home);
  const { select } = await flowsOfWeek({ ...home, week: '2022-W24' });
  const flows = `SELECT * REPLACE (9223372036854775807 AS bytes, 9223372036854775807 AS bytes_rev) FROM (${select})`;
  const rows = await home.db.session(async (session) =>
    session.rows(await selectFeatures(session, flows, home.root)),
  );
  expect(rows).toMatchObject([{ bytes_part: 0.5 }]);
});

test('a week is stale until each of its tables is computed from the files it has now', async () => {
  const home = await aHome();
  const weeks = async () => (await staleWeeks(home.tablesRoot)).map(({ week }) => week);
  const derive = async (week: string) => {
    await deriveFeatures(home, [week]);
    await deriveTraffic(home, week);
  };
  const days = ['06-06', '06-13', '06-20'];
  for (const day of days)
    await ingest(
      home,
      await home.file(`${day}.csv`, flowCsv([aFlow({ TIME_FIRST: `2022-${day}T10:00:00` })])),
    );
  expect(await weeks()).toEqual(['2022-W23', '2022-W24', '2022-W25']);
  await derive('2022-W24');
  expect(await weeks()).toEqual(['2022-W23', '2022-W25']);
  await ingest(
    home,
    await home.file('late.csv', flowCsv([aFlow({ TIME_FIRST: '2022-06-14T10:00:00' })])),
  );
  await derive('2022-W23');
  await deriveFeatures(home, ['2022-W25']);
  expect(await staleWeeks(home.tablesRoot)).toEqual([
    { week: '2022-W24', rows: 2 },
    { week: '2022-W25', rows: 1 },
  ]);
  await derive('2022-W24');
  await derive('2022-W25');
  expect(await weeks()).toEqual([]);
  const table = tableFolder(home.tablesRoot, FLOWS.name);
  const compacted = await compactTable({
    ...{ db: home.db, table, schema: FLOWS, stagingDir: home.staging() },
  });
  expect(compacted).toMatchObject({ filesBefore: 2, filesAfter: 1 });
  expect(await weeks()).toEqual([]);
});

test('a file that is in no table gives the same features', async () => {
  const home = await aHome();
  const input = path.join(REAL_FLOWS, 'ndpi-vpn.csv.gz');
  await ingest(home, input);
  await deriveFeatures(home);
  const stored = await readFlowSet(home);
  const [source] = (await listSources([input])).flows;
  if (!source) throw new Error('no source');
  const parsed = await parseFlows({ source, db: home.db, stagingDir: home.staging() });
  const fresh: FlowSet[] = [];
  await readParsedFlows({ db: home.db, parsed, scratchDir: home.staging() }, (flows) => {
    fresh.push(flows);
    return Promise.resolve();
  });
  expect(fresh).toEqual([stored]);
});

test('a server name is cut to its registrable domain', () => {
  expect(
    ['www.google.co.uk', 'a.b.example.org', 'UNKNOWN', '192.0.2.1', 'localhost', 'x.github.io'].map(
      registrableDomain,
    ),
  ).toEqual(['google.co.uk', 'example.org', 'UNKNOWN', 'UNKNOWN', 'UNKNOWN', 'github.io']);
});
