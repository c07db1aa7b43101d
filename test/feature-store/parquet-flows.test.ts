import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { quote } from '../../feature-store/duckdb.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { readUnpacked } from '../../feature-store/sources/decompress.js';
import { listSources, peekFirstTime } from '../../feature-store/sources/list-sources.js';
import { RAW_COLUMNS } from '../../feature-store/sources/flow-columns.js';
import {
  aFlow,
  aHome,
  flowCsv,
  ingest,
  PYTHON,
  REAL_FLOWS,
  type StoreHome,
} from './store-builders.js';

const CSV = path.join(REAL_FLOWS, 'ndpi-tls.csv.xz');
const TYPED = RAW_COLUMNS.map(({ name, kind }) => {
  if (kind === 'ppi') return `from_json(${name}, '[["INTEGER"]]') AS ${name}`;
  if (kind === 'histogram') return `from_json(${name}, '["INTEGER"]') AS ${name}`;
  const type = {
    text: 'VARCHAR',
    count: 'UBIGINT',
    flag: 'BOOLEAN',
    decimal: 'DOUBLE',
    time: 'TIMESTAMP',
  }[kind];
  return `${name}::${type} AS ${name}`;
});

/** Columns of `flows` that do not say where a row came from. */
async function valuesOf(home: StoreHome): Promise<string[]> {
  const sql = 'SELECT * EXCLUDE (source_file, source_sha, source_row) FROM flows ORDER BY ALL';
  return (await queryTables({ ...home, sql })).rows.map((row) => JSON.stringify(row));
}

/** Writes text flows to Parquet; `select` says how. */
async function parquetOf(
  home: StoreHome,
  csv: string,
  name: string,
  select = '*',
): Promise<string> {
  const file = path.join(home.root, name);
  await mkdir(path.dirname(file), { recursive: true });
  await home.db.rows(
    `COPY (SELECT ${select} FROM read_csv(${quote(csv)}, all_varchar = true)) TO ${quote(file)} (FORMAT parquet)`,
  );
  return file;
}

async function plainCsv(home: StoreHome): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const { bytes } of readUnpacked(CSV, 'xz')) chunks.push(bytes);
  return home.file('real.csv', Buffer.concat(chunks));
}

test.each([
  ['all columns as text', '*'],
  ['columns of their own types', TYPED.join(', ')],
])('Parquet with %s gives the rows that the CSV gives', async (_, select) => {
  const [csvHome, home] = [await aHome(), await aHome()];
  await ingest(csvHome, CSV);
  const csv = await plainCsv(csvHome);
  const file = await parquetOf(home, csv, 'in [1]*/real.parquet', select);
  const [result] = await ingest(home, path.dirname(file));
  expect(result?.parsed).toMatchObject({
    rowsRead: 445,
    rowsStored: 445,
    rowsRejected: 0,
    faults: [],
  });
  expect(await valuesOf(home)).toEqual(await valuesOf(csvHome));
  expect(await peekFirstTime({ path: file, compression: 'parquet' })).toEqual(
    await peekFirstTime({ path: CSV, compression: 'xz' }),
  );
});

test('our own table `flows` of another home can be imported, its newest version only', async () => {
  const [first, second] = [await aHome(), await aHome()];
  const input = path.join(first.root, 'in');
  await mkdir(input);
  await writeFile(path.join(input, 'a.csv'), flowCsv([aFlow({ APP: 'old' })]));
  await ingest(first, input);
  await writeFile(
    path.join(input, 'a.csv'),
    flowCsv([aFlow({ APP: 'a/b=c%' }), aFlow({ APP: 'new' })]),
  );
  await ingest(first, input);
  await ingest(first, CSV);
  const results = await ingest(second, path.join(first.tablesRoot, 'flows'));
  expect(results.every(({ parsed }) => parsed.rowsRejected === 0)).toBe(true);
  expect(await valuesOf(second)).toEqual(await valuesOf(first));
});

test.skipIf(!existsSync(PYTHON))(
  'a Delta table that Python wrote, with deleted rows and partitions, is imported', // skipped without the set-up's Python
  async () => {
    const [csvHome, home] = [await aHome(), await aHome()];
    await ingest(csvHome, CSV);
    const csv = await plainCsv(csvHome);
    const table = path.join(home.root, 'exported');
    const script = `
import sys, pandas as pd, deltalake
flows = pd.read_csv(sys.argv[1], dtype=str, keep_default_na=False)
for name in ("BYTES", "PACKETS", "PPI_LEN", "DST_ASN"):
    flows[name] = flows[name].astype("int64")
flows["TIME_FIRST"] = pd.to_datetime(flows["TIME_FIRST"], format="ISO8601", utc=True)
deltalake.write_deltalake(sys.argv[2], flows.head(20), partition_by=["PROTOCOL"])
deltalake.write_deltalake(sys.argv[2], flows, partition_by=["PROTOCOL"], mode="overwrite")
`;
    execFileSync(PYTHON, ['-c', script, csv, table], { stdio: 'pipe' });
    const results = await ingest(home, table);
    expect(results.map(({ parsed }) => parsed.rowsRejected)).toEqual(results.map(() => 0));
    expect(await valuesOf(home)).toEqual(await valuesOf(csvHome));
  },
);

test.each([
  ['BYTES', "'1.5'", 'BYTES', /^"1.5": not a count$/],
  ['BYTES', '-1::BIGINT', 'BYTES', /^"-1": not a count$/],
  ['PPI_LEN', '31::INTEGER', 'PPI_LEN', /greater than 30$/],
  ['DURATION', "'NaN'::DOUBLE", 'DURATION', /^"nan": not a number of seconds$/],
  ['TIME_FIRST', "'2022-06-06'", 'TIME_FIRST', /^"2022-06-06": not a time like/],
  [
    'PPI',
    "'[[0, 12, 30], [1, -1, 1], [517, 14.6, 80]]'",
    'PPI',
    /14\.6, 80\]\]": not JSON of 3 or 4 lists of whole numbers$/,
  ],
  ['APP', "''", 'APP', /no value$/],
])('a row whose %s is %s is rejected, the others are stored', async (name, sql, column, reason) => {
  const home = await aHome();
  const csv = await home.file('f.csv', flowCsv([aFlow({ ID: 1 }), aFlow({ ID: 2 })]));
  const select = `* REPLACE (CASE WHEN ID = '2' THEN ${sql} ELSE ${name}${sql.split('::')[1] ? `::${sql.split('::')[1]}` : ''} END AS ${name})`;
  const [result] = await ingest(home, await parquetOf(home, csv, 'f.parquet', select));
  expect(result?.parsed).toMatchObject({ rowsRead: 2, rowsStored: 1, rowsRejected: 1 });
  expect(result?.parsed.faults).toMatchObject([
    { row: 2, column, found: expect.stringMatching(reason) as string },
  ]);
});

test('the text of a rejected row is kept as JSON', async () => {
  const home = await aHome();
  const csv = await home.file('f.csv', flowCsv([aFlow({ BYTES: 'many' })]));
  await ingest(home, await parquetOf(home, csv, 'f.parquet'));
  const { rows } = await queryTables({ ...home, sql: 'SELECT raw FROM flows_rejected' });
  expect(JSON.parse(String(rows[0]?.['raw']))).toMatchObject({ BYTES: 'many', APP: 'example' });
});

test('files that cannot be used are faults, and other Parquet files are left alone', async () => {
  const home = await aHome();
  const csv = await home.file('f.txt', flowCsv([aFlow()]));
  const good = await parquetOf(home, csv, 'in/a-good.parquet');
  await parquetOf(home, csv, 'in/b-type.parquet', '* REPLACE ([1.5] AS BYTES)');
  await parquetOf(home, csv, 'in/c-no-app.parquet', '* EXCLUDE (APP)');
  const whole = await readFile(good);
  await home.file('in/d-cut.parquet', whole.subarray(0, (await stat(good)).size - 20));
  await parquetOf(home, csv, 'in/e-other.parquet', '1 AS n');
  await home.file('in/f-text.parquet', 'ID,APP');
  const { flows, ignored, faults } = await listSources([path.join(home.root, 'in')]);
  expect(flows.map((file) => path.basename(file.path))).toEqual(['a-good.parquet']);
  expect(ignored).toMatchObject([{ reason: 'its columns are not those of a flow file' }]);
  expect(faults.map(({ file = '', code, column }) => [path.basename(file), code, column])).toEqual([
    ['b-type.parquet', 'FLOW_HEADER_INVALID', 'BYTES'],
    ['c-no-app.parquet', 'FLOW_HEADER_INVALID', undefined],
    ['d-cut.parquet', 'FLOW_FILE_DAMAGED', undefined],
    ['f-text.parquet', 'FLOW_FILE_NOT_COMPRESSED', undefined],
  ]);
});
