import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, symlink } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import {
  listSources,
  newestFirstTime,
  peekFirstTime,
} from '../../feature-store/sources/list-sources.js';
import { RAW_COLUMNS } from '../../feature-store/sources/flow-columns.js';
import { aFlow, aHome, flowCsv, REAL_FLOWS } from './store-builders.js';

test('flow files are known by their header; everything else is left alone with a reason', async () => {
  const home = await aHome();
  await mkdir(path.join(home.root, 'WEEK-2022-23/2022-06-06'), { recursive: true });
  const flow = await home.file(
    'WEEK-2022-23/2022-06-06/flows-20220606.csv.gz',
    gzipSync(flowCsv([aFlow()])),
  );
  await home.file('WEEK-2022-23/stats-week.json', '{}');
  await home.file('servicemap.csv', 'Tag,Service\na,b\n');
  const { flows, ignored, faults } = await listSources([home.root]);
  expect(flows.map((source) => [source.path, source.compression])).toEqual([[flow, 'gz']]);
  expect(flows[0]?.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(ignored.map(({ file, reason }) => [path.basename(file), reason])).toEqual([
    ['stats-week.json', 'not named .csv, .csv.gz, .csv.xz or .parquet'],
    ['servicemap.csv', 'its first line is not the header of a flow file'],
  ]);
  expect(faults).toEqual([]);
});

test('unusable flow files are faults that say how to mend them', async () => {
  const home = await aHome();
  const xz = await readFile(path.join(REAL_FLOWS, 'ndpi-tls.csv.xz'));
  const gz = await readFile(path.join(REAL_FLOWS, 'ndpi-quic.csv.gz'));
  await home.file('a-text.csv.xz', flowCsv([aFlow()]));
  await home.file('b-cut.csv.xz', xz.subarray(0, 20_000));
  await home.file('c-cut.csv.gz', gz.subarray(0, 3000));
  await home.file('d-empty.csv.xz', '');
  const names = RAW_COLUMNS.map(({ name }) => name);
  await home.file(
    'e-no-ppi.csv',
    flowCsv(
      [aFlow()],
      names.filter((name) => name !== 'PPI'),
    ),
  );
  await home.file('f-twice.csv', flowCsv([aFlow()], [...names, 'BYTES']));
  const { flows, faults } = await listSources([home.root]);
  expect(flows).toEqual([]);
  expect(faults.map(({ code, file }) => [path.basename(file ?? ''), code])).toEqual([
    ['a-text.csv.xz', 'FLOW_FILE_NOT_COMPRESSED'],
    ['b-cut.csv.xz', 'FLOW_FILE_TRUNCATED'],
    ['c-cut.csv.gz', 'FLOW_FILE_TRUNCATED'],
    ['d-empty.csv.xz', 'FLOW_FILE_EMPTY'],
    ['e-no-ppi.csv', 'FLOW_HEADER_INVALID'],
    ['f-twice.csv', 'FLOW_HEADER_INVALID'],
  ]);
  expect(faults.every(({ fix }) => fix.length > 10)).toBe(true);
});

test('what is no readable regular file is named, and nothing waits for it', async () => {
  const home = await aHome();
  const good = await home.file('a-good.csv', flowCsv([aFlow()]));
  await mkdir(path.join(home.root, 'b-folder.csv'));
  await home.file('b-folder.csv/inner.csv', flowCsv([aFlow({ BYTES: 2 })]));
  await symlink('b-folder.csv', path.join(home.root, 'c-linked-folder.csv'));
  await symlink('.', path.join(home.root, 'd-itself'));
  await symlink('nowhere.csv', path.join(home.root, 'e-dangling.csv'));
  await symlink('nowhere', path.join(home.root, 'f-dangling'));
  execFileSync('/usr/bin/mkfifo', [path.join(home.root, 'g-pipe.csv')]);
  await symlink('a-good.csv', path.join(home.root, 'h-linked-file.csv'));

  const { flows, ignored, faults } = await listSources([home.root]);
  expect(flows.map((source) => path.relative(home.root, source.path))).toEqual([
    'a-good.csv',
    'b-folder.csv/inner.csv',
  ]);
  expect(ignored.map(({ file, reason }) => [path.basename(file), reason])).toEqual([
    ['c-linked-folder.csv', 'a link to a folder: links to folders are not followed'],
    ['d-itself', 'a link to a folder: links to folders are not followed'],
    ['f-dangling', 'not named .csv, .csv.gz, .csv.xz or .parquet'],
    ['g-pipe.csv', 'a FIFO, not a file'],
    ['h-linked-file.csv', `same content as ${good}`],
  ]);
  expect(faults.map(({ code, file }) => [path.basename(file ?? ''), code])).toEqual([
    ['e-dangling.csv', 'FLOW_FILE_UNREADABLE'],
  ]);
  expect(await newestFirstTime([home.root])).toEqual(new Date('2022-06-06T10:00:00.123Z'));
  expect(await listSources([path.join(home.root, 'g-pipe.csv')])).toMatchObject({
    flows: [],
    ignored: [{ reason: 'a FIFO, not a file' }],
  });
});

test('files and folders that may not be read are faults, the others are used', async () => {
  const home = await aHome();
  await mkdir(path.join(home.root, 'b-locked'));
  await home.file('b-locked/inner.csv', flowCsv([aFlow()]));
  const good = await home.file('a-good.csv', flowCsv([aFlow()]));
  await chmod(home.root, 0o755);
  await chmod(await home.file('c-locked.csv', flowCsv([aFlow({ BYTES: 3 })])), 0);
  await chmod(path.join(home.root, 'b-locked'), 0);
  withoutRoot();
  const { flows, ignored, faults } = await listSources([home.root]);
  expect(flows.map((source) => source.path)).toEqual([good]);
  expect(ignored).toEqual([]);
  expect(faults).toMatchObject([
    { code: 'FLOW_FILE_UNREADABLE', file: path.join(home.root, 'b-locked') },
    { code: 'FLOW_FILE_UNREADABLE', file: path.join(home.root, 'c-locked.csv') },
  ]);
  expect(faults[1]?.found).toContain('EACCES');
  expect(await newestFirstTime([home.root])).toEqual(new Date('2022-06-06T10:00:00.123Z'));
});

test('of files with the same content the first is used', async () => {
  const home = await aHome();
  const first = await home.file('a.csv', flowCsv([aFlow()]));
  const second = await home.file('b.csv', flowCsv([aFlow()]));
  const { flows, ignored } = await listSources([second, home.root]);
  expect(flows.map((source) => source.path)).toEqual([first]);
  expect(ignored).toEqual([{ file: second, reason: `same content as ${first}` }]);
});

test('a path that is not there is an error', async () => {
  await expect(listSources(['/no/such/folder'])).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' });
});

test('the first time is read from the head of the file, as UTC', async () => {
  const home = await aHome();
  const { flows } = await listSources([
    path.join(REAL_FLOWS, 'ndpi-tls.csv.xz'),
    await home.file('no-fraction.csv', flowCsv([aFlow({ TIME_FIRST: '2022-06-06 10:00:00' })])),
    await home.file('no-rows.csv', flowCsv([])),
  ]);
  const times = await Promise.all(flows.map((flow) => peekFirstTime(flow)));
  const byName = Object.fromEntries(
    flows.map((source, i) => [path.basename(source.path), times[i]?.toISOString()]),
  );
  expect(byName).toEqual({
    'ndpi-tls.csv.xz': '1970-01-01T00:00:34.930Z',
    'no-fraction.csv': '2022-06-06T10:00:00.000Z',
    'no-rows.csv': undefined,
  });
});

/** Root may read everything: for this test the process is someone else. */
function withoutRoot(): void {
  if (process.getuid?.() !== 0) return;
  process.seteuid?.(65_534);
  onTestFinished(() => process.seteuid?.(0));
}
