import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { unpackMember } from '../../../feature-store/download/unpack-member.js';
import { readZipDirectory } from '../../../feature-store/download/zip-directory.js';
import golden from '../../golden/download.json' with { type: 'json' };

const directory = (archive: Buffer) =>
  readZipDirectory('a.zip', archive.length, (start, length) =>
    Promise.resolve(archive.subarray(start, start + length)),
  );

test.each(Object.entries(golden.archives))(
  '%s: every file is found and unpacked',
  async (_, base64) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'sentinel-zip-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const archive = Buffer.from(base64, 'base64');
    const entries = await directory(archive);
    expect(entries.map(({ name, bytes, crc32 }) => [name, bytes, crc32])).toEqual(
      Object.entries(golden.files).map(([name, { bytes, crc32 }]) => [name, bytes, crc32]),
    );
    for (const entry of entries) {
      const [slice, target] = [path.join(folder, 'slice'), path.join(folder, 'target')];
      await writeFile(slice, archive.subarray(entry.start, entry.end));
      expect(await unpackMember(slice, entry, target)).toBeUndefined();
      const sha256 = createHash('sha256')
        .update(await readFile(target))
        .digest('hex');
      expect([entry.name, { sha256 }]).toMatchObject([
        entry.name,
        { sha256: Object.entries(golden.files).find(([name]) => name === entry.name)?.[1].sha256 },
      ]);
    }
  },
);

test.each(Object.entries(golden.archives))(
  '%s: a flipped byte of a file is noticed',
  async (_, base64) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'sentinel-zip-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const archive = Buffer.from(base64, 'base64');
    const entries = await directory(archive);
    const entry = entries.find(({ name }) => name.endsWith('flows-20220103.csv.xz'));
    if (entry === undefined) throw new Error('the golden archives hold it');
    const slice = Buffer.from(archive.subarray(entry.start, entry.end));
    const middle = slice.length >> 1;
    slice[middle] = (slice[middle] ?? 0) ^ 1;
    await writeFile(path.join(folder, 'slice'), slice);
    expect(
      await unpackMember(path.join(folder, 'slice'), entry, path.join(folder, 'target')),
    ).toMatch(/CRC-32 \w{8} where \w{8} was announced|broken deflate data/);
  },
);

test.each([
  ['text', Buffer.from('<html>not found</html>'), /no end of a ZIP directory/],
  ['a file of no bytes', Buffer.alloc(0), /no end of a ZIP directory/],
  [
    'a path outside of it',
    replaced('CESNET-TLS-Year22/servicemap', 'CESNET-TLS-/../../servicemap'),
    /a path outside/,
  ],
  [
    'fewer entries than announced',
    replaced('PK\u0001\u0002', 'PK\u0001\u0003'),
    /a directory of 0 entries/,
  ],
])('%s is refused', async (_, archive, message) => {
  await expect(directory(archive)).rejects.toMatchObject({
    code: 'DOWNLOAD_ARCHIVE_INVALID',
    message: expect.stringMatching(message) as unknown,
  });
});

function replaced(text: string, by: string): Buffer {
  const archive = Buffer.from(golden.archives.stored, 'base64').toString('latin1');
  return Buffer.from(archive.replaceAll(text, by), 'latin1');
}
