import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { countRows, readSnapshot } from '../../feature-store/delta/snapshot.js';
import { commitParsed } from '../../feature-store/ingest/commit-parsed.js';
import { parseFlows } from '../../feature-store/ingest/parse-flows.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { readMapping } from '../../feature-store/sources/flow-mapping.js';
import { listSources, newestFirstTime } from '../../feature-store/sources/list-sources.js';
import type { FlowMapping } from '../../contracts/schemas/mapping.js';
import { tableFolder } from '../../feature-store/tables.js';
import { aHome, type StoreHome } from './store-builders.js';

const EXPORTERS = path.resolve('test/data/exporters');
const shipped = (name: string) => readMapping(path.resolve('mappings', name));
const pad = (...values: number[]): number[] => [
  ...values,
  ...Array<number>(30 - values.length).fill(0),
];

/** Ingests every file of the exporter below a path. */
async function ingestMapped(home: StoreHome, input: string, mapping: FlowMapping) {
  const listing = await listSources([input], mapping);
  const parsed = [];
  for (const source of listing.flows) {
    const one = await parseFlows({ source, mapping, db: home.db, stagingDir: home.staging() });
    await commitParsed({ tablesRoot: home.tablesRoot, parsed: one });
    parsed.push(one);
  }
  return { ...listing, parsed };
}

const rowsOf = async (home: StoreHome, sql: string) => (await queryTables({ ...home, sql })).rows;

describe('real files of other exporters', () => {
  test.each([
    ['ipfixprobe-csv.json', 'ipfixprobe'],
    ['nfstream.json', 'nfstream'],
  ])('%s: the time of their first row is read as the mapping says', async (name, exporter) => {
    const home = await aHome();
    const mapping = await shipped(name);
    const { flows } = await ingestMapped(home, EXPORTERS, mapping);
    expect(flows.map((file) => path.basename(file.path))).toEqual([`${exporter}.csv`]);
    const sql = 'SELECT epoch_us(time_first) // 1000 AS ms FROM flows WHERE source_row = 1';
    const time = await newestFirstTime([EXPORTERS], mapping);
    expect(await rowsOf(home, sql)).toEqual([{ ms: time?.getTime() }]);
  });

  test('ipfixprobe: what it recorded, in the words of a flow file', async () => {
    const home = await aHome();
    const mapping = await shipped('ipfixprobe-csv.json');
    const { parsed, ignored } = await ingestMapped(home, EXPORTERS, mapping);
    expect(ignored).toContainEqual({
      file: path.join(EXPORTERS, 'nfstream.csv'),
      reason: 'its first line is not the header of ipfixprobe-csv',
    });
    // flows of ICMP and the like have packets without payload only
    expect(parsed).toMatchObject([{ rowsRead: 48 }]);
    const [one] = await rowsOf(
      home,
      `FROM flows WHERE src_ip = '10.5.5.26' AND time_first = '2016-10-28 17:06:17.461564'`,
    );
    expect(one).toMatchObject({
      dst_ip: '10.5.5.1',
      bytes: 328,
      bytes_rev: 328,
      dst_port: 67,
      duration: 20.019522,
      ppi_len: 2,
      ppi_duration: 20.02,
      ppi_roundtrips: 1,
      ppi_ipt_ms: pad(0, 20020),
      ppi_direction: pad(1, -1),
      ppi_size_bytes: pad(300, 300),
      phist_src_sizes: [0, 0, 0, 0, 0, 1, 0, 0],
      tls_sni: 'UNKNOWN',
      app: 'unknown',
    });
  });

  test('nfstream: every flow with a packet of payload', async () => {
    const home = await aHome();
    const { parsed } = await ingestMapped(home, EXPORTERS, await shipped('nfstream.json'));
    expect(parsed).toMatchObject([{ rowsRead: 35, rowsStored: 35, rowsRejected: 0 }]);
    const [one] = await rowsOf(home, 'FROM flows WHERE id = 0');
    expect(one).toMatchObject({
      src_ip: '172.16.121.155',
      tls_sni: 'asecuritysite.com',
      tls_ja3: null,
      time_first: new Date('2015-10-20T07:09:33.611Z'),
      duration: 0.101,
      bytes: 324,
      packets: 4,
      flag_syn: 1,
      flag_rst: 0,
      app: 'TLS',
      category: 'Web',
      // 0 48 1 3 0 48 0 1 ms, of which the 4th, 6th and 7th have payload
      ppi_len: 3,
      ppi_ipt_ms: pad(0, 48, 0),
      ppi_direction: pad(1, -1, 1),
      ppi_size_bytes: pad(249, 161, 75),
      ppi_roundtrips: 1,
      phist_src_sizes: [0, 0, 0, 1, 1, 0, 0, 0],
      phist_src_ipt: [0, 0, 1, 0, 0, 0, 0, 0],
      phist_dst_ipt: [0, 0, 0, 0, 0, 0, 0, 0],
    });
  });

  test.each(['ipfixprobe.csv', 'nfstream.csv'])('%s is no flow file by itself', async (name) => {
    const { flows } = await listSources([path.join(EXPORTERS, name)]);
    expect(flows).toEqual([]);
  });
});

test('another mapping reads the file anew, the same changes nothing', async () => {
  const home = await aHome();
  const mapping = await shipped('nfstream.json');
  const [first] = (await ingestMapped(home, EXPORTERS, mapping)).parsed;
  const [again] = (await ingestMapped(home, EXPORTERS, mapping)).parsed;
  const changed = { ...mapping, columns: { ...mapping.columns, CATEGORY: { constant: 'all' } } };
  const [other] = (await ingestMapped(home, EXPORTERS, changed)).parsed;
  expect(again?.sourceSha).toBe(first?.sourceSha);
  expect(other?.sourceSha).not.toBe(first?.sourceSha);
  expect(await rowsOf(home, 'SELECT DISTINCT category FROM flows')).toEqual([{ category: 'all' }]);
  const snapshot = await readSnapshot(tableFolder(home.tablesRoot, 'flows'));
  expect(countRows(snapshot?.files.values() ?? [])).toBe(35);
});

/** A small exporter: `a;b` lists in parentheses, microseconds, a label by port. */
const SMALL: FlowMapping = {
  name: 'small',
  header: 'names',
  lists: { separator: ';' },
  columns: {
    ...Object.fromEntries(['SRC_IP', 'DST_IP'].map((name) => [name, 'ip'])),
    ...Object.fromEntries(
      ['BYTES', 'BYTES_REV', 'PACKETS', 'PACKETS_REV'].map((name) => [name, 'n']),
    ),
    DST_ASN: { constant: '0' },
    DST_PORT: 'port',
    PROTOCOL: { constant: '17' },
    TIME_FIRST: { column: 'start', unit: 's' },
    TIME_LAST: { column: 'end', unit: 'us' },
    DURATION: { from: 'times' },
    APP: { column: 'port', values: { '443': 'web', '53': 'dns' }, otherwise: 'other' },
    CATEGORY: { column: 'label', empty: 'none' },
    FLAG_SYN: { column: 'n', positive: true },
    ...Object.fromEntries(
      ['PPI_LEN', 'PPI_DURATION', 'PPI_ROUNDTRIPS'].map((name) => [name, { from: 'ppi' as const }]),
    ),
    ...Object.fromEntries(
      ['SRC_SIZES', 'DST_SIZES', 'SRC_IPT', 'DST_IPT'].map((name) => [
        `PHIST_${name}`,
        { from: 'ppi' as const },
      ]),
    ),
  },
  ppi: {
    times: { column: 'gaps', as: 'gaps', unit: 'us' },
    directions: { column: 'dirs', values: { out: '1', in: '-1' } },
    sizes: { column: 'sizes' },
    push: { column: 'push' },
  },
};
const HEADER = 'ip,n,port,start,end,label,gaps,dirs,sizes,push';
const GOOD =
  '10.0.0.1,7,443,1654509600.5,1654509601500000,x,(0;1500;2600),(out;in;out),(10;20;2000),(1;0;1)';

test('units, words, constants and lists are read as the mapping says', async () => {
  const home = await aHome();
  const file = await home.file(
    'f.csv',
    `${HEADER}\n${GOOD}\n${GOOD.replace('443', '25').replace(',x,', ',,')}\n`,
  );
  await ingestMapped(home, file, SMALL);
  expect(await rowsOf(home, 'FROM flows ORDER BY source_row')).toMatchObject([
    {
      time_first: new Date('2022-06-06T10:00:00.500Z'),
      duration: 1,
      app: 'web',
      category: 'x',
      flag_syn: 1,
      flag_ack: 0,
      ppi_ipt_ms: pad(0, 2, 3),
      ppi_direction: pad(1, -1, 1),
      ppi_push: pad(1, 0, 1),
      phist_src_sizes: [1, 0, 0, 0, 0, 0, 0, 1],
      phist_src_ipt: [1, 0, 0, 0, 0, 0, 0, 0],
    },
    { app: 'other', category: 'none' },
  ]);
});

test.each([
  ['a count with a fraction', GOOD.replace(',7,', ',1.5,'), 'BYTES', '1.5', 'not a count'],
  [
    'a time that is no number',
    GOOD.replace('1654509600.5', 'noon'),
    'TIME_FIRST',
    'noon',
    'not a time like 2022-06-06T10:00:00.123456',
  ],
  [
    'a word that is no direction',
    GOOD.replace('in', 'back'),
    'PPI',
    '(0;1500;2600) (out;back;out) (10;20;2000)',
    'a direction other than 1 and -1',
  ],
  [
    'lists of different length',
    GOOD.replace('(10;', '('),
    'PPI',
    '(0;1500;2600) (out;in;out) (20;2000)',
    'lists of different length',
  ],
  ['no packet', GOOD.replace(/\(.*\)/, '(),(),(),()'), 'PPI', '() () ()', 'not 1 to 30 packets'],
])('%s is rejected with what stands in the file', async (_, row, column, value, reason) => {
  const home = await aHome();
  const { parsed } = await ingestMapped(
    home,
    await home.file('f.csv', `${HEADER}\n${row}\n`),
    SMALL,
  );
  expect(parsed).toMatchObject([{ rowsRead: 1, rowsStored: 0, rowsRejected: 1 }]);
  expect(parsed[0]?.faults).toMatchObject([
    { column, found: `${JSON.stringify(value)}: ${reason}` },
  ]);
});

describe('a mapping file', () => {
  test.each(readdirSync('mappings'))('%s is shipped and valid', async (name) => {
    expect((await shipped(name)).name).toBe(path.basename(name, '.json'));
  });

  test.each([
    ['no JSON', '{', undefined, /JSON/],
    ['an unknown key', { ...SMALL, sep: ';' }, undefined, /sep/],
    [
      'a unit that is none',
      changed('TIME_FIRST', { column: 'start', unit: 'h' }),
      'columns.TIME_FIRST',
      /./,
    ],
    ['a column that is none', changed('BITES', 'n'), 'columns.BITES', /no column of a flow file/],
    ['a unit of a count', changed('BYTES', { column: 'n', unit: 's' }), 'columns.BYTES', /no time/],
    ['a bit of a text', changed('APP', { column: 'n', bit: 1 }), 'columns.APP', /no flag/],
    [
      'bytes from the packets',
      changed('BYTES', { from: 'ppi' }),
      'columns.BYTES',
      /does not follow/,
    ],
    ['packets that are not there', { ...SMALL, ppi: undefined }, undefined, /without "ppi"/],
    [
      'a column that is missing',
      { ...SMALL, columns: { ...SMALL.columns, BYTES: undefined } },
      undefined,
      /./,
    ],
  ])('with %s is refused with the place', async (_, content, place, found) => {
    const home = await aHome();
    const file = await home.file(
      'm.json',
      typeof content === 'string' ? content : JSON.stringify(content),
    );
    const error: unknown = await readMapping(file).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'MAPPING_INVALID', fault: { file } });
    expect(error).toMatchObject({ message: expect.stringMatching(found) as string });
    if (place !== undefined) expect(error).toMatchObject({ fault: { column: place } });
  });

  test('whose columns a file lacks, the file is told of it', async () => {
    const home = await aHome();
    const file = await home.file('f.csv', `${HEADER.replace('port', 'dport')}\n${GOOD}\n`);
    expect((await listSources([file], SMALL)).faults).toMatchObject([
      {
        code: 'FLOW_HEADER_INVALID',
        found: 'no column port',
        expected: 'each column that the mapping small names, once',
      },
    ]);
  });
});

function changed(name: string, value: unknown): unknown {
  return { ...SMALL, columns: { ...SMALL.columns, [name]: value } };
}
