import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { queryCommand } from '../../cli/commands/query.js';
import { aFlow, aHome, flowCsv, ingest, type StoreHome } from '../feature-store/store-builders.js';
import { runCommand } from './run-command.js';

const query = (...args: string[]) => runCommand(queryCommand, ...args);
let home: StoreHome;
const out = (name: string) => path.join(home.root, name);

/** Two flows of one week; the second has no JA3. */
beforeEach(async () => {
  home = await aHome();
  vi.stubEnv('SENTINEL_HOME', home.root);
  const flows = [aFlow({ BYTES: 2 ** 40, APP: 'a, b' }), aFlow({ TLS_JA3: '', APP: 'ü' })];
  await ingest(home, await home.file('f.csv', flowCsv(flows)));
});

const FLOWS = `SELECT app, bytes, time_first, phist_src_sizes, tls_ja3, flag_ack, duration FROM flows ORDER BY source_row`;

describe('sentinel query --format', () => {
  test('json is exact: microseconds, lists, NULL', async () => {
    const rows = await query(FLOWS, '--json');
    expect(rows).toEqual([
      {
        ...{ app: 'a, b', bytes: 2 ** 40, time_first: '2022-06-06T10:00:00.123456Z' },
        ...{ phist_src_sizes: [0, 0, 1, 0, 0, 0, 1, 0], tls_ja3: 'some-tls_ja3' },
        ...{ flag_ack: 1, duration: 0.876544 },
      },
      expect.objectContaining({ app: 'ü', tls_ja3: null }),
    ]);
    expect(JSON.parse(String(await query(FLOWS, '--format', 'json')))).toEqual(rows);
  });

  test.each([
    ['9007199254740991::BIGINT', 9007199254740991],
    ['-9007199254740993::BIGINT', '-9007199254740993'],
    ['sum(9223372036854775807)', '9223372036854775807'],
    ['1.10::DECIMAL(10, 2)', 1.1],
    ['12345678901234567.89::DECIMAL(20, 2)', '12345678901234567.89'],
    ["'nan'::DOUBLE", 'NaN'],
    ["'-inf'::DOUBLE", '-Infinity'],
    ['0.1::DOUBLE', 0.1],
    ["TIMESTAMP '2022-01-01 00:00:00.5'", '2022-01-01T00:00:00.500Z'],
    ["TIMESTAMPTZ '1969-12-31 23:59:59.999999+00'", '1969-12-31T23:59:59.999999Z'],
    ["'infinity'::TIMESTAMPTZ", 'infinity'],
    ["DATE '2022-01-02'", '2022-01-02'],
    ['[1, NULL]', [1, null]],
    ["{'a': {'b': 9007199254740993}}", { a: { b: '9007199254740993' } }],
    ["MAP {'k': 1}", [{ key: 'k', value: 1 }]],
    ['NULL', null],
  ])('json of %s', async (sql, expected) => {
    expect(await query(`SELECT ${sql} AS x`, '--json')).toEqual([{ x: expected }]);
  });

  test('json of no rows is an empty list, and of several statements the rows of the last', async () => {
    expect(await query('FROM flows WHERE false', '--json')).toEqual([]);
    const sql = 'CREATE TEMP TABLE t AS SELECT app FROM flows; SELECT count(*) AS n FROM t';
    expect(await query(sql, '--json')).toEqual([{ n: 2 }]);
  });

  test('csv has a header, quotes what needs it, and leaves NULL empty', async () => {
    const text = await query(
      'SELECT app, bytes, tls_ja3 FROM flows ORDER BY source_row;',
      '--format',
      'csv',
    );
    expect(text).toBe(`app,bytes,tls_ja3\n"a, b",${2 ** 40},some-tls_ja3\nü,1,\n`);
  });

  test('a table shows the same values', async () => {
    expect(await query(FLOWS)).toMatch(/a, b +1099511627776 +2022-06-06T10:00:00.123456Z/);
    expect(await query('SELECT app FROM flows WHERE false', '--format', 'table')).toMatch(/app/);
  });
});

describe('sentinel query --out', () => {
  const parquet = (sql: string, file: string, ...more: string[]) =>
    query(sql, '--format', 'parquet', '--out', file, ...more);

  test('parquet keeps types and lists, and sums as whole numbers', async () => {
    const file = out('a.parquet');
    const sql = 'SELECT *, sum(bytes) OVER () AS total FROM flows ORDER BY source_row -- all';
    expect(await parquet(sql, file)).toBe(`2 rows in ${file}\n`);
    const types = await home.db.rows<{ column_name: string; column_type: string }>(
      `DESCRIBE FROM '${file}'`,
    );
    const typeOf = Object.fromEntries(types.map((row) => [row.column_name, row.column_type]));
    expect(typeOf).toMatchObject({
      ...{ iso_week: 'INTEGER', bytes: 'BIGINT', time_first: 'TIMESTAMP WITH TIME ZONE' },
      ...{ ppi_ipt_ms: 'INTEGER[]', flag_ack: 'SMALLINT', total: 'DECIMAL(38,0)' },
    });
    expect(await home.db.rows(`SELECT total::VARCHAR AS t FROM '${file}'`)).toEqual(
      [0, 1].map(() => ({ t: String(2 ** 40 + 1) })),
    );
    expect((await readdir(home.root)).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  test('json and csv files hold what the terminal would show', async () => {
    for (const format of ['json', 'csv']) {
      const file = out(`a.${format}`);
      await query(FLOWS, '--format', format, '--out', file);
      expect(await readFile(file, 'utf8')).toBe(await query(FLOWS, '--format', format));
    }
    expect(await query(FLOWS, '--json', '--out', out('b.json'))).toEqual({
      out: out('b.json'),
      rows: 2,
    });
  });

  test('a file that is there is replaced with --force only', async () => {
    const file = out('a.parquet');
    await writeFile(file, 'mine');
    await expect(parquet(FLOWS, file)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(await readFile(file, 'utf8')).toBe('mine');
    await parquet(FLOWS, file, '--force');
    expect(await home.db.rows(`SELECT count(*) AS n FROM '${file}'`)).toEqual([{ n: 2 }]);
  });

  test.each([
    ['json', 'STORE_QUERY_FAILED'],
    ['csv', 'QUERY_INVALID'],
    ['parquet', 'QUERY_INVALID'],
  ])(
    'a %s that fails midway leaves no file, and what was there as it was',
    async (format, code) => {
      const sql = `SELECT CASE WHEN i = 200000 THEN error('stop') ELSE i::VARCHAR END AS x FROM range(300000) t(i)`;
      const [fresh, old] = [out(`fresh.${format}`), out(`old.${format}`)];
      await writeFile(old, 'mine');
      const write = (file: string) => query(sql, '--format', format, '--out', file, '--force');
      for (const file of [fresh, old]) await expect(write(file)).rejects.toMatchObject({ code });
      expect(existsSync(fresh)).toBe(false);
      expect(existsSync(`${fresh}.part`)).toBe(false);
      expect(await readFile(old, 'utf8')).toBe('mine');
    },
  );

  test.each([
    [['--format', 'parquet'], 'CLI_USAGE'],
    [['--out', 'x.csv'], 'CLI_USAGE'],
    [['--format', 'csv', '--out', '/no/such/folder/x.csv'], 'OUTPUT_FOLDER_MISSING'],
  ])('%j is refused', async (args, code) => {
    await expect(query('FROM flows', ...args)).rejects.toMatchObject({ code });
  });

  test('a statement that DuckDB refuses is told with its message', async () => {
    for (const args of [['--json'], ['--format', 'csv'], []])
      await expect(query('SELECT nope FROM flows', ...args)).rejects.toMatchObject({
        code: 'QUERY_INVALID',
      });
  });
});
