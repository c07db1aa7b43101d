import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { s3Client } from '../../feature-store/delta/s3-client.js';
import { fetchRemoteSources } from '../../feature-store/sources/remote-sources.js';
import { disturb, hasS3Server, startFaultyS3 } from './faulty-s3.js';
import { aFlow, aHome, flowCsv, ingest } from './store-builders.js';

let root = '';
let bucket = '';
let close = async (): Promise<void> => undefined;

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'sentinel-s3-source-'));
  if (hasS3Server) ({ bucket, close } = await startFaultyS3(root));
});
afterAll(async () => {
  await close();
  await rm(root, { recursive: true, force: true });
});

const flowsOf = (...apps: string[]): string => flowCsv(apps.map((APP) => aFlow({ APP })));

async function put(key: string, text: string): Promise<void> {
  const s3 = await s3Client();
  await s3.putObject({ Bucket: bucket.slice('s3://'.length), Key: key, Body: text });
}

const reason = hasS3Server ? '' : ' (skipped: set-up found no Go to build the S3 server)';

test.skipIf(!hasS3Server)(
  `a folder of a bucket is ingested over a bad line, and only changed objects are fetched again${reason}`,
  async () => {
    const home = await aHome();
    await put('flows/2022-06-06/a b.csv', flowsOf('one'));
    await put('flows/c.csv', flowsOf('two', 'three'));
    await put('flows-old/d.csv', flowsOf('four'));
    const reads: string[] = [];
    let faults = 2;
    disturb(({ method, url }) => {
      if (method !== 'GET' || !url.includes('.csv')) return undefined;
      reads.push(url);
      return faults-- > 0 ? 'cut' : undefined;
    });
    const fetch = () => fetchRemoteSources([`${bucket}/flows`], home.root);
    const stored = async (): Promise<number[]> => {
      const results = [];
      for (const file of await fetch()) results.push(...(await ingest(home, file)));
      return results.map(({ parsed }) => parsed.rowsStored);
    };
    expect(await stored()).toEqual([1, 2]);
    expect(reads).toHaveLength(4);

    reads.length = 0;
    await put('flows/c.csv', flowsOf('two', 'three', 'five'));
    expect(await stored()).toEqual([1, 3]);
    expect(reads).toHaveLength(1);
  },
);

test.skipIf(!hasS3Server)(`one object is fetched by its own address${reason}`, async () => {
  const home = await aHome();
  await put('single/a.csv', flowsOf('one'));
  await put('single/a.csv.old', flowsOf('two'));
  const files = await fetchRemoteSources([`${bucket}/single/a.csv`], home.root);
  expect(files.map((file) => path.relative(home.root, file))).toEqual(['s3/tables/single/a.csv']);
});

test.skipIf(!hasS3Server)(`a bucket that is not there is an error${reason}`, async () => {
  const home = await aHome();
  await expect(fetchRemoteSources(['s3://none/flows'], home.root)).rejects.toMatchObject({
    code: 'S3_REJECTED',
  });
});
