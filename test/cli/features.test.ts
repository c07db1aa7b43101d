import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { featuresCommand } from '../../cli/commands/features.js';
import { FEATURE_VIEWS } from '../../domain/traffic/feature-views.js';
import {
  aFlow,
  aHome,
  deriveFeatures,
  flowCsv,
  ingest,
  type StoreHome,
} from '../feature-store/store-builders.js';
import { runCommand } from './run-command.js';

const features = (...args: string[]) => runCommand(featuresCommand, ...args);
let home: StoreHome;

/** Three weeks of twenty flows of two applications. */
beforeEach(async () => {
  home = await aHome();
  vi.stubEnv('SENTINEL_HOME', home.root);
  const flows = ['06-06', '06-13', '06-20'].flatMap((day, week) =>
    Array.from({ length: 20 }, (_, i) =>
      aFlow({
        ...{ TIME_FIRST: `2022-${day}T10:00:${10 + i}`, BYTES: 100 * week + i },
        ...{ APP: `app-${i % 2}`, TLS_SNI: `www.site-${i % 5}.org` },
      }),
    ),
  );
  await ingest(home, await home.file('flows.csv', flowCsv(flows)));
  await deriveFeatures(home);
});

const WEEKS = ['--train', '2022-W23..2022-W23', '--test', '2022-W24..2022-W25'];
const exportTo = (dir: string, ...args: string[]) =>
  features('export', 'flow-scaled', ...WEEKS, '--out', path.join(home.root, dir), ...args);

describe('sentinel features list and show', () => {
  test('list says of each view whether a model may use it', async () => {
    const text = await features('list');
    for (const { name } of FEATURE_VIEWS) expect(text).toContain(name);
    expect(text).toMatch(/flow-scaled +\d+ +yes/);
    expect(text).toMatch(/flow-names +2 +no/);
    expect(await features('list', '--json')).toMatchObject(
      FEATURE_VIEWS.map(({ name }) => ({ name, leaks: name === 'flow-names' ? [{}] : [] })),
    );
  });

  test('show tells the features, why one may not be used, and no transformer before an export', async () => {
    const text = await features('show', 'flow-names');
    expect(text).toContain('entity source_sha, source_row; event time time_first');
    expect(text).toMatch(/sni_domain +share of each app, out of fold +FEATURE_LEAKS/);
    expect(await features('show', 'flow-scaled', '--json')).toMatchObject({
      ...{ name: 'flow-scaled', leaks: [], transformers: [] },
    });
  });

  test('show lists the transformers that exports have fitted', async () => {
    const { transformer } = (await exportTo('a', '--json')) as { transformer: string };
    expect(await features('show', 'flow-scaled', '--json')).toMatchObject({
      transformers: [{ hash: transformer, weeks: ['2022-W23'], rows: 20 }],
    });
    expect(await features('show', 'flow-scaled')).toContain(transformer);
    expect(await features('show', 'flow-packets', '--json')).toMatchObject({ transformers: [] });
  });

  test('an unknown view is refused', async () => {
    await expect(features('show', 'nope')).rejects.toMatchObject({ code: 'FEATURE_VIEW_UNKNOWN' });
  });
});

describe('sentinel features export', () => {
  test('writes the parts as Parquet with the record that makes them again', async () => {
    const record = await exportTo('a', '--json');
    expect(record).toMatchObject({
      parts: { train: { rows: 20 }, validate: { rows: 0 }, test: { rows: 40 } },
      features: { table: 'flow_features' },
    });
    const folder = path.join(home.root, 'a');
    expect((await readdir(folder)).sort()).toEqual([
      'test.parquet',
      'train.parquet',
      'training-set.json',
      'validate.parquet',
    ]);
    const [count] = await home.db.rows(`SELECT count(*) AS n FROM '${folder}/test.parquet'`);
    expect(count).toEqual({ n: 40 });
    expect(await exportTo('b')).toMatch(
      /b: flow-scaled of flow_features@\d+, transformer [0-9a-f]{12}/,
    );
  });

  test('the same instant and version give the same record after a later ingest', async () => {
    const asOf = new Date().toISOString();
    const before = (await exportTo('a', '--json', '--as-of', asOf)) as { features: object };
    const late = aFlow({ TIME_FIRST: '2022-06-07T09:00:00', BYTES: 7 });
    await ingest(home, await home.file('late.csv', flowCsv([late])));
    await deriveFeatures(home);
    expect(await exportTo('b', '--json', '--as-of', asOf)).toEqual(before);
    expect(await exportTo('c', '--json')).toMatchObject({ parts: { train: { rows: 21 } } });
    const { version } = before.features as { version: number };
    expect(await exportTo('d', '--json', '--version', String(version))).toMatchObject({
      parts: { train: { rows: 20 } },
    });
  });

  test('a view that shows the answer goes without a label only', async () => {
    const leaky = (dir: string, ...args: string[]) =>
      features('export', 'flow-names', ...WEEKS, '--out', path.join(home.root, dir), ...args);
    await expect(leaky('a')).rejects.toMatchObject({ code: 'FEATURE_LEAKS' });
    expect(await leaky('b', '--label', 'none', '--json')).toMatchObject({
      parts: { train: { rows: 20 } },
    });
  });

  test.each([
    ['--as-of', 'yesterday'],
    ['--version', 'newest'],
    ['--validate', '2022-W30..2022-W20'],
  ])('%s %s is refused', async (option, value) => {
    await expect(exportTo('a', option, value)).rejects.toMatchObject({ code: 'CLI_USAGE' });
  });
});
