import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createHash, randomBytes } from 'node:crypto';
import {
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { installation } from '../../activities/installation.js';
import { localBlobStore, type BlobStore, type StoredBlob } from '../../payloads/blob-store.js';
import { collectPayloads } from '../../payloads/collect.js';

const DAY_MS = 86_400_000;

let folder: string;
let store: BlobStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sentinel-payloads-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  store = localBlobStore(folder);
});

const fileOf = (hash: string): string => join(folder, hash.slice(0, 2), `${hash}.br`);

async function blobs(): Promise<StoredBlob[]> {
  const found: StoredBlob[] = [];
  for await (const blob of store.list()) found.push(blob);
  return found;
}

async function age(hash: string, days: number): Promise<void> {
  const time = new Date(Date.now() - days * DAY_MS);
  await utimes(fileOf(hash), time, time);
}

test.each([0, 1, 200_000])('%i bytes are found again under their SHA-256', async (size) => {
  const bytes = randomBytes(size);
  const hash = await store.put(bytes);
  expect(hash).toBe(createHash('sha256').update(bytes).digest('hex'));
  expect(Buffer.from(await store.get(hash))).toEqual(bytes);
});

test('the same bytes are stored once, also when many put them at the same time', async () => {
  const text = Buffer.from('a value that a hundred tasks get'.repeat(10_000));
  const hashes = await Promise.all(Array.from({ length: 100 }, () => store.put(text)));
  expect(new Set(hashes).size).toBe(1);
  const [blob, ...others] = await blobs();
  expect(others).toEqual([]);
  expect(blob!.storedBytes).toBeLessThan(text.length / 10); // text repeats itself
  expect(await readdir(join(folder, 'tmp'))).toEqual([]);
});

test('to put what is there already makes it young again', async () => {
  const hash = await store.put(Buffer.from('value'));
  await age(hash, 40);
  await store.put(Buffer.from('value'));
  expect((await stat(fileOf(hash))).mtimeMs).toBeGreaterThan(Date.now() - DAY_MS);
});

test.each(['0'.repeat(64), '../../../etc/passwd', ''])(
  'the hash "%s", under which nothing is stored, is missing',
  async (hash) => {
    await expect(store.get(hash)).rejects.toMatchObject({ code: 'PAYLOAD_MISSING' });
  },
);

const DAMAGES: Record<string, (file: string) => Promise<void>> = {
  'cut short': (file) => truncate(file, 10),
  emptied: (file) => truncate(file, 0),
  'overwritten with another value': async (file) => {
    const other = await store.put(Buffer.from('another value'));
    await writeFile(file, await readFile(fileOf(other)));
  },
};

test.each(Object.keys(DAMAGES))(
  'a blob that was %s is refused, and the next put mends it',
  async (damage) => {
    const bytes = randomBytes(1_000);
    const hash = await store.put(bytes);
    await DAMAGES[damage]!(fileOf(hash)); // a key of the table
    await expect(store.get(hash)).rejects.toMatchObject({ code: 'PAYLOAD_DAMAGED' });
    await expect(store.get(hash)).rejects.toMatchObject({ code: 'PAYLOAD_MISSING' });
    await store.put(bytes);
    expect(Buffer.from(await store.get(hash))).toEqual(bytes);
  },
);

test('writers that are killed leave whole blobs only, and leftovers that a collection removes', async () => {
  const program = fileURLToPath(new URL('endless-writer.mjs', import.meta.url));
  const compiled = join(installation.root, 'dist', 'payloads', 'blob-store.js');
  for (let kill = 0; kill < 5; kill += 1) {
    const writer = fork(program, [compiled, folder]);
    await once(writer, 'message');
    writer.kill('SIGKILL');
    await once(writer, 'exit');
  }
  const found = await blobs();
  expect(found.length).toBeGreaterThan(0);
  for (const { hash } of found) expect((await store.get(hash)).length).toBe(1_000_000);
  await store.removeLeftovers(Date.now() + DAY_MS);
  expect(await readdir(join(folder, 'tmp'))).toEqual([]);
});

test('a collection removes what is old and not referred to', async () => {
  const put = async (value: string, days: number): Promise<string> => {
    const hash = await store.put(Buffer.from(value));
    await age(hash, days);
    return hash;
  };
  const young = await put('young', 29);
  const needed = await put('needed', 31);
  await put('old', 31);
  const collection = { beforeMs: Date.now() - 30 * DAY_MS, referenced: new Set([needed]) };
  const counts = { removed: 1, kept: 2, keptForReferences: 1 };

  expect(await collectPayloads(store, { ...collection, dryRun: true })).toMatchObject(counts);
  expect((await blobs()).length).toBe(3);
  expect(await collectPayloads(store, collection)).toMatchObject(counts);
  expect((await blobs()).map(({ hash }) => hash).sort()).toEqual([young, needed].sort());
});

test('a blob that is put again after it was found old stays', async () => {
  const hash = await store.put(Buffer.from('value'));
  await age(hash, 40);
  const [found] = await blobs();
  await store.put(Buffer.from('value'));
  expect(await store.removeIfOlder(hash, found!.putMs + 1)).toBe(false);
  expect(Buffer.from(await store.get(hash)).toString()).toBe('value');
});
