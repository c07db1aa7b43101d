import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkpointIfDue } from '../../feature-store/delta/checkpoint.js';
import { commitTable } from '../../feature-store/delta/commit.js';
import type { TableSchema } from '../../feature-store/delta/schema.js';
import { listFolders, storageOf } from '../../feature-store/delta/storage-of.js';
import type { LocalFile, TableStorage } from '../../feature-store/delta/table-storage.js';
import { stageFiles } from '../../feature-store/delta/stage.js';
import { quote } from '../../feature-store/duckdb.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { commitDerived } from '../../feature-store/derived.js';
import { buildFeatures } from '../../feature-store/features.js';
import { readFlowSet } from '../../feature-store/read-flows.js';
import { staleWeeks } from '../../feature-store/stale-weeks.js';
import { disturb, hasS3Server, startFaultyS3, type S3Fault } from './faulty-s3.js';
import { aFlow, aHome, flowCsv, ingest } from './store-builders.js';

let root = '';
let bucket = '';
let close = async (): Promise<void> => undefined;

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'sentinel-storage-'));
  if (hasS3Server) ({ bucket, close } = await startFaultyS3(root));
});
afterAll(async () => {
  await close();
  await rm(root, { recursive: true, force: true });
});

const places = { disk: () => path.join(root, 'tables'), 'an S3 bucket': () => `${bucket}/home` };

async function aFile(text: string): Promise<LocalFile> {
  const file = path.join(root, randomUUID());
  await writeFile(file, text);
  return { file, path: `kind=a%20b/${path.basename(file)}`, bytes: text.length };
}

async function listData(storage: TableStorage): Promise<string[]> {
  const paths = [];
  for await (const page of storage.listData()) paths.push(...page.map((file) => file.path));
  return paths.sort();
}

describe.each(Object.entries(places))('a table on %s', (name, place) => {
  const skipped = name !== 'disk' && !hasS3Server;
  const reason = skipped ? ' (skipped: set-up found no Go to build the S3 server)' : '';
  const aTable = (): string => `${place()}/${randomUUID()}`;

  test.skipIf(skipped)(`that is not there is empty${reason}`, async () => {
    const storage = storageOf(aTable());
    expect(await storage.listLog()).toEqual([]);
    expect(await listData(storage)).toEqual([]);
    expect(await storage.read('_delta_log/0.json')).toBeUndefined();
    await storage.remove(['nothing.parquet']);
  });

  test.skipIf(skipped)(`gives a log entry to one writer only${reason}`, async () => {
    const storage = storageOf(aTable());
    const entry = '_delta_log/7.json';
    const won = await Promise.all(['a', 'b', 'c', 'd'].map((text) => storage.create(entry, text)));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await storage.read(entry)).toBe('abcd'[won.indexOf(true)]);
  });

  test.skipIf(skipped)(`lists its log from any name on${reason}`, async () => {
    const storage = storageOf(aTable());
    for (const name of ['3', '1', '2']) await storage.create(`_delta_log/${name}.json`, name);
    expect(await storage.listLog()).toEqual(['1.json', '2.json', '3.json']);
    expect(await storage.listLog('1.json')).toEqual(['2.json', '3.json']);
    expect(await listData(storage)).toEqual([]);
  });

  test.skipIf(skipped)(`takes local files over, once or again${reason}`, async () => {
    const table = aTable();
    const storage = storageOf(table);
    const file = await aFile('rows');
    await storage.put([file]);
    expect(existsSync(file.file)).toBe(false);
    await storage.put([file]);
    expect(await storage.read(file.path)).toBe('rows');
    expect(await listData(storage)).toEqual([file.path]);
    expect(await listFolders(place())).toContain(path.basename(table));
    await storage.remove([file.path]);
    const code = 'DELTA_STAGED_MISSING';
    await expect(storage.put([file])).rejects.toMatchObject({ code });
  });

  test.skipIf(skipped)(`is read by SQL at each version, whatever its values${reason}`, async () => {
    const home = await aHome();
    const schema: TableSchema = {
      name: 'things',
      columns: [
        { name: 'kind', type: 'string' },
        { name: 'n', type: 'long' },
      ],
      partitionColumns: ['kind'],
    };
    const tablesRoot = aTable();
    const kinds = ['x=1%', 'a b/ü', `it's`, '#?&+', '..'];
    for (const [n, kind] of kinds.entries()) {
      const adds = await home.db.session((session) =>
        stageFiles({
          ...{ session, schema, orderBy: 'n', stagingDir: home.staging() },
          select: `SELECT '${kind.replaceAll("'", "''")}' AS kind, ${n} AS n`,
        }),
      );
      await commitTable({ table: `${tablesRoot}/things`, schema, adds });
    }
    const query = async (asOf?: Record<string, number>, where = 'true') => {
      const sql = `SELECT kind FROM things WHERE ${where} ORDER BY n`;
      const { rows } = await queryTables({ db: home.db, tablesRoot, sql, ...(asOf && { asOf }) });
      return rows.map((row) => row['kind']);
    };
    expect(await query()).toEqual(kinds);
    expect(await query({ things: 1 })).toEqual(kinds.slice(0, 2));
    await checkpointIfDue(`${tablesRoot}/things`, Date.now(), 1);
    expect(await query()).toEqual(kinds);
    for (const kind of kinds)
      expect(await query({}, `kind = ${quote(kind)} AND n < 9`)).toEqual([kind]);
  });

  test.skipIf(skipped)(`holds a week from its files to what models read${reason}`, async () => {
    const home = { ...(await aHome()), tablesRoot: aTable() };
    const flows = [aFlow({ APP: 'a' }), aFlow({ APP: 'b' }), aFlow({ PPI_LEN: 'x' })];
    const file = await home.file('f.csv', flowCsv(flows));
    await ingest(home, file);
    expect((await ingest(home, file))[0]?.result.kind).toBe('already');
    const weeks = await staleWeeks(home.tablesRoot);
    expect(weeks).toEqual([{ week: '2022-W23', rows: 2 }]);
    const week = { ...home, week: '2022-W23', stagingDir: home.staging() };
    await commitDerived({ tablesRoot: home.tablesRoot, derived: await buildFeatures(week) });
    expect((await readFlowSet(home)).app).toEqual(['a', 'b']);
    expect(await listFolders(home.tablesRoot)).toEqual([
      'flow_features',
      'flows',
      'flows_rejected',
    ]);
  });
});

describe.skipIf(!hasS3Server)(
  'a bucket behind a bad line (skipped where set-up found no Go)',
  () => {
    const aTable = (): TableStorage => storageOf(`${bucket}/${randomUUID()}`);
    /** The first requests of a method meet these faults. */
    const first = (method: string, faults: readonly S3Fault[]): void => {
      const left = [...faults];
      disturb((request) => (request.method === method ? left.shift() : undefined));
    };

    test.each([
      ['whose answer was lost is known by its text', ['lost']],
      ['that was refused is tried again', ['refused', 'refused']],
      ['that was cut off is tried again', ['cut']],
      ['that was lost and refused in turn is made once', ['refused', 'lost', 'lost']],
    ] as const)('a log entry %s', async (_, faults) => {
      const storage = aTable();
      first('PUT', faults);
      expect(await storage.create('_delta_log/0.json', 'mine')).toBe(true);
      expect(await storage.read('_delta_log/0.json')).toBe('mine');
    });

    test('a log entry of another is lost, though the answer was too', async () => {
      const storage = aTable();
      await storage.create('_delta_log/0.json', 'theirs');
      first('PUT', ['lost']);
      expect(await storage.create('_delta_log/0.json', 'mine')).toBe(false);
      expect(await storage.read('_delta_log/0.json')).toBe('theirs');
    });

    test.each(['refused', 'lost', 'cut'] as const)(
      'data survives requests that are %s',
      async (fault) => {
        const storage = aTable();
        const file = await aFile('rows'.repeat(10_000));
        first('PUT', [fault]);
        await storage.put([file]);
        first('GET', [fault, fault]);
        expect(await storage.read(file.path)).toBe('rows'.repeat(10_000));
      },
    );

    test('that stays down is an error that the engine retries', async () => {
      disturb(() => 'refused');
      await expect(aTable().listLog()).rejects.toMatchObject({ code: 'S3_UNREACHABLE' });
    });

    test('that does not exist is an error that stays', async () => {
      const missing = storageOf('s3://no-such-bucket/home/flows');
      await expect(missing.listLog()).rejects.toMatchObject({ code: 'S3_REJECTED' });
      await expect(missing.read('x')).rejects.toMatchObject({ code: 'S3_REJECTED' });
      await expect(missing.create('x', 'y')).rejects.toMatchObject({ code: 'S3_REJECTED' });
    });
  },
);
