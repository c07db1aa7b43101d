import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createDecompressor } from 'lzma-native';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { countRows, readSnapshot } from '../../feature-store/delta/snapshot.js';
import { scanSnapshot } from '../../feature-store/delta/scan.js';
import { findIngested } from '../../feature-store/ingest/commit-parsed.js';
import { parseFlows } from '../../feature-store/ingest/parse-flows.js';
import { listSources } from '../../feature-store/sources/list-sources.js';
import { RAW_COLUMNS } from '../../feature-store/sources/flow-columns.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { weekRows } from '../../feature-store/week-rows.js';
import {
  aFlow,
  aHome,
  EXTENSIONS,
  flowCsv,
  ingest,
  PYTHON,
  REAL_FLOWS,
  type StoreHome,
} from './store-builders.js';

const flowsTable = (home: StoreHome) => path.join(home.tablesRoot, 'flows');

async function liveRows(home: StoreHome): Promise<number> {
  return countRows((await readSnapshot(flowsTable(home)))?.files.values() ?? []);
}

const VALUES = RAW_COLUMNS.map(({ name }) => name.toLowerCase())
  .filter((name) => name !== 'ppi')
  .concat('ppi_ipt_ms', 'ppi_direction', 'ppi_size_bytes', 'ppi_push', 'source_row');

async function valuesOf(home: StoreHome): Promise<unknown[]> {
  const sql = `SELECT ${VALUES.join(', ')} FROM flows ORDER BY source_row`;
  return [...(await queryTables({ ...home, sql })).rows];
}

describe('the real captures', () => {
  test('every row is stored under its ISO week and application', async () => {
    const home = await aHome();
    const results = await ingest(home, REAL_FLOWS);
    expect(
      results.map(({ parsed }) => [path.basename(parsed.sourceFile), parsed.rowsStored]),
    ).toEqual([
      ['ndpi-quic.csv.gz', 62],
      ['ndpi-tls.csv.xz', 445],
      ['ndpi-vpn.csv.gz', 55],
    ]);
    expect(results.every(({ parsed }) => parsed.rowsRejected === 0)).toBe(true);

    const snapshot = await readSnapshot(flowsTable(home));
    const weeks = snapshot === undefined ? [] : weekRows(snapshot);
    expect(weeks).toHaveLength(85);
    expect(weeks.find(({ week }) => week === '1970-W01')?.rows).toBe(8);
    const sql = 'SELECT DISTINCT iso_year, iso_week, app FROM flows';
    expect((await queryTables({ ...home, sql })).rows).toHaveLength(142);
    const turnOfTheYear = await queryTables({
      ...home,
      sql: `SELECT DISTINCT strftime(time_first, '%Y-%m-%d') AS day FROM flows
            WHERE iso_year = 1999 AND iso_week = 52 ORDER BY day`,
    });
    expect(turnOfTheYear.rows).toEqual([{ day: '1999-12-31' }, { day: '2000-01-01' }]);
  });

  test.skipIf(!existsSync(PYTHON))(
    'Python deltalake counts the same (skipped where set-up did not run)',
    async () => {
      const home = await aHome();
      await ingest(home, REAL_FLOWS);
      const program = `
import sys
from deltalake import DeltaTable
t = DeltaTable(sys.argv[1])
frame = t.to_pandas()
print(t.count(), len(frame), frame.groupby(['iso_year', 'iso_week']).ngroups, int(frame['bytes'].sum()))`;
      const counts = execFileSync(PYTHON, ['-c', program, flowsTable(home)], { encoding: 'utf8' });
      const sql = 'SELECT sum(bytes)::BIGINT AS n FROM flows';
      const [sum] = (await queryTables({ ...home, sql })).rows;
      expect(counts.trim()).toBe(`562 562 85 ${String(sum?.['n'])}`);
    },
  );

  test.skipIf(!existsSync(EXTENSIONS))(
    'delta_scan counts the same (skipped where set-up did not run)',
    async () => {
      const home = await aHome();
      await ingest(home, REAL_FLOWS);
      await home.db.loadDelta();
      const columns = `count(*)::INTEGER AS n, sum(bytes)::BIGINT AS bytes,
        count(DISTINCT (iso_year, iso_week, app))::INTEGER AS parts`;
      const [peer] = await home.db.rows(`SELECT ${columns} FROM delta_scan('${flowsTable(home)}')`);
      const [ours] = (await queryTables({ ...home, sql: `SELECT ${columns} FROM flows` })).rows;
      expect(peer).toEqual(ours);
      expect(peer).toMatchObject({ n: 562, parts: 142 });
    },
  );

  test('the same file again changes nothing', async () => {
    const home = await aHome();
    const input = path.join(REAL_FLOWS, 'ndpi-quic.csv.gz');
    const [first] = await ingest(home, input);
    const [again] = await ingest(home, input);
    expect([first?.result.kind, again?.result.kind]).toEqual(['committed', 'already']);
    expect(await liveRows(home)).toBe(62);
    const source = { path: input, sha256: first?.parsed.sourceSha ?? '' };
    expect(await findIngested(home.tablesRoot, source)).toEqual({
      rowsRead: 62,
      rowsStored: 62,
      rowsRejected: 0,
      faults: [],
    });
  });

  test('a .csv holds the same rows as its .xz', async () => {
    const [packed, plain] = [await aHome(), await aHome()];
    const xz = path.join(REAL_FLOWS, 'ndpi-tls.csv.xz');
    const chunks: Buffer[] = [];
    await pipeline(
      Readable.from(readFileSync(xz)),
      createDecompressor(),
      async (source: AsyncIterable<Buffer>) => {
        for await (const chunk of source) chunks.push(chunk);
      },
    );
    await ingest(packed, xz);
    await ingest(plain, await plain.file('ndpi-tls.csv', Buffer.concat(chunks)));
    expect(await valuesOf(plain)).toEqual(await valuesOf(packed));
  });
});

describe('a source that changes', () => {
  test('replaces its own rows, other sources keep theirs, and an earlier content comes back', async () => {
    const home = await aHome();
    const write = (bytes: number) =>
      home.file('a.csv', flowCsv([aFlow({ BYTES: bytes }), aFlow({ BYTES: bytes })]));
    await ingest(home, await home.file('b.csv', flowCsv([aFlow({ BYTES: 7 })])));
    const bytes = async () =>
      (await queryTables({ ...home, sql: 'SELECT bytes FROM flows ORDER BY bytes' })).rows.map(
        (row) => row['bytes'],
      );
    await ingest(home, await write(100));
    expect(await bytes()).toEqual([7, 100, 100]);
    await ingest(home, await write(200));
    expect(await bytes()).toEqual([7, 200, 200]);
    const [back] = await ingest(home, await write(100));
    expect(back?.result.kind).toBe('committed');
    expect(await bytes()).toEqual([7, 100, 100]);
  });

  test('takes its rejected rows along', async () => {
    const home = await aHome();
    const rejected = async () =>
      (await queryTables({ ...home, sql: 'FROM flows_rejected' })).rows.length;
    await ingest(home, await home.file('a.csv', flowCsv([aFlow(), aFlow({ BYTES: 'many' })])));
    expect(await rejected()).toBe(1);
    await ingest(home, await home.file('a.csv', flowCsv([aFlow(), aFlow()])));
    expect(await rejected()).toBe(0);
    expect(await liveRows(home)).toBe(2);
  });
});

describe('columns', () => {
  const names = RAW_COLUMNS.map(({ name }) => name);

  test('may come in any order, in quotes, behind a byte-order mark and with CRLF', async () => {
    const [straight, turned] = [await aHome(), await aHome()];
    const flows = [aFlow({ APP: 'a' }), aFlow({ APP: 'b/ü =%', TLS_SNI: '' })];
    await ingest(straight, await straight.file('f.csv', flowCsv(flows)));
    const reversed = flowCsv(flows, [...names].reverse());
    const quoted = reversed.replace(/^.*/, (line) => `\uFEFF"${line.replaceAll(',', '","')}"`);
    await ingest(turned, await turned.file('f.csv', quoted.replaceAll('\n', '\r\n')));
    const rows = await valuesOf(turned);
    expect(rows).toEqual(await valuesOf(straight));
    expect(rows).toMatchObject([
      { app: 'a', tls_sni: 'www.example.org' },
      { app: 'b/ü =%', tls_sni: 'UNKNOWN' },
    ]);
  });

  test('that are unknown are named, and flags that are missing are 0', async () => {
    const home = await aHome();
    const columns = [...names.filter((name) => !name.startsWith('FLAG_')), 'QUIC_VERSION'];
    const quic = {
      ...aFlow({ PPI: '[[0, 1, 2], [1, -1, 1], [1200, 1200, 80]]' }),
      QUIC_VERSION: '1',
    };
    const [result] = await ingest(home, await home.file('f.csv', flowCsv([quic], columns)));
    expect(result?.parsed).toMatchObject({ rowsStored: 1 });
    expect(await valuesOf(home)).toMatchObject([{ flag_syn: 0, ppi_push: Array(30).fill(0) }]);
  });

  test('PPI becomes four arrays of 30, padded with 0', async () => {
    const home = await aHome();
    await ingest(home, await home.file('f.csv', flowCsv([aFlow()])));
    const pad = Array<number>(27).fill(0);
    expect(await valuesOf(home)).toMatchObject([
      {
        ppi_len: 3,
        ppi_ipt_ms: [0, 12, 30, ...pad],
        ppi_direction: [1, -1, 1, ...pad],
        ppi_size_bytes: [517, 1460, 80, ...pad],
        ppi_push: [1, 0, 1, ...pad],
      },
    ]);
  });
});

describe('rows that do not parse', () => {
  test('are kept with column, value, reason and text, in the week of their file', async () => {
    const home = await aHome();
    const flows = [aFlow({ BYTES: '1.5' }), aFlow(), aFlow({ PPI_LEN: 4 })];
    const [result] = await ingest(home, await home.file('f.csv', flowCsv(flows)));
    expect(result?.parsed).toMatchObject({ rowsRead: 3, rowsStored: 1, rowsRejected: 2 });
    const { rows } = await queryTables({ ...home, sql: 'FROM flows_rejected ORDER BY source_row' });
    const lines = flowCsv(flows).split('\n');
    const week = { iso_year: 2022, iso_week: 23 };
    expect(rows).toMatchObject([
      { ...week, source_row: 1, source_column: 'BYTES', value: '1.5', raw: lines[1] },
      { ...week, source_row: 3, source_column: 'PPI', value: aFlow()['PPI'], raw: lines[3] },
    ]);
  });

  test('are reported the same when the file is found again, wherever it lies', async () => {
    const home = await aHome();
    const flows = Array.from({ length: 50 }, (_, i) => aFlow(i % 2 === 0 ? { BYTES: 'x' } : {}));
    flows[2] = aFlow({ DURATION: '1e999' });
    const [fresh] = await ingest(home, await home.file('f.csv', flowCsv(flows)));
    if (!fresh) throw new Error('no source');
    const { sourceFile, sourceSha, faults, rowsRead, rowsStored, rowsRejected } = fresh.parsed;
    expect(faults).toHaveLength(20);
    expect(faults[1]?.expected).toBe('seconds, such as 0.095, at most 10000000');
    expect(await findIngested(home.tablesRoot, { path: sourceFile, sha256: sourceSha })).toEqual({
      rowsRead,
      rowsStored,
      rowsRejected,
      faults,
    });
    const moved = await findIngested(home.tablesRoot, { path: '/moved.csv', sha256: sourceSha });
    expect(moved?.faults).toEqual(faults.map((fault) => ({ ...fault, file: '/moved.csv' })));
  });

  test('broken lines cost only themselves', async () => {
    const home = await aHome();
    const [head, good] = flowCsv([aFlow()]).split('\n');
    const text = Buffer.concat([
      Buffer.from(`${head}\n${good}\n${good},extra\nshort,row\n"never closed,${good}\n`),
      Buffer.from(`${good?.replace('example', 'ex\x00ample')}\n`),
      Buffer.from(`${good?.replace('example', 'ex\xffample')}\n`, 'latin1'),
      Buffer.from(`${good?.replace('some-src_ip', 'a"b')}\n\n${good}`),
    ]);
    const [result] = await ingest(home, await home.file('f.csv', text));
    expect(result?.parsed).toMatchObject({ rowsRead: 8, rowsStored: 2, rowsRejected: 6 });
    const { rows } = await queryTables({ ...home, sql: 'SELECT source_row FROM flows ORDER BY 1' });
    expect(rows.map((row) => row['source_row'])).toEqual([1, 8]);
  });

  test('a file of bad rows only is filed under week 0 of year 0', async () => {
    const home = await aHome();
    const [result] = await ingest(home, await home.file('f.csv', flowCsv([aFlow({ BYTES: 'x' })])));
    expect(result?.parsed).toMatchObject({ rowsStored: 0, rowsRejected: 1, weeks: [] });
    const { rows } = await queryTables({ ...home, sql: 'FROM flows_rejected' });
    expect(rows).toMatchObject([{ iso_year: 0, iso_week: 0, source_row: 1 }]);
  });

  test('a file cut in the middle gives nothing', async () => {
    const home = await aHome();
    const whole = await readFile(path.join(REAL_FLOWS, 'ndpi-tls.csv.xz'));
    const file = await home.file('cut.csv.xz', whole.subarray(0, 20_000));
    const source = {
      path: file,
      bytes: 20_000,
      compression: 'xz',
      sha256: '0'.repeat(64),
      unknownColumns: [],
    } as const;
    await expect(
      parseFlows({ source, db: home.db, stagingDir: home.staging() }),
    ).rejects.toMatchObject({
      code: 'FLOW_FILE_TRUNCATED',
    });
  });
});

test('many segments store the same rows as one', async () => {
  const home = await aHome();
  const flows = Array.from({ length: 500 }, (_, i) =>
    aFlow({ APP: `app-${i % 7}`, BYTES: i % 50 === 3 ? '?' : i }),
  );
  const { flows: sources } = await listSources([await home.file('f.csv', flowCsv(flows))]);
  const parse = async (segmentBytes: number) => {
    const [source] = sources;
    if (!source) throw new Error('no source');
    const parsed = await parseFlows({
      source,
      db: home.db,
      stagingDir: home.staging(),
      segmentBytes,
    });
    return {
      stored: parsed.rowsStored,
      rejected: parsed.rowsRejected,
      files: parsed.staged.length,
    };
  };
  expect(await parse(1000)).toEqual({ stored: 490, rejected: 10, files: 7 });
  expect(await parse(1 << 25)).toEqual({ stored: 490, rejected: 10, files: 7 });
});

test('ISO weeks are those of the calendar, 1969 to 2100', async () => {
  const golden = JSON.parse(readFileSync('test/golden/iso-week.json', 'utf8')) as {
    cases: [date: string, year: number, week: number, weekday: number][];
  };
  const home = await aHome();
  const flows = golden.cases.map(([date]) => aFlow({ TIME_FIRST: `${date}T23:59:59.999999` }));
  await ingest(home, await home.file('f.csv', flowCsv(flows)));
  const snapshot = await readSnapshot(flowsTable(home));
  if (snapshot === undefined) throw new Error('no table');
  const rows = await home.db.rows<{ y: number; w: number; d: number }>(
    `SELECT iso_year AS y, iso_week AS w, isodow(time_first) AS d FROM (${scanSnapshot(snapshot)}) ORDER BY source_row`,
  );
  expect(rows.map(({ y, w, d }) => [y, w, d])).toEqual(
    golden.cases.map(([, y, w, d]) => [y, w, d]),
  );
});
