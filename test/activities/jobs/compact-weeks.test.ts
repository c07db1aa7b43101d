import { expect, test } from 'vitest';
import { compactWeeksJob } from '../../../activities/jobs/compact-weeks.js';
import { homeLayout } from '../../../contracts/home.js';
import { readSnapshot } from '../../../feature-store/delta/snapshot.js';
import { queryTables } from '../../../feature-store/query-tables.js';
import {
  aFlow,
  aHome,
  flowCsv,
  ingest,
  type StoreHome,
} from '../../feature-store/store-builders.js';

/** A file of one flow. */
async function aFile(home: StoreHome, day: string, hour: number): Promise<void> {
  const TIME_FIRST = `2022-${day}T${String(hour).padStart(2, '0')}:00:00`;
  const flow = aFlow({ TIME_FIRST, BYTES: hour });
  await ingest(home, await home.file(`${day}-${hour}.csv`, flowCsv([flow])));
}

async function filesByWeek(home: StoreHome): Promise<Record<string, number>> {
  const snapshot = await readSnapshot(`${home.tablesRoot}/flows`);
  const counts: Record<string, number> = {};
  for (const { partitionValues } of snapshot?.files.values() ?? []) {
    const week = String(partitionValues['iso_week']);
    counts[week] = (counts[week] ?? 0) + 1;
  }
  return counts;
}

const compact = (home: StoreHome, shouldStop = () => false) =>
  compactWeeksJob(
    {},
    {
      ...{ layout: homeLayout(home.root), setupDir: '', threads: 2 },
      ...{ stagingDir: home.staging(), checkpointDir: home.staging() },
      ...{ progress: () => undefined, shouldStop },
    },
  );

test('weeks before the newest are compacted, once', async () => {
  const home = await aHome();
  for (const [day, hours] of [
    ['06-06', [1, 2, 3]],
    ['06-13', [1, 2]],
    ['06-20', [1, 2]],
  ] as const)
    for (const hour of hours) await aFile(home, day, hour);
  const sql = 'SELECT bytes, source_sha FROM flows ORDER BY ALL';
  const before = await queryTables({ ...home, sql });

  expect(await compact(home, () => true)).toMatchObject({ filesBefore: 0 });
  expect(await filesByWeek(home)).toEqual({ 23: 3, 24: 2, 25: 2 });
  expect(await compact(home)).toMatchObject({ filesBefore: 5, filesAfter: 2, skipped: 0 });
  expect(await filesByWeek(home)).toEqual({ 23: 1, 24: 1, 25: 2 });
  expect((await queryTables({ ...home, sql })).rows).toEqual(before.rows);
  expect(await compact(home)).toMatchObject({ version: undefined, filesBefore: 0 });

  await aFile(home, '06-06', 4); // a late file opens its partition again
  expect(await compact(home)).toMatchObject({ filesBefore: 2, filesAfter: 1 });
});

test('the newest week is compacted where it has many files', async () => {
  const home = await aHome();
  for (let hour = 0; hour < 15; hour++) await aFile(home, '06-06', hour);
  expect(await compact(home)).toMatchObject({ filesBefore: 0 });
  await aFile(home, '06-06', 15);
  expect(await compact(home)).toMatchObject({ filesBefore: 16, filesAfter: 1 });
});

test('a home without flows has nothing to compact', async () => {
  expect(await compact(await aHome())).toMatchObject({ filesBefore: 0, filesAfter: 0 });
});
