import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { generateFlows } from '../../activities/jobs/generate-flows.js';
import { TABULAR_FEATURES } from '../../domain/traffic/features.js';
import { parseFlows } from '../../feature-store/ingest/parse-flows.js';
import { readParsedFlows, type AppFlows, type FlowSet } from '../../feature-store/read-flows.js';
import { DatazooFile } from '../../feature-store/sources/datazoo-hdf5.js';
import { listSources } from '../../feature-store/sources/list-sources.js';
import { aHome } from './store-builders.js';

const SAMPLE = path.join(import.meta.dirname, '../data/datazoo/sample.h5');
const GOLDEN = path.join(import.meta.dirname, '../golden/datazoo-hdf5.json');
const FILTERED = path.join(import.meta.dirname, '../data/datazoo/bzip2.h5');

interface Golden {
  readonly statistics: readonly string[];
  readonly days: Readonly<
    Record<string, { rows: number; app: string[]; ppi: number[][][]; statistics: number[][] }>
  >;
}

const opened: DatazooFile[] = [];
afterEach(() => {
  for (const file of opened.splice(0)) file.close();
});

async function open(file = SAMPLE): Promise<DatazooFile> {
  const datazoo = await DatazooFile.open(file);
  opened.push(datazoo);
  return datazoo;
}

function flowsOf(file: DatazooFile, day: string, request: object = {}): AppFlows[] {
  const found = file.days.find((one) => one.day === day);
  if (!found) throw new Error(`no ${day}`);
  return [...file.flows(found, { features: TABULAR_FEATURES, ...request })];
}

/** Columns that are as they were, by the name that the file has for them. */
const STORED = TABULAR_FEATURES.filter(({ formula }) => formula.kind === 'value');

test('flows are those that DataZoo reads from the same file', async () => {
  const golden = JSON.parse(await readFile(GOLDEN, 'utf8')) as Golden; // our own file
  const file = await open();
  expect(file.days.map(({ day, rows }) => [day.replaceAll('-', ''), rows])).toEqual(
    Object.entries(golden.days).map(([day, { rows }]) => [day, rows]),
  );
  for (const [day, expected] of Object.entries(golden.days)) {
    const date = day.replace(/(....)(..)(..)/, '$1-$2-$3');
    const [flows] = flowsOf(file, date, { features: STORED });
    if (!flows) throw new Error(`no flows of ${day}`);
    const shown = expected.app.length;
    expect(flows.app.slice(0, shown)).toEqual(expected.app);
    for (let i = 0; i < shown; i++) {
      const ppi = [2, 1, 0].map((c) =>
        Array.from({ length: 30 }, (_, t) => flows.ppi[(i * 30 + t) * 3 + c]),
      );
      expect(ppi).toEqual(expected.ppi[i]);
      const row = Object.fromEntries(
        STORED.map(({ name }, f) => [name, flows.tabular[i * STORED.length + f]]),
      );
      const named = golden.statistics.map((name, f) => [
        name.toLowerCase(),
        expected.statistics[i]?.[f],
      ]);
      expect(row).toMatchObject(
        Object.fromEntries(named.filter(([name]) => typeof name === 'string' && name in row)),
      );
      expect(flows.lengths[i]).toBe(row['ppi_len']);
    }
  }
});

test('the same flows as a raw file give the same model input', async () => {
  const home = await aHome();
  const folder = path.join(home.root, 'raw');
  await generateFlows({
    ...{ outDir: folder, seed: 5, weeks: ['2022-W26'], flowsPerWeek: 700, apps: 12 },
    compression: 'none',
  });
  const file = await open();
  for (const source of (await listSources([folder])).flows) {
    const day = path.basename(path.dirname(source.path));
    const parsed = await parseFlows({ source, db: home.db, stagingDir: home.staging() });
    const raw: FlowSet[] = [];
    await readParsedFlows({ db: home.db, parsed, scratchDir: home.staging() }, (flows) => {
      raw.push(flows);
      return Promise.resolve();
    });
    const [expected] = raw;
    const [flows] = flowsOf(file, day);
    if (!expected || !flows) throw new Error(`no flows of ${day}`);
    // raw rows come by time, those of the table as they lie there
    const order = [...expected.sourceRow.keys()].sort(
      (a, b) => (expected.sourceRow[a] ?? 0) - (expected.sourceRow[b] ?? 0),
    );
    const F = TABULAR_FEATURES.length;
    expect(flows.featureNames).toEqual(expected.featureNames);
    order.forEach((from, i) => {
      expect(flows.app[i]).toBe(expected.app[from]);
      expect(flows.lengths[i]).toBe(expected.lengths[from]);
      expect(flows.ppi.subarray(i * 90, (i + 1) * 90)).toEqual(
        expected.ppi.subarray(from * 90, (from + 1) * 90),
      );
      for (let f = 0; f < F; f++)
        expect(flows.tabular[i * F + f]).toBeCloseTo(expected.tabular[from * F + f] ?? NaN, 4);
    });
  }
});

test('batches give the rows once each, and only those that are wanted', async () => {
  const file = await open();
  const [whole] = flowsOf(file, '2022-06-28');
  const batches = flowsOf(file, '2022-06-28', { batchRows: 10 });
  expect(batches.length).toBeGreaterThan(5);
  expect(batches.flatMap(({ app }) => app)).toEqual(whole?.app);
  const even = flowsOf(file, '2022-06-28', {
    batchRows: 10,
    wants: (row: number) => row % 2 === 0,
  });
  expect(even.flatMap(({ app }) => app)).toEqual(whole?.app.filter((_, row) => row % 2 === 0));
});

test.each([
  ['no file', 'INPUT_NOT_FOUND', (file: string) => rm(file)],
  ['a cut file', 'FLOW_FILE_TRUNCATED', cut],
  ['another file', 'FLOW_FILE_DAMAGED', (file: string) => writeFile(file, 'ID,PPI\n')],
])('%s is told as %s', async (_what, code, spoil) => {
  const home = await aHome();
  const file = path.join(home.root, 'spoilt.h5');
  await copyFile(SAMPLE, file);
  await spoil(file);
  await expect(DatazooFile.open(file)).rejects.toMatchObject({ fault: { code, file } });
});

async function cut(file: string): Promise<void> {
  await writeFile(file, (await readFile(SAMPLE)).subarray(0, 100_000));
}

test('a damaged row, a filter that is not there and a missing column are told with their place', async () => {
  const home = await aHome();
  const damaged = path.join(home.root, 'damaged.h5');
  await writeFile(damaged, Buffer.from(await readFile(SAMPLE)).fill(0x55, 20_000, 20_200));
  const file = await open(damaged);
  expect(() => file.days.map(({ day }) => flowsOf(file, day))).toThrow(
    /FLOW_FILE_DAMAGED .*damaged.h5: rows 1 to \d+ of \/flows\/D2022\d{4} cannot be read/,
  );
  const filtered = await open(FILTERED);
  expect(() => flowsOf(filtered, '2022-06-27')).toThrow(/HDF5_FILTER .*bzip2.*ptrepack/);
  const good = await open();
  const unknown = { name: 'ttl', unit: '', formula: { kind: 'value', of: 'ttl' } };
  expect(() => flowsOf(good, '2022-06-27', { features: [unknown] })).toThrow(
    /FLOW_HEADER_INVALID .*column "TTL": \/flows\/D20220627: no column TTL/,
  );
});
