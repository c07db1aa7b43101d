/** A fetched stretch of a ZIP archive becomes the file it holds, verified by size and CRC-32. */
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw, crc32 } from 'node:zlib';
import type { ZipEntry } from './zip-directory.js';

/**
 * Unpacks the one file of a stretch.
 *
 * @param slice local header and packed bytes, as `start` and `end` of the entry cut them out
 * @returns undefined when the file is what the directory says; else what is wrong with it
 */
export async function unpackMember(
  slice: string,
  entry: ZipEntry,
  target: string,
): Promise<string | undefined> {
  const start = await dataStart(slice);
  if (start === undefined) return 'no local header of a ZIP archive';
  let [crc, bytes] = [0, 0];
  const measure = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      crc = crc32(chunk, crc);
      bytes += chunk.length;
      done(undefined, chunk);
    },
  });
  const packed =
    entry.packedBytes === 0
      ? new PassThrough().end()
      : createReadStream(slice, { start, end: start + entry.packedBytes - 1 });
  try {
    const unpack = entry.method === DEFLATED ? createInflateRaw() : new PassThrough();
    await pipeline(packed, unpack, measure, createWriteStream(target, { flush: true }));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // zlib and fs errors carry a code
    if (code?.startsWith('Z_') !== true) throw error;
    return `broken deflate data (${code})`;
  }
  if (bytes !== entry.bytes) return `${bytes} bytes where ${entry.bytes} were announced`;
  return crc === entry.crc32
    ? undefined
    : `CRC-32 ${hex(crc)} where ${hex(entry.crc32)} was announced`;
}

/** The local header repeats name and extra field, the latter with a length of its own. */
async function dataStart(slice: string): Promise<number | undefined> {
  const handle = await open(slice, 'r');
  try {
    const header = Buffer.alloc(30);
    const { bytesRead } = await handle.read(header, 0, 30, 0);
    if (bytesRead < 30 || header.readUInt32LE(0) !== LOCAL_HEADER) return undefined;
    return 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  } finally {
    await handle.close();
  }
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}

const LOCAL_HEADER = 0x04034b50;
const DEFLATED = 8;
