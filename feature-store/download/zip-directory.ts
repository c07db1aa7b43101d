/**
 * The directory of a ZIP archive that lies elsewhere: read from its end, without the rest being fetched.
 *
 * Layout after PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16 and 4.5.3; archives beyond 4 GB (ZIP64) too.
 */
import { PipelineError } from '../../contracts/errors.js';

/** A file in an archive. */
export interface ZipEntry {
  /** Path in the archive, with `/`. */
  readonly name: string;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly crc32: number;
  readonly packedBytes: number;
  readonly bytes: number;
  /** Its stretch of the archive, [start, end): local header, packed bytes, perhaps a descriptor. */
  readonly start: number;
  readonly end: number;
}

/** Reads `length` bytes from `start` on. */
export type ReadRange = (start: number, length: number) => Promise<Buffer>;

/**
 * All files of an archive, ordered by where they lie; folders are left out.
 *
 * @param totalBytes of the archive
 * @throws PipelineError DOWNLOAD_ARCHIVE_INVALID when it is no such archive, or names a path outside of itself
 */
export async function readZipDirectory(
  archive: string,
  totalBytes: number,
  read: ReadRange,
): Promise<ZipEntry[]> {
  const tailStart = Math.max(0, totalBytes - MAX_TAIL);
  const tail = await read(tailStart, totalBytes - tailStart);
  const at = endRecord(tail);
  if (at < 0) throw invalid(archive, 'no end of a ZIP directory in its last bytes');
  let [count, size, start] = [
    tail.readUInt16LE(at + 10),
    tail.readUInt32LE(at + 12),
    tail.readUInt32LE(at + 16),
  ];
  if (count === MAX_16 || size === MAX_32 || start === MAX_32) {
    const locator = at - 20;
    if (locator < 0 || tail.readUInt32LE(locator) !== LOCATOR_64)
      throw invalid(archive, 'no ZIP64 locator');
    const record = await read(readUInt64(tail, locator + 8), 56);
    if (record.readUInt32LE(0) !== END_64) throw invalid(archive, 'no ZIP64 end of directory');
    [count, size, start] = [readUInt64(record, 32), readUInt64(record, 40), readUInt64(record, 48)];
  }
  if (start + size > totalBytes) throw invalid(archive, 'a directory that ends behind the archive');
  const entries = parseEntries(archive, await read(start, size), count);
  const ordered = entries.sort((a, b) => a.start - b.start);
  return ordered
    .map((entry, index) => ({ ...entry, end: ordered[index + 1]?.start ?? start }))
    .filter(({ name }) => !name.endsWith('/'));
}

/** Where the end record begins: it is the last thing but a comment, whose length it tells. */
function endRecord(tail: Buffer): number {
  for (let at = tail.length - 22; at >= 0; at -= 1) {
    if (tail.readUInt32LE(at) === END && at + 22 + tail.readUInt16LE(at + 20) === tail.length)
      return at;
  }
  return -1;
}

function parseEntries(archive: string, directory: Buffer, count: number): Omit<ZipEntry, 'end'>[] {
  const entries: Omit<ZipEntry, 'end'>[] = [];
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== ENTRY)
      throw invalid(archive, `a directory of ${index} entries where ${count} were announced`);
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30);
    const name = directory.toString('utf8', at + 46, nameEnd);
    const bits = directory.readUInt16LE(at + 8);
    if (/^\/|\\|:|(^|\/)\.\.(\/|$)/.test(name))
      throw invalid(archive, `a path outside of it: ${name}`);
    if ((bits & 1) === 1) throw invalid(archive, `an encrypted file: ${name}`);
    const method = directory.readUInt16LE(at + 10);
    if (method !== 0 && method !== 8) throw invalid(archive, `packing method ${method} of ${name}`);
    // the ZIP64 field holds, in this order, just those of the three that do not fit
    const large = zip64Values(directory.subarray(nameEnd, extraEnd));
    const [bytes, packedBytes, start] = [24, 20, 42].map((offset) => {
      const value = directory.readUInt32LE(at + offset);
      return value === MAX_32 ? (large.shift() ?? value) : value;
    }) as [number, number, number]; // three in, three out
    entries.push({
      name,
      method,
      crc32: directory.readUInt32LE(at + 16),
      packedBytes,
      bytes,
      start,
    });
    at = extraEnd + directory.readUInt16LE(at + 32);
  }
  return entries;
}

function zip64Values(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== EXTRA_64) continue;
    const count = Math.floor(Math.min(extra.readUInt16LE(at + 2), extra.length - at - 4) / 8);
    return Array.from({ length: count }, (_, index) => readUInt64(extra, at + 4 + index * 8));
  }
  return [];
}

function readUInt64(buffer: Buffer, at: number): number {
  return Number(buffer.readBigUInt64LE(at)); // exact up to 8 PB
}

function invalid(archive: string, found: string): PipelineError {
  return new PipelineError({
    code: 'DOWNLOAD_ARCHIVE_INVALID',
    file: archive,
    found,
    expected: 'a ZIP archive with stored or deflated files',
    fix: 'check --record and --base-url: the data set may be published in another way by now',
  });
}

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const ENTRY = 0x02014b50;
const EXTRA_64 = 1;
const MAX_16 = 0xffff;
const MAX_32 = 0xffffffff;
/** The end record, the longest comment, and the ZIP64 locator. */
const MAX_TAIL = 22 + 0xffff + 20;
