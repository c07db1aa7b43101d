/**
 * Large values by the SHA-256 of their bytes. The same bytes are stored once; what can be read is whole,
 * whoever was killed while it was written. `localBlobStore` keeps them on a disk; another place has to
 * meet the same interface.
 */
import { createHash, randomUUID } from 'node:crypto';
import {
  mkdir,
  open,
  opendir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { brotliCompress, brotliDecompress, constants } from 'node:zlib';
import { PipelineError } from '../contracts/errors.js';
import { ifThere } from '../contracts/if-there.js';

/** One blob as it lies in the store. */
export interface StoredBlob {
  readonly hash: string;
  /** Size in the store, compressed. */
  readonly storedBytes: number;
  /** When it was last put, in ms since 1970 UTC. */
  readonly putMs: number;
}

/** Bytes by their hash: 64 lower-case hex digits. */
export interface BlobStore {
  /** Keeps the bytes and returns their hash; bytes that are there already only count as put again. */
  put(bytes: Uint8Array): Promise<string>;
  /**
   * The bytes of a hash.
   *
   * @throws PipelineError PAYLOAD_MISSING, PAYLOAD_DAMAGED
   */
  get(hash: string): Promise<Uint8Array>;
  /** Every blob, in no order. */
  list(): AsyncIterable<StoredBlob>;
  /** Removes a blob unless it was put at `beforeMs` or later; true when it is gone. */
  removeIfOlder(hash: string, beforeMs: number): Promise<boolean>;
  /** Removes what killed writers and damaged blobs have left before `beforeMs`; how many files. */
  removeLeftovers(beforeMs: number): Promise<number>;
}

const HASH = /^[0-9a-f]{64}$/;
const SUFFIX = '.br';
/** JSON shrinks to a quarter at 200 MB/s; the next levels gain little and take several times as long. */
const COMPRESSION = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

const compress = promisify(brotliCompress);
const decompress = promisify(brotliDecompress);

/** The store in `folder`, which is made with the first blob: `ab/<hash>.br`, and `tmp/` for what is unfinished. */
export function localBlobStore(folder: string): BlobStore {
  const unfinished = join(folder, 'tmp');
  const fileOf = (hash: string): string => join(folder, hash.slice(0, 2), `${hash}${SUFFIX}`);
  /** Puts under way: a value that goes to many tasks at once is compressed and written once. */
  const putting = new Map<string, Promise<string>>();

  async function write(hash: string, bytes: Uint8Array): Promise<string> {
    const file = fileOf(hash);
    if (await touched(file)) return hash;
    const temporary = join(unfinished, randomUUID());
    await mkdir(unfinished, { recursive: true });
    await mkdir(dirname(file), { recursive: true });
    await writeFile(temporary, await compress(bytes, COMPRESSION), { flush: true });
    await rename(temporary, file); // same name, same bytes: replacing is harmless
    await syncFolder(dirname(file));
    return hash;
  }

  return {
    async put(bytes) {
      const hash = await sha256(bytes);
      let put = putting.get(hash);
      if (put === undefined) {
        put = write(hash, bytes).finally(() => putting.delete(hash));
        putting.set(hash, put);
      }
      return put;
    },

    async get(hash) {
      // also keeps a hash that comes from outside from naming another file
      if (!HASH.test(hash)) throw missing(folder, `"${hash}", which is no hash`);
      const file = fileOf(hash);
      const stored = await ifThere(readFile(file));
      if (stored === undefined) throw missing(file, 'no such value');
      const bytes = await decompress(stored).catch(() => undefined); // damaged, as said below
      if (bytes !== undefined && (await sha256(bytes)) === hash) return bytes;
      // out of the way: the next put of the same bytes writes them anew
      await mkdir(unfinished, { recursive: true });
      await ifThere(rename(file, join(unfinished, `${hash}.damaged`)));
      throw damaged(file, stored.length);
    },

    async *list() {
      for (const shard of (await ifThere(readdir(folder))) ?? []) {
        if (!/^[0-9a-f]{2}$/.test(shard)) continue;
        for await (const { name } of await opendir(join(folder, shard))) {
          const hash = name.slice(0, -SUFFIX.length);
          const found = HASH.test(hash) ? await ifThere(stat(fileOf(hash))) : undefined;
          if (found !== undefined) yield { hash, storedBytes: found.size, putMs: found.mtimeMs };
        }
      }
    },

    async removeIfOlder(hash, beforeMs) {
      const aside = join(unfinished, randomUUID());
      const found = await ifThere(stat(fileOf(hash)));
      if (found === undefined || found.mtimeMs >= beforeMs) return false;
      await mkdir(unfinished, { recursive: true });
      await ifThere(rename(fileOf(hash), aside));
      // a put may have found the blob between the look and the rename, and count on it
      const now = await ifThere(stat(aside));
      if (now !== undefined && now.mtimeMs >= beforeMs) {
        await rename(aside, fileOf(hash));
        return false;
      }
      await rm(aside, { force: true });
      return true;
    },

    async removeLeftovers(beforeMs) {
      let removed = 0;
      for (const name of (await ifThere(readdir(unfinished))) ?? []) {
        const file = join(unfinished, name);
        const found = await ifThere(stat(file));
        if (found === undefined || found.mtimeMs >= beforeMs) continue;
        await rm(file, { force: true });
        removed += 1;
      }
      return removed;
    },
  };
}

/** Bytes hashed at a stretch: 50 MB would hold the worker's event loop for 50 ms. */
const STRETCH = 4 * 1024 * 1024;

async function sha256(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256');
  for (let offset = 0; offset < bytes.length; offset += STRETCH) {
    if (offset > 0) await setImmediate();
    hash.update(bytes.subarray(offset, offset + STRETCH));
  }
  return hash.digest('hex');
}

/** Makes an existing file count as put now; false when there is none. */
async function touched(file: string): Promise<boolean> {
  const now = new Date();
  return (await ifThere(utimes(file, now, now).then(() => true))) ?? false;
}

/** A rename lasts once the folder is on disk. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function missing(file: string, found: string): PipelineError {
  return new PipelineError({
    code: 'PAYLOAD_MISSING',
    file,
    found,
    fix: 'restore payloads/ of the home from a backup; workers on several machines need one store for all',
  });
}

function damaged(file: string, storedBytes: number): PipelineError {
  return new PipelineError({
    code: 'PAYLOAD_DAMAGED',
    file,
    found: `${storedBytes} bytes that do not have the hash in their name`,
    expected: 'the bytes that were stored',
    fix: 'restore the file from a backup, or run the task that made the value again; the damaged file lies in payloads/tmp',
  });
}
