import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  downloadFiles,
  missingFiles,
  type DownloadedFile,
} from '../../../feature-store/download/download-files.js';
import { listRecord, type DataSetFile } from '../../../feature-store/download/record.js';
import golden from '../../golden/download.json' with { type: 'json' };
import {
  cutAfter,
  md5,
  recordServer,
  refuse,
  sendInstead,
  type Mishap,
  type RecordServer,
} from './record-server.js';

const PATIENCE = { baseDelayMs: 1, tries: 4 };
const CONTENT = randomBytes(300_000);

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sentinel-download-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function download(
  server: RecordServer,
  outDir: string,
  keep: (file: DataSetFile) => boolean = () => true,
): Promise<DownloadedFile[]> {
  const files = (await listRecord(server.baseUrl, '1', PATIENCE)).filter(keep);
  return downloadFiles({ files, outDir, ...PATIENCE });
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

const servesFrom = (server: RecordServer) => server.sent.map(({ from }) => from);

describe('a file published as it is', () => {
  test.each<[string, Mishap[], number[]]>([
    ['nothing goes wrong', [], [0]],
    ['the connection is cut twice', [cutAfter(100_000), cutAfter(50_000)], [150_000]],
    ['the server is busy', [refuse(429, { 'retry-after': '0' }), refuse(503)], [0]],
    ['the first answer has other bytes', [sendInstead(randomBytes(300_000))], [0]],
  ])('is there and verified when %s', async (_, mishaps, from) => {
    const server = await recordServer({ 'flows.csv.xz': CONTENT });
    const out = await aFolder();
    server.mishaps.push(...mishaps);
    expect(await download(server, out)).toEqual([
      { path: path.join(out, 'flows.csv.xz'), bytes: 300_000, state: 'fetched' },
    ]);
    expect(CONTENT.equals(await readFile(path.join(out, 'flows.csv.xz')))).toBe(true);
    expect(await filesIn(out)).toEqual(['flows.csv.xz']);
    expect(servesFrom(server)).toEqual(from);
  });

  test('a Retry-After is obeyed, be it seconds or a date', async () => {
    const server = await recordServer({ 'flows.csv.xz': CONTENT });
    const inTwoSeconds = new Date(Date.now() + 2_000).toUTCString();
    server.mishaps.push(
      refuse(429, { 'retry-after': '1' }),
      refuse(503, { 'retry-after': inTwoSeconds }),
    );
    const waits: number[] = [];
    const files = await listRecord(server.baseUrl, '1');
    const onWait = (_: string, waitMs: number): number => waits.push(waitMs);
    await downloadFiles({ files, outDir: await aFolder(), ...PATIENCE, onWait });
    expect(waits[0]).toBe(1000);
    expect(waits[1]).toBeLessThanOrEqual(1000); // one of the two seconds has passed
    expect(waits[1]).toBeGreaterThanOrEqual(0);
  });

  test.each<[string, Mishap[], object]>([
    ['it is not there', [refuse(404)], { code: 'DOWNLOAD_REFUSED' }],
    [
      'the server stays down',
      Array.from({ length: 4 }, () => refuse(503)),
      { code: 'DOWNLOAD_HTTP' },
    ],
    ['it has grown', [sendInstead(randomBytes(300_001))], { code: 'DOWNLOAD_CHANGED' }],
    ['it has shrunk', [sendInstead(randomBytes(299_999))], { code: 'DOWNLOAD_CHANGED' }],
  ])('is an error, without a file of that name, when %s', async (_, mishaps, error) => {
    const server = await recordServer({ 'flows.csv.xz': CONTENT });
    const out = await aFolder();
    server.mishaps.push(...mishaps);
    await expect(download(server, out)).rejects.toMatchObject(error);
    expect((await filesIn(out)).filter((name) => !/\.part(\.json)?$/.test(name))).toEqual([]);
  });

  test('with another MD5 than announced it is fetched once more, then refused', async () => {
    const server = await recordServer({ 'a.csv': CONTENT }, { md5: { 'a.csv': '0'.repeat(32) } });
    const out = await aFolder();
    await expect(download(server, out)).rejects.toMatchObject({
      code: 'DOWNLOAD_DAMAGED',
      fault: {
        file: path.join(out, 'a.csv'),
        found: expect.stringContaining(md5(CONTENT)) as unknown,
      },
    });
    expect(servesFrom(server)).toEqual([0, 0]);
    expect(await filesIn(out)).toEqual([]);
  });

  test.each([
    ['tells entity tags', { etags: true }],
    ['tells none', { etags: false }],
    ['knows no ranges', { ranges: false }],
    ['sends on by redirects', { redirect: true }],
  ])('that changes between two ranges is fetched anew, if the server %s', async (_, options) => {
    const old = randomBytes(300_000);
    const server = await recordServer({ 'flows.csv.xz': old }, options);
    const out = await aFolder();
    server.mishaps.push((response, content, from) => {
      server.files.set('flows.csv.xz', CONTENT);
      response.setHeader('etag', `"${md5(old)}"`);
      return cutAfter(100_000)(response, content, from);
    });
    // the record is that of the new content
    const files = (await listRecord(server.baseUrl, '1')).map((file) => ({
      ...file,
      published: { ...file.published, md5: md5(CONTENT) },
    }));
    await downloadFiles({ files, outDir: out, ...PATIENCE });
    expect(CONTENT.equals(await readFile(path.join(out, 'flows.csv.xz')))).toBe(true);
  });

  test('goes on from the bytes of an earlier process, but never from those of another content', async () => {
    const server = await recordServer({ 'flows.csv.xz': CONTENT });
    const out = await aFolder();
    const part = path.join(out, 'flows.csv.xz.part');
    server.mishaps.push(cutAfter(200_000), ...Array.from({ length: 4 }, () => refuse(500)));
    await expect(download(server, out)).rejects.toMatchObject({ code: 'DOWNLOAD_HTTP' });
    expect((await stat(part)).size).toBe(200_000);
    await download(server, out);
    expect(servesFrom(server)).toEqual([200_000]);

    await rm(path.join(out, 'flows.csv.xz'));
    server.files.set('flows.csv.xz', randomBytes(300_000));
    await writeFile(part, CONTENT.subarray(0, 1000));
    await download(server, out);
    expect(servesFrom(server)).toEqual([200_000, 0]);
  });
});

describe('a week inside of an archive', () => {
  const archives = Object.entries(golden.archives);

  test.each(archives)('%s: only its own stretch is fetched', async (_, base64) => {
    const archive = Buffer.from(base64, 'base64');
    const server = await recordServer({ 'all.zip': archive, 'servicemap.csv': Buffer.from('a,b') });
    const out = await aFolder();
    const files = await download(server, out, ({ week }) => week === '2022-01');
    expect(files.map((file) => path.relative(out, file.path))).toEqual([
      'WEEK-2022-01/2022-01-03/flows-20220103.csv.xz',
      'WEEK-2022-01/2022-01-03/stats-20220103.json',
      'WEEK-2022-01/2022-01-04/flows-20220104.csv.xz',
    ]);
    expect(await filesIn(out)).toEqual(files.map((file) => path.relative(out, file.path)));
    for (const file of files) expect((await stat(file.path)).size).toBe(file.bytes);
  });

  test('each file survives cut connections, and nothing is fetched twice', async () => {
    const archive = Buffer.from(golden.archives.stored, 'base64');
    const server = await recordServer({ 'all.zip': archive });
    const out = await aFolder();
    const files = await listRecord(server.baseUrl, '1');
    server.mishaps.push(cutAfter(10), cutAfter(500), refuse(502));
    await downloadFiles({ files, outDir: out, ...PATIENCE, parallel: 2 });
    expect(await filesIn(out)).toHaveLength(files.length);
    const before = server.sent.length;
    expect(await missingFiles(files, out)).toEqual([]);
    const again = await downloadFiles({ files, outDir: out, ...PATIENCE });
    expect(again.every(({ state }) => state === 'present')).toBe(true);
    expect(server.sent).toHaveLength(before);
  });

  test('is refused from a server that sends whole files only', async () => {
    const archive = Buffer.from(golden.archives.stored, 'base64');
    const server = await recordServer({ 'all.zip': archive }, { ranges: false });
    await expect(listRecord(server.baseUrl, '1', PATIENCE)).rejects.toMatchObject({
      code: 'DOWNLOAD_NO_RANGES',
    });
  });

  test('is refused when the archive has changed since its directory was read', async () => {
    const server = await recordServer({ 'all.zip': Buffer.from(golden.archives.stored, 'base64') });
    const out = await aFolder();
    const [, week] = await listRecord(server.baseUrl, '1');
    server.files.set('all.zip', Buffer.from(golden.archives['stored, ZIP64'], 'base64'));
    await expect(
      downloadFiles({ files: week === undefined ? [] : [week], outDir: out, ...PATIENCE }),
    ).rejects.toMatchObject({ code: 'DOWNLOAD_CHANGED' });
    expect((await filesIn(out)).filter((name) => !/\.part(\.json)?$/.test(name))).toEqual([]);
  });
});

test('files that fail are all listed, and do not keep the others', async () => {
  const server = await recordServer(
    { 'a.csv': CONTENT, 'b.csv': CONTENT, 'c.csv': CONTENT },
    { md5: { 'a.csv': '0'.repeat(32), 'c.csv': '1'.repeat(32) } },
  );
  const out = await aFolder();
  await expect(download(server, out)).rejects.toMatchObject({
    code: 'DOWNLOAD_INCOMPLETE',
    message: expect.stringMatching(
      /2 faults:\nDOWNLOAD_DAMAGED .*[ac]\.csv.*\nDOWNLOAD_DAMAGED/,
    ) as unknown,
  });
  expect(await filesIn(out)).toEqual(['b.csv']);
});

test.each([
  ['no JSON', '<html>', /not valid JSON/],
  ['no files', '{"files": []}', /files/],
  [
    'a file with a path',
    JSON.stringify({ files: [aRecordFile({ key: '../x' })] }),
    /without folders/,
  ],
  [
    'an unknown checksum',
    JSON.stringify({ files: [aRecordFile({ checksum: 'sha1:1' })] }),
    /checksum/,
  ],
])('an answer that is no record is refused: %s', async (_, answer, found) => {
  const { createServer } = await import('node:http');
  const server = createServer((_request, response) => response.end(answer));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number }; // of a TCP server
  await expect(listRecord(`http://127.0.0.1:${port}`, '1')).rejects.toMatchObject({
    code: 'DOWNLOAD_RECORD_INVALID',
    fault: { found: expect.stringMatching(found) as unknown },
  });
});

function aRecordFile(values: object): object {
  const links = { self: 'http://127.0.0.1/x' };
  return { key: 'x.csv', size: 1, checksum: `md5:${'0'.repeat(32)}`, links, ...values };
}
