import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { commitTimes, versionAt } from '../../feature-store/delta/commit-times.js';
import { logEntry } from '../../feature-store/delta/snapshot.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { commitThings, thingsFolder } from './delta-things.js';
import { aHome, type StoreHome } from './store-builders.js';

const at = (text: string) => Date.parse(`2022-06-${text}Z`);

/** One commit for each clock time, each adding its number. */
async function committedAt(...times: number[]): Promise<StoreHome> {
  const home = await aHome();
  for (const [n, time] of times.entries()) {
    await commitThings(home, `('a', ${n})`);
    const file = path.join(thingsFolder(home), logEntry(n));
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(/"timestamp":\d+/, `"timestamp":${time}`));
  }
  return home;
}

describe('the version at a time', () => {
  test.each([
    ['20T10:00:00', 0],
    ['20T11:59:59.999', 0],
    ['20T12:00:00', 1],
    ['21T00:00:00', 2],
    ['30T00:00:00', 2],
  ])('%s is %i: the newest committed at or before it', async (time, version) => {
    const home = await committedAt(at('20T10:00:00'), at('20T12:00:00'), at('20T13:00:00'));
    expect(await versionAt(thingsFolder(home), at(time))).toBe(version);
    const asOf = { things: new Date(at(time)) };
    const { rows, versions } = await queryTables({ ...home, sql: 'SELECT n FROM things', asOf });
    expect(rows).toHaveLength(version + 1);
    expect(versions).toEqual({ things: version });
  });

  test('does not exist before the first', async () => {
    const home = await committedAt(at('20T10:00:00'));
    const asOf = { things: new Date(at('20T09:59:59')) };
    await expect(queryTables({ ...home, sql: 'SELECT n FROM things', asOf })).rejects.toMatchObject(
      {
        code: 'TABLE_VERSION_UNKNOWN',
        message: expect.stringContaining('2022-06-20T10:00:00.000Z') as string,
      },
    );
  });

  test('rises with every commit, also when a clock stood still or went back', async () => {
    const [ten, noon] = [at('20T10:00:00'), at('20T12:00:00')];
    const home = await committedAt(ten, noon, noon, ten, noon + 2, noon + 9);
    expect(await commitTimes(thingsFolder(home))).toEqual([
      ten,
      noon,
      noon + 1,
      noon + 2,
      noon + 3,
      noon + 9,
    ]);
    expect(await versionAt(thingsFolder(home), noon)).toBe(1);
  });
});
