/** Temporary homes and flow files for the tests of the store; valid by default, a test states what differs. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { aggregateTraffic } from '../../feature-store/aggregate.js';
import { commitDerived } from '../../feature-store/derived.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { buildFeatures } from '../../feature-store/features.js';
import { commitParsed } from '../../feature-store/ingest/commit-parsed.js';
import { parseFlows, type ParsedSource } from '../../feature-store/ingest/parse-flows.js';
import { RAW_COLUMNS } from '../../feature-store/sources/flow-columns.js';
import { staleWeeks } from '../../feature-store/stale-weeks.js';
import { listSources } from '../../feature-store/sources/list-sources.js';
import type { CommitResult } from '../../feature-store/delta/commit.js';

export const REAL_FLOWS = path.resolve('test/data/flows');
export const PYTHON = path.resolve('.cache/setup/venv/bin/python');
export const EXTENSIONS = path.resolve('.cache/setup/duckdb-extensions');

export interface StoreHome {
  readonly root: string;
  readonly tablesRoot: string;
  readonly db: FeatureDb;
  /** A new folder name below the staging folder. */
  staging(): string;
  /** Writes a file below the home and returns its absolute path. */
  file(name: string, content: string | Uint8Array): Promise<string>;
}

export async function aHome(): Promise<StoreHome> {
  const { close, ...home } = await openHome();
  onTestFinished(close);
  return home;
}

/** The same for all tests of a file, which closes it. */
export async function openHome(): Promise<StoreHome & { readonly close: () => Promise<void> }> {
  const root = await mkdtemp(path.join(tmpdir(), 'sentinel-store-'));
  const db = await FeatureDb.open({ threads: 2, extensionDirectory: EXTENSIONS });
  let count = 0;
  return {
    close: async () => {
      db.close();
      await rm(root, { recursive: true, force: true });
    },
    root,
    tablesRoot: path.join(root, 'tables'),
    db,
    staging: () => path.join(root, 'staging', String(count++)),
    file: async (name, content) => {
      const file = path.join(root, name);
      await writeFile(file, content);
      return file;
    },
  };
}

/** Parses and commits every flow file below a path. */
export async function ingest(
  home: StoreHome,
  input: string,
): Promise<{ parsed: ParsedSource; result: CommitResult }[]> {
  const { flows } = await listSources([input]);
  const results = [];
  for (const source of flows) {
    const parsed = await parseFlows({ source, db: home.db, stagingDir: home.staging() });
    const result = await commitParsed({ tablesRoot: home.tablesRoot, parsed });
    results.push({ parsed, result });
  }
  return results;
}

/** The values of one flow by column name. */
export function aFlow(values: Record<string, string | number> = {}): Record<string, string> {
  const defaults = Object.fromEntries(
    RAW_COLUMNS.map(({ name, kind }) => [
      name,
      kind === 'text' ? `some-${name.toLowerCase()}` : '1',
    ]),
  );
  const flow = {
    ...defaults,
    TLS_SNI: 'www.example.org',
    APP: 'example',
    TIME_FIRST: '2022-06-06T10:00:00.123456',
    TIME_LAST: '2022-06-06T10:00:01',
    DURATION: '0.876544',
    PPI_LEN: '3',
    PPI: '[[0, 12, 30], [1, -1, 1], [517, 1460, 80], [1, 0, 1]]',
    PHIST_SRC_SIZES: '[0, 0, 1, 0, 0, 0, 1, 0]',
    PHIST_DST_SIZES: '[0, 0, 0, 0, 0, 0, 0, 1]',
    PHIST_SRC_IPT: '[1, 1, 0, 0, 0, 0, 0, 0]',
    PHIST_DST_IPT: '[1, 0, 0, 0, 0, 0, 0, 0]',
    ...values,
  };
  return Object.fromEntries(Object.entries(flow).map(([name, value]) => [name, String(value)]));
}

/** A flow file; columns in the order of `columns`. */
export function flowCsv(
  flows: readonly Record<string, string>[],
  columns: readonly string[] = RAW_COLUMNS.map(({ name }) => name),
): string {
  const lines = flows.map((flow) => columns.map((name) => csvValue(flow[name] ?? '')).join(','));
  return [columns.join(','), ...lines, ''].join('\n');
}

function csvValue(value: string): string {
  return value.includes(',') ? `"${value}"` : value;
}

/** Builds `flow_features` of the weeks, by default of all that need it. */
export async function deriveFeatures(home: StoreHome, weeks?: readonly string[]): Promise<void> {
  const stale = async () => (await staleWeeks(home.tablesRoot)).map(({ week }) => week);
  for (const week of weeks ?? (await stale())) {
    const derived = await buildFeatures({ ...home, week, stagingDir: home.staging() });
    await commitDerived({ tablesRoot: home.tablesRoot, derived });
  }
}

/** Builds `traffic_hourly` and `traffic_daily` of a week. */
export async function deriveTraffic(home: StoreHome, week: string): Promise<CommitResult[]> {
  const { hourly, daily } = await aggregateTraffic({ ...home, week, stagingDir: home.staging() });
  return [
    await commitDerived({ tablesRoot: home.tablesRoot, derived: hourly }),
    await commitDerived({ tablesRoot: home.tablesRoot, derived: daily }),
  ];
}
