/**
 * The catalogue of what can be wrong with raw flow files: a line says what is wrong, and what is said of it.
 *
 * Three tables: values of one row, text of one row, whole files. Folders are in `sources.test.ts`.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { PipelineError, type Fault } from '../../contracts/errors.js';
import { scanSnapshot } from '../../feature-store/delta/scan.js';
import { readSnapshot } from '../../feature-store/delta/snapshot.js';
import { parseFlows } from '../../feature-store/ingest/parse-flows.js';
import { firstRowFaults } from '../../feature-store/ingest/row-faults.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { RAW_COLUMNS } from '../../feature-store/sources/flow-columns.js';
import { listSources } from '../../feature-store/sources/list-sources.js';
import { tableFolder } from '../../feature-store/tables.js';
import { aFlow, aHome, flowCsv, ingest, REAL_FLOWS, type StoreHome } from './store-builders.js';

const NAMES = RAW_COLUMNS.map(({ name }) => name);
const COUNT = 'a whole number that is not negative';
const SECONDS = 'seconds, such as 0.095, at most 10000000';
const TIME = 'a UTC time like 2022-06-06T10:00:00.123456';
const PPI = 'a JSON list of packet times, directions, sizes (and push flags), each PPI_LEN long';
const COUNTS = 'a JSON list of 8 counts';
const NO_TIME = 'not a time like 2022-06-06T10:00:00.123456';
const ppi = (...lists: number[][]): string => JSON.stringify(lists);
const THREE = [0, 1, 2];
const DIRECTIONS = [1, -1, 1];

/** What is wrong, the one value that is, the reason, and what was expected; the rest of the row is good. */
const VALUES: readonly [
  what: string,
  column: string,
  value: string,
  reason: string,
  expected: string,
][] = [
  [
    'a count with a fraction',
    'BYTES',
    '1.5',
    'the character "."',
    `${COUNT}, at most 1125899906842624`,
  ],
  [
    'a count with an exponent',
    'PACKETS',
    '1e3',
    'the character "e"',
    `${COUNT}, at most 1125899906842624`,
  ],
  ['a negative count', 'PACKETS', '-3', 'the character "-"', `${COUNT}, at most 1125899906842624`],
  [
    'a count with a plus',
    'BYTES_REV',
    '+3',
    'the character "+"',
    `${COUNT}, at most 1125899906842624`,
  ],
  ['a hexadecimal count', 'DST_PORT', '0x1F', 'the character "x"', `${COUNT}, at most 65535`],
  ['a count with a space', 'PROTOCOL', ' 6', 'the character " "', `${COUNT}, at most 255`],
  [
    'a count beyond 64 bits',
    'BYTES',
    '9'.repeat(25),
    'not a count',
    `${COUNT}, at most 1125899906842624`,
  ],
  [
    'the largest 64-bit count',
    'BYTES',
    '9223372036854775807',
    'greater than 1125899906842624',
    `${COUNT}, at most 1125899906842624`,
  ],
  [
    'more packets than any flow',
    'PACKETS_REV',
    String(2 ** 50 + 1),
    'greater than 1125899906842624',
    `${COUNT}, at most 1125899906842624`,
  ],
  ['no count', 'PACKETS_REV', '', 'not a count', `${COUNT}, at most 1125899906842624`],
  ['a count of NaN', 'PACKETS', 'NaN', 'the character "N"', `${COUNT}, at most 1125899906842624`],
  [
    'a network over 32 bits',
    'DST_ASN',
    '4294967296',
    'greater than 4294967295',
    `${COUNT}, at most 4294967295`,
  ],
  ['a port over 65535', 'DST_PORT', '65536', 'greater than 65535', `${COUNT}, at most 65535`],
  ['a protocol over 255', 'PROTOCOL', '256', 'greater than 255', `${COUNT}, at most 255`],
  ['a protocol beyond 16 bits', 'PROTOCOL', '40000', 'not a count', `${COUNT}, at most 255`],
  [
    'too many round trips',
    'PPI_ROUNDTRIPS',
    '65536',
    'greater than 65535',
    `${COUNT}, at most 65535`,
  ],
  ['a negative duration', 'DURATION', '-0.5', 'not a number of seconds', SECONDS],
  ['a duration of NaN', 'DURATION', 'nan', 'the character "n"', SECONDS],
  ['an infinite duration', 'DURATION', 'inf', 'the character "i"', SECONDS],
  ['a duration that overflows', 'DURATION', '1e999', 'greater than 10000000', SECONDS],
  ['a duration of years', 'PPI_DURATION', '1e8', 'greater than 10000000', SECONDS],
  ['no duration', 'PPI_DURATION', '', 'not a number of seconds', SECONDS],
  ['a half exponent', 'DURATION', '1e', 'not a number of seconds', SECONDS],
  ['a day that is not', 'TIME_FIRST', '2022-02-30T00:00:00', NO_TIME, TIME],
  ['a leap day of no leap year', 'TIME_FIRST', '2022-02-29T00:00:00', NO_TIME, TIME],
  ['hour 25', 'TIME_LAST', '2022-06-06T25:00:00', NO_TIME, TIME],
  ['second 61', 'TIME_LAST', '2022-06-06T10:00:61', NO_TIME, TIME],
  ['a date without a clock', 'TIME_FIRST', '2022-06-06', NO_TIME, TIME],
  ['seconds since 1970', 'TIME_FIRST', '1654509600', NO_TIME, TIME],
  ['a time with an offset to the west', 'TIME_LAST', '2022-06-06T10:00:00-05:00', NO_TIME, TIME],
  [
    'a time with an offset to the east',
    'TIME_FIRST',
    '2022-06-06T10:00:00+02:00',
    'the character "+"',
    TIME,
  ],
  ['year 0', 'TIME_FIRST', '0000-01-01T00:00:00', NO_TIME, TIME],
  ['no time', 'TIME_LAST', '', NO_TIME, TIME],
  ['a flag of 2', 'FLAG_SYN', '2', 'not 0, 1, true or false', '0 or 1'],
  ['a flag that is no word', 'FLAG_SYN', 'flase', 'not 0, 1, true or false', '0 or 1'],
  ['no flag', 'FLOW_ENDREASON_END', '', 'not 0, 1, true or false', '0 or 1'],
  ['no application', 'APP', '', 'no value', 'a name of 1 to 240 bytes, percent-encoded'],
  [
    'an application too long for a folder',
    'APP',
    'ž'.repeat(41),
    'a name longer than a folder name can be',
    'a name of 1 to 240 bytes, percent-encoded',
  ],
  ['no category', 'CATEGORY', '', 'no value', 'a name'],
  ['a NUL byte', 'TLS_SNI', 'a\0b', 'the character "\\u0000"', 'text of printable characters'],
  ['a tab', 'SRC_IP', '10.0.0.1\t', 'the character "\\t"', 'text of printable characters'],
  ['no PPI', 'PPI', '', 'not JSON of 3 or 4 lists of whole numbers', PPI],
  ['two lists', 'PPI', ppi(THREE, DIRECTIONS), 'not JSON of 3 or 4 lists of whole numbers', PPI],
  [
    'five lists',
    'PPI',
    ppi(THREE, DIRECTIONS, THREE, DIRECTIONS, THREE),
    'not JSON of 3 or 4 lists of whole numbers',
    PPI,
  ],
  ['a flat PPI', 'PPI', '[1, 2, 3]', 'not 1 to 30 packets', PPI],
  [
    'a PPI that is cut',
    'PPI',
    '[[0, 1, 2], [1, -1',
    'not JSON of 3 or 4 lists of whole numbers',
    PPI,
  ],
  [
    'a packet time over 32 bits',
    'PPI',
    '[[0, 1, 4294967296], [1, -1, 1], [9, 9, 9]]',
    'a packet time that is no count of ms',
    PPI,
  ],
  [
    'a packet time with a fraction',
    'PPI',
    '[[0, 1.5, 2], [1, -1, 1], [9, 9, 9]]',
    'the character "."',
    PPI,
  ],
  [
    'a packet time of null',
    'PPI',
    '[[0, null, 2], [1, -1, 1], [9, 9, 9]]',
    'the character "n"',
    PPI,
  ],
  [
    'a negative packet time',
    'PPI',
    ppi([0, -1, 2], DIRECTIONS, THREE),
    'a packet time that is no count of ms',
    PPI,
  ],
  [
    'a negative packet size',
    'PPI',
    ppi(THREE, DIRECTIONS, [9, -9, 9]),
    'a packet size that is no count of bytes',
    PPI,
  ],
  ['a direction of 0', 'PPI', ppi(THREE, [1, 0, 1], THREE), 'a direction other than 1 and -1', PPI],
  ['a direction of 2', 'PPI', ppi(THREE, [1, 2, 1], THREE), 'a direction other than 1 and -1', PPI],
  [
    'a push flag of 2',
    'PPI',
    ppi(THREE, DIRECTIONS, THREE, [0, 2, 0]),
    'a push flag other than 0 and 1',
    PPI,
  ],
  [
    'lists of different length',
    'PPI',
    ppi(THREE, [1, -1], THREE),
    'lists of different length',
    PPI,
  ],
  [
    'push flags of another length',
    'PPI',
    ppi(THREE, DIRECTIONS, THREE, [0]),
    'lists of different length',
    PPI,
  ],
  ['a PPI of no packet', 'PPI', '[[], [], []]', 'not 1 to 30 packets', PPI],
  [
    '31 packets',
    'PPI',
    ppi(...Array<number[]>(3).fill(Array<number>(31).fill(1))),
    'not 1 to 30 packets',
    PPI,
  ],
  ['lists shorter than PPI_LEN', 'PPI', ppi([0], [1], [9]), 'a length other than PPI_LEN', PPI],
  ['PPI_LEN over 30', 'PPI_LEN', '31', 'greater than 30', `${COUNT}, at most 30`],
  ['7 bins', 'PHIST_DST_IPT', '[1,2,3,4,5,6,7]', 'not a list of 8 counts', COUNTS],
  ['9 bins', 'PHIST_SRC_IPT', '[1,2,3,4,5,6,7,8,9]', 'not a list of 8 counts', COUNTS],
  ['a negative bin', 'PHIST_SRC_SIZES', '[0,-1,0,0,0,0,0,0]', 'the character "-"', COUNTS],
  [
    'a bin over 32 bits',
    'PHIST_DST_SIZES',
    '[0,4294967296,0,0,0,0,0,0]',
    'not a list of 8 counts',
    COUNTS,
  ],
  ['no bins', 'PHIST_DST_SIZES', '', 'not a list of 8 counts', COUNTS],
];

/** What may look wrong and is stored. */
const STORED: readonly [what: string, values: Record<string, string>][] = [
  ['1970', { TIME_FIRST: '1970-01-01T00:00:00' }],
  ['1999-W52 in 2000', { TIME_FIRST: '2000-01-01T23:59:59.999999' }],
  ['a leap day', { TIME_FIRST: '2024-02-29T12:00:00' }],
  ['ISO week 53', { TIME_FIRST: '2020-12-31T00:00:00' }],
  ['after 2038', { TIME_FIRST: '2038-01-19T03:14:08' }],
  ['a time with Z', { TIME_FIRST: '2022-06-06T10:00:00Z' }],
  ['a time with a space', { TIME_FIRST: '2022-06-06 10:00:00.5' }],
  ['a time that ends before it begins', { TIME_LAST: '2022-06-06T09:00:00' }],
  ['seconds with an exponent', { DURATION: '1.5e-3' }],
  ['leading zeros', { BYTES: '007' }],
  ['an ID that another row has', { ID: '1' }],
  ['no ID', { ID: '' }],
  ['a server name of 300 characters', { TLS_SNI: 'a'.repeat(300) }],
  ['a server name that is not ASCII', { TLS_SNI: 'žluťoučký.example' }],
  ['no server name', { TLS_SNI: ' ' }],
  ['flags as words', { FLAG_SYN: 'True', FLAG_ACK: 'FALSE' }],
  ['spaces in lists', { PHIST_SRC_IPT: '[ 1 , 1,0,0,0,0,0,0 ]' }],
  ['no push flags, as in QUIC', { PPI: ppi(THREE, DIRECTIONS, THREE) }],
];

const [HEADER = '', GOOD = ''] = flowCsv([aFlow()]).split('\n');

/** Text of one row, between two good ones. */
const ROWS: readonly [what: string, row: string | Buffer, fault: Partial<Fault>][] = [
  ['too few values', GOOD.slice(0, GOOD.lastIndexOf(',"')), { found: '44 values, expected 45' }],
  ['too many values', `${GOOD},1`, { found: 'more than 45 values, expected 45' }],
  ['one word', 'total', { column: 'ID', found: '"total": the character "t"' }],
  ['the header again', HEADER, { column: 'ID', found: '"ID": the character "I"' }],
  [
    'lists without quotes',
    GOOD.replaceAll('"', ''),
    { column: 'PHIST_DST_IPT', found: '" -1": the character "-"' },
  ],
  [
    'a quote inside a value',
    GOOD.replace('some-src_ip', 'a"b'),
    { column: 'SRC_IP', found: '"a\\"b": a quote inside an unquoted value' },
  ],
  ['text after a closing quote', GOOD.replace('some-src_ip', '"a"b'), { column: 'SRC_IP' }],
  ['a quote that is never closed', GOOD.replace('some-src_ip', '"a'), { column: 'SRC_IP' }],
  [
    'a line cut within quotes',
    GOOD.slice(0, -10),
    { column: 'PHIST_DST_IPT', found: '"[1, 0, 0, 0, 0,": a quote that is never closed' },
  ],
  ['doubled quotes in a list', GOOD.replace('[[0', '""[[0'), { column: 'PPI' }],
  ['semicolons for commas', GOOD.replaceAll(',', ';'), { column: 'ID' }],
  [
    'bytes that are not UTF-8',
    Buffer.from(GOOD.replace('www', 'w\xffw'), 'latin1'),
    { found: 'bytes that are not UTF-8' },
  ],
  ['UTF-16', Buffer.from(GOOD, 'utf16le'), {}],
  [
    'a row of more than 1 MiB',
    GOOD.replace('www', 'w'.repeat(1 << 20)),
    { found: 'a row of more than 1048576 bytes' },
  ],
];

/** What is in a file as a whole: rows stored and rejected, or the fault that names it. */
const XZ = readFileSync(path.join(REAL_FLOWS, 'ndpi-tls.csv.xz'));
const GZ = gzipSync(flowCsv([aFlow(), aFlow({ BYTES: 'x' })]));
const flipped = (bytes: Buffer, at: number): Buffer =>
  Buffer.from(bytes.map((byte, index) => (index === at ? byte ^ 0xff : byte)));
const without = (name: string): string =>
  flowCsv(
    [aFlow()],
    NAMES.filter((other) => other !== name),
  );
const CSV = flowCsv([aFlow()]);
const NO_FLOW_FILE = 'its first line is not the header of a flow file';

const FILES: readonly [
  what: string,
  name: string,
  content: string | Buffer,
  result: { stored: number; rejected: number } | Partial<Fault> | { ignored: string },
][] = [
  ['no byte', 'f.csv', '', { code: 'FLOW_FILE_EMPTY', found: 'a file of 0 bytes' }],
  ['only a header', 'f.csv', flowCsv([]), { stored: 0, rejected: 0 }],
  ['a header without a line end', 'f.csv', HEADER, { stored: 0, rejected: 0 }],
  ['no header', 'f.csv', `${GOOD}\n${GOOD}\n`, { ignored: NO_FLOW_FILE }],
  ['only line ends', 'f.csv', '\n\n\n', { ignored: NO_FLOW_FILE }],
  ['a byte-order mark', 'f.csv', `\uFEFF${CSV}`, { stored: 1, rejected: 0 }],
  ['CRLF', 'f.csv', CSV.replaceAll('\n', '\r\n'), { stored: 1, rejected: 0 }],
  ['bare CR', 'f.csv', CSV.replaceAll('\n', '\r'), { code: 'FLOW_HEADER_INVALID' }],
  ['no line end at the end', 'f.csv', CSV.trimEnd(), { stored: 1, rejected: 0 }],
  ['empty lines', 'f.csv', CSV.replaceAll('\n', '\n\n'), { stored: 1, rejected: 0 }],
  [
    'a header in lower case',
    'f.csv',
    `${HEADER.toLowerCase()}\n${GOOD}\n`,
    { stored: 1, rejected: 0 },
  ],
  [
    'a quoted header',
    'f.csv',
    `${NAMES.map((name) => `"${name}"`).join()}\n${GOOD}\n`,
    { stored: 1, rejected: 0 },
  ],
  [
    'columns in another order',
    'f.csv',
    flowCsv([aFlow()], NAMES.toReversed()),
    { stored: 1, rejected: 0 },
  ],
  [
    'an unknown column',
    'f.csv',
    flowCsv([aFlow()], [...NAMES, 'VLAN']),
    { stored: 1, rejected: 0 },
  ],
  [
    'no column that must be there',
    'f.csv',
    without('BYTES_REV'),
    { code: 'FLOW_HEADER_INVALID', row: 0, found: 'no column BYTES_REV' },
  ],
  ['no column that may be absent', 'f.csv', without('FLAG_SYN'), { stored: 1, rejected: 0 }],
  [
    'a column twice',
    'f.csv',
    flowCsv([aFlow()], [...NAMES, 'BYTES']),
    { code: 'FLOW_HEADER_INVALID', found: 'column BYTES twice' },
  ],
  [
    'two names of one column',
    'f.csv',
    flowCsv([aFlow()], [...NAMES, 'QUIC_SNI']),
    { code: 'FLOW_HEADER_INVALID', found: 'column TLS_SNI twice' },
  ],
  ['a header of semicolons', 'f.csv', CSV.replaceAll(',', ';'), { ignored: NO_FLOW_FILE }],
  ['UTF-16', 'f.csv', Buffer.from(`\uFEFF${CSV}`, 'utf16le'), { ignored: NO_FLOW_FILE }],
  ['JSON', 'f.csv', '{"flows": []}', { ignored: NO_FLOW_FILE }],
  [
    'text named .gz',
    'f.csv.gz',
    CSV,
    { code: 'FLOW_FILE_NOT_COMPRESSED', found: 'a file named .gz that is not gz data' },
  ],
  ['a .gz named .csv', 'f.csv', GZ, { stored: 1, rejected: 1 }],
  ['a .gz named .xz', 'f.csv.xz', GZ, { stored: 1, rejected: 1 }],
  [
    'a .gz that is cut',
    'f.csv.gz',
    GZ.subarray(0, -100),
    { code: 'FLOW_FILE_TRUNCATED', found: 'a .gz file that stops too early' },
  ],
  [
    'a .gz with a wrong checksum',
    'f.csv.gz',
    flipped(GZ, GZ.length - 6),
    { code: 'FLOW_FILE_DAMAGED', found: 'broken .gz data (incorrect data check)' },
  ],
  [
    'two .gz in one file',
    'f.csv.gz',
    Buffer.concat([gzipSync(`${HEADER}\n`), gzipSync(`${GOOD}\n`)]),
    { stored: 1, rejected: 0 },
  ],
  [
    'an .xz that is cut',
    'f.csv.xz',
    XZ.subarray(0, 20_000),
    { code: 'FLOW_FILE_TRUNCATED', found: 'an .xz file without its end' },
  ],
  ['an .xz with a wrong byte', 'f.csv.xz', flipped(XZ, 20_000), { code: 'FLOW_FILE_DAMAGED' }],
  [
    'an .xz with padding',
    'f.csv.xz',
    Buffer.concat([XZ, Buffer.alloc(4)]),
    { stored: 445, rejected: 0 },
  ],
];

describe('a row', () => {
  const FIX = 'mend the row or leave it: it is kept in the table flows_rejected with its text';

  test('of a bad value is rejected, and its fault tells value, reason and mend', async () => {
    const home = await aHome();
    const flows = VALUES.flatMap(([, column, value]) => [aFlow({ [column]: value }), aFlow()]);
    const file = await home.file('f.csv', flowCsv(flows));
    const faults = await allFaults(home, file, { stored: VALUES.length, rejected: VALUES.length });
    VALUES.forEach(([what, column, value, reason, expected], index) => {
      const shown = value.replaceAll('\0', '\uFFFD').slice(0, 200);
      const found = `${JSON.stringify(shown)}: ${reason}`;
      const place = { file, row: 2 * index + 1, column };
      const fault = { code: 'FLOW_ROW_INVALID', ...place, found, expected, fix: FIX };
      expect(faults[index], what).toEqual(fault);
    });
  });

  test('of broken text is rejected alone', async () => {
    const home = await aHome();
    const lines = ROWS.flatMap(([, row]) => [GOOD, row]);
    const text = lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')]);
    const file = await home.file('f.csv', Buffer.concat([Buffer.from(`${HEADER}\n`), ...text]));
    const faults = await allFaults(home, file, { stored: ROWS.length, rejected: ROWS.length });
    ROWS.forEach(([what, , fault], index) =>
      expect(faults[index], what).toMatchObject({ row: 2 * index + 2, ...fault }),
    );
  });

  test.each(STORED)('of %s is stored', async (_, values) => {
    const home = await aHome();
    const file = await home.file('f.csv', flowCsv([aFlow(values)]));
    expect(await allFaults(home, file, { stored: 1, rejected: 0 })).toEqual([]);
  });
});

test.each(FILES)('a file of %s', async (_, name, content, result) => {
  const home = await aHome();
  const file = await home.file(name, content);
  if ('stored' in result) await allFaults(home, file, result);
  else {
    const { flows, ignored, faults } = await listAndParse(home, file);
    if ('ignored' in result) expect(ignored).toEqual([{ file, reason: result.ignored }]);
    else expect(faults).toMatchObject([{ file, ...result }]);
    expect(flows).toEqual([]);
  }
});

describe('a file and what lies beside it', () => {
  const md5 = createHash('md5').update(CSV).digest('hex');

  test.each([
    ['f.csv.md5', `${md5}  f.csv\n`],
    ['f.csv.md5', md5.toUpperCase()],
    ['f.csv.sha256', createHash('sha256').update(CSV).digest('hex')],
  ])('is used when it has the checksum of %s', async (name, text) => {
    const home = await aHome();
    await home.file(name, text);
    await allFaults(home, await home.file('f.csv', CSV), { stored: 1, rejected: 0 });
  });

  test.each([
    ['f.csv.md5', `${md5.replace(/^./, 'g')}  f.csv\n`, 'no checksum in f.csv.md5'],
    ['f.csv.md5', `${'0'.repeat(32)}  f.csv\n`, `the md5 ${md5}`],
  ])('is refused when %s has another one', async (name, text, found) => {
    const home = await aHome();
    await home.file(name, text);
    const file = await home.file('f.csv', CSV);
    expect((await listSources([home.root])).faults).toMatchObject([
      { code: 'FLOW_FILE_CHECKSUM', file, found },
    ]);
  });

  test('is refused when it changes after it was listed', async () => {
    const home = await aHome();
    const file = await home.file('f.csv', CSV);
    const { flows } = await listSources([file]);
    await appendFile(file, `${GOOD}\n`);
    const parsing = parseFlows({ source: flows[0]!, db: home.db, stagingDir: home.staging() }); // it was listed
    await expect(parsing).rejects.toMatchObject({ code: 'FLOW_FILE_CHANGED', fault: { file } });
  });

  test('leaves nothing behind when the disk takes no more, and goes in afterwards', async () => {
    const home = await aHome();
    const flows = Array.from({ length: 2000 }, (_, i) =>
      aFlow({ SRC_IP: `10.0.0.${i}`, BYTES: i }),
    );
    const file = await home.file('f.csv', flowCsv(flows));
    const limit = (bytes: string): void =>
      void execFileSync('/usr/bin/prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`]);
    limit('10000');
    try {
      await expect(ingest(home, file)).rejects.toThrow(/File too large|EFBIG/);
    } finally {
      limit('unlimited');
    }
    expect(await readSnapshot(tableFolder(home.tablesRoot, 'flows'))).toBeUndefined();
    await allFaults(home, file, { stored: 2000, rejected: 0 });
  });
});

/** Every fault of a file that is stored with these counts. */
async function allFaults(
  home: StoreHome,
  file: string,
  { stored, rejected }: { stored: number; rejected: number },
): Promise<Fault[]> {
  const [result] = await ingest(home, file);
  expect(result?.parsed).toMatchObject({
    rowsRead: stored + rejected,
    rowsStored: stored,
    rowsRejected: rejected,
  });
  if (rejected === 0) return [];
  const rows = `SELECT * FROM flows_rejected ORDER BY source_row`;
  expect((await queryTables({ ...home, sql: rows })).rows).toHaveLength(rejected);
  const snapshot = await readSnapshot(tableFolder(home.tablesRoot, 'flows_rejected'));
  if (snapshot === undefined) throw new Error('no table');
  return home.db.session((session) =>
    firstRowFaults(session, scanSnapshot(snapshot), file, rejected),
  );
}

/** What becomes of a file that cannot be used. */
async function listAndParse(home: StoreHome, file: string) {
  const { flows, ignored, faults } = await listSources([file]);
  const [source] = flows;
  if (source === undefined) return { flows, ignored, faults };
  const error = await parseFlows({ source, db: home.db, stagingDir: home.staging() }).catch(
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PipelineError)) throw new Error('the file was parsed');
  return { flows: [], ignored, faults: [error.fault] };
}
