import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { REAL_FLOWS } from './store-builders.js';

const XZ = readFileSync(path.join(REAL_FLOWS, 'ndpi-tls.csv.xz'));
const flipped = Buffer.from(XZ);
flipped[XZ.length >> 1] = (XZ[XZ.length >> 1] ?? 0) ^ 1;

/** Unpacks as a process does whose PATH is this. */
async function unpacked(bytes: Buffer, searchPath: string): Promise<string> {
  vi.stubEnv('PATH', searchPath);
  vi.resetModules();
  const { unpackXz } = await import('../../feature-store/sources/unpack-xz.js');
  return (await buffer(unpackXz(Readable.from([bytes])))).toString();
}

afterEach(() => vi.unstubAllEnvs());

describe.each([
  ['the tool', process.env['PATH'] ?? ''],
  ['the library', ''],
])('by %s', (_, searchPath) => {
  test('a whole file is unpacked', async () => {
    const text = await unpacked(XZ, searchPath);
    expect(text.split('\n').length).toBeGreaterThan(100);
    expect(text).toMatch(/^\w+(,\w+)+\n/);
  });

  test('a file that stops too early is told', async () => {
    const cut = unpacked(XZ.subarray(0, -5), searchPath);
    await expect(cut).rejects.toMatchObject({ name: 'LZMA_BUF_ERROR' });
  });

  test('a wrong byte is told', async () => {
    await expect(unpacked(flipped, searchPath)).rejects.toMatchObject({ name: 'LZMA_DATA_ERROR' });
  });
});
