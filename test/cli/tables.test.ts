import path from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { protectedVersions } from '../../activities/protected-versions.js';
import { queryCommand } from '../../cli/commands/query.js';
import { tablesCommand } from '../../cli/commands/tables.js';
import { homeLayout } from '../../contracts/home.js';
import { appendRows } from '../../feature-store/append-rows.js';
import { PREDICTIONS, RUNS, TASK_RUNS } from '../../feature-store/engine-tables.js';
import { localBlobStore } from '../../payloads/blob-store.js';
import { shortenJson } from '../../payloads/reference.js';
import { aFlow, aHome, flowCsv, ingest, type StoreHome } from '../feature-store/store-builders.js';
import { runCommand } from './run-command.js';

const tables = (...args: string[]) => runCommand(tablesCommand, ...args, '--json');
let home: StoreHome;

/** Two days of a week, then the first day corrected. */
beforeEach(async () => {
  home = await aHome();
  vi.stubEnv('SENTINEL_HOME', home.root);
  const day = (date: string, bytes: number) =>
    home.file(
      `${date}.csv`,
      flowCsv(
        ['a', 'b'].map((APP) => aFlow({ APP, BYTES: bytes, TIME_FIRST: `2022-${date}T10:00:00` })),
      ),
    );
  for (const [date, bytes] of [
    ['06-06', 1],
    ['06-07', 1],
    ['06-06', 2],
  ] as const)
    await ingest(home, await day(date, bytes));
});

describe('sentinel tables', () => {
  test('list says what there is of each table', async () => {
    expect(await tables('list')).toEqual([
      {
        ...{ name: 'flows', version: 2, rows: 4, files: 4, partitions: 2 },
        bytes: expect.any(Number) as number,
      },
    ]);
    expect(await runCommand(tablesCommand, 'list')).toMatch(/flows +2 +4 +4 /);
  });

  test('show says columns, partitions and properties', async () => {
    expect(await tables('show', 'flows')).toMatchObject({
      path: path.join(home.tablesRoot, 'flows'),
      partitionColumns: ['iso_year', 'iso_week', 'app'],
      properties: {},
    });
    await expect(tables('show', 'nope')).rejects.toMatchObject({ code: 'TABLE_UNKNOWN' });
  });

  test('history says what each version added and removed, newest first', async () => {
    await tables('compact', 'flows');
    const history = (await tables('history', 'flows', '--limit', '3')) as object[];
    expect(history).toMatchObject([
      {
        version: 3,
        operation: 'OPTIMIZE',
        filesAdded: 2,
        filesRemoved: 4,
        rowsAdded: 4,
        rowsRemoved: 4,
      },
      {
        version: 2,
        operation: 'WRITE',
        filesAdded: 2,
        filesRemoved: 2,
        rowsAdded: 2,
        rowsRemoved: 2,
      },
      {
        version: 1,
        operation: 'WRITE',
        filesAdded: 2,
        filesRemoved: 0,
        rowsAdded: 2,
        rowsRemoved: 0,
      },
    ]);
    expect(history[1]).toMatchObject({ info: { source: path.join(home.root, '06-06.csv') } });
  });

  test('compact merges, and in a dry run only counts', async () => {
    const [planned] = ((await tables('compact', '--dry-run')) as { tables: object[] }).tables;
    expect(planned).toMatchObject({ table: 'flows', filesBefore: 4, filesAfter: 2 });
    expect(await tables('list')).toMatchObject([{ version: 2, files: 4 }]);
    await tables('compact');
    expect(await tables('list')).toMatchObject([{ version: 3, files: 2, rows: 4 }]);
  });

  test('vacuum keeps what is younger than the retention, and wants at least a day', async () => {
    expect(await tables('vacuum')).toEqual({
      dryRun: false,
      tables: [
        {
          ...{ table: 'flows', removed: 0, removedBytes: 0, leftovers: 0, kept: 6 },
          keptBytes: expect.any(Number) as number,
        },
      ],
    });
    await expect(tables('vacuum', '--retain-days', '0')).rejects.toMatchObject({
      code: 'CLI_USAGE',
    });
  });
});

describe('sentinel query --as-of', () => {
  const bytesAsOf = (when: string) =>
    runCommand(
      queryCommand,
      'SELECT sum(bytes)::INT AS b FROM flows',
      '--as-of',
      `flows=${when}`,
      '--json',
    );

  test('takes a version, and the time of a version', async () => {
    const history = (await tables('history', 'flows')) as { version: number; time: string }[];
    for (const [version, b] of [2, 4, 6].entries()) {
      expect(await bytesAsOf(String(version))).toEqual([{ b }]);
      const time = history.find((entry) => entry.version === version)?.time ?? '';
      expect(await bytesAsOf(time)).toEqual([{ b }]);
    }
    expect(await bytesAsOf('2999-01-01')).toEqual([{ b: 6 }]);
  });

  test.each(['2022-06-20T00:00:00', '2022-13-01', 'yesterday', ''])(
    'refuses %j, which is no version and no moment',
    async (when) => {
      await expect(bytesAsOf(when)).rejects.toMatchObject({ code: 'CLI_USAGE' });
    },
  );

  test('says when the table is younger', async () => {
    await expect(bytesAsOf('2022-06-20T00:00:00Z')).rejects.toMatchObject({
      code: 'TABLE_VERSION_UNKNOWN',
    });
  });
});

test('versions that closed runs name are protected, wherever in a value they stand', async () => {
  const layout = homeLayout(home.root);
  const append = (schema: typeof RUNS, row: Record<string, string | number>) =>
    appendRows({ ...home, schema, rows: [row], stagingDir: home.staging() });
  const large = {
    note: 'x'.repeat(200_000),
    split: { features: { table: 'flow_features', version: 7 } },
  };
  await append(TASK_RUNS, {
    input: JSON.stringify({ weeks: [{ from: { table: 'flows', version: 1 } }] }),
    output: await shortenJson(localBlobStore(layout.payloads), JSON.stringify(large)),
  });
  await append(RUNS, { params: JSON.stringify({ flows: { table: 'flows', version: 0 } }) });
  await append(PREDICTIONS, { iso_year: 2022, iso_week: 23, features_version: 9 });
  expect(await protectedVersions(layout, undefined)).toEqual(
    new Map([
      ['flows', new Set([0, 1])],
      ['flow_features', new Set([7, 9])],
    ]),
  );
});
