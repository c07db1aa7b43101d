import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { downloadCommand } from '../../cli/commands/download.js';
import { TransferProgress } from '../../cli/transfer-progress.js';
import { recordServer } from '../feature-store/download/record-server.js';
import golden from '../golden/download.json' with { type: 'json' };
import { runCommand } from './run-command.js';

const ARCHIVE = Buffer.from(golden.archives.stored, 'base64');

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sentinel-download-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test.each([
  [['--week', '2022-01'], ['WEEK-2022-01']],
  [['--week', '2022-W01'], ['WEEK-2022-01']],
  [
    ['--weeks', '2022-00..2022-01'],
    ['WEEK-2022-00', 'WEEK-2022-01'],
  ],
  [
    ['--year', '2022'],
    ['WEEK-2022-00', 'WEEK-2022-01', 'WEEK-2022-02'],
  ],
])('%j fetches those weeks, and what belongs to no week', async (weeks, folders) => {
  const server = await recordServer({ 'all.zip': ARCHIVE });
  const out = await aFolder();
  const args = [...weeks, '--out', out, '--base-url', server.baseUrl, '--json'];
  const first = (await runCommand(downloadCommand, ...args)) as { files: { state: string }[] };
  expect((await readdir(out)).sort()).toEqual([...folders, 'servicemap.txt']);
  expect(first.files.every(({ state }) => state === 'fetched')).toBe(true);
  expect(await runCommand(downloadCommand, ...args)).toEqual({
    out,
    files: first.files.map((file) => ({ ...file, state: 'present' })),
  });
});

test('a week that the data set lacks is refused, with those it has', async () => {
  const server = await recordServer({ 'all.zip': ARCHIVE });
  const args = ['--week', '2022-53', '--out', await aFolder(), '--base-url', server.baseUrl];
  await expect(runCommand(downloadCommand, ...args)).rejects.toMatchObject({
    code: 'DOWNLOAD_WEEK_UNKNOWN',
    fault: { found: '2022-53', expected: 'one of 2022-00, 2022-01, 2022-02' },
  });
});

test.each([
  [[]],
  [['--week', '2022-01', '--year', '2022']],
  [['--week', '2022-01..2022-02']],
  [['--week', 'last']],
  [['--weeks', '2022-02..2022-01']],
  [['--year', '22']],
  [['--year', '2022', '--parallel', '0']],
  [['--year', '2022', '--base-url', 'zenodo.org']],
])('%j is bad usage', async (args) => {
  await expect(runCommand(downloadCommand, '--out', '/nowhere', ...args)).rejects.toMatchObject({
    code: 'CLI_USAGE',
  });
});

test('after kill -9 less than a mebibyte is fetched again', async () => {
  const content = randomBytes(6 << 20);
  const server = await recordServer(
    { 'flows.csv': content, 'W-2022-44.txt': Buffer.from('x') },
    {
      bytesPerSecond: 6 << 20,
    },
  );
  const out = await aFolder();
  const start = () =>
    spawn(process.execPath, [
      path.resolve('dist/cli/main.js'),
      ...['download', '--year', '2022', '--out', out, '--base-url', server.baseUrl, '--json'],
    ]);
  const killed = start();
  const part = path.join(out, 'flows.csv.part');
  const sizeOf = (): Promise<number> =>
    stat(part).then(
      ({ size }) => size,
      () => 0,
    );
  while ((await sizeOf()) < 2 << 20) await sleep(20);
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  const stored = await sizeOf();

  const resumed = start();
  expect(await once(resumed, 'exit')).toEqual([0, null]);
  expect(content.equals(await readFile(path.join(out, 'flows.csv')))).toBe(true);
  const [first, second] = server.sent.filter(({ file }) => file === 'flows.csv');
  expect(second?.from).toBe(stored);
  expect((first?.bytes ?? Infinity) - stored).toBeLessThan(1 << 20);
});

test('progress tells share, rate and time left, on a terminal only', () => {
  let [nowMs, shown] = [0, ''];
  const out = { isTTY: true, write: (text: string) => ((shown += text), true) };
  const progress = new TransferProgress(4e9, out, () => nowMs); // the two things that it uses
  progress.add(1e9);
  nowMs = 5_000;
  progress.add(50e6);
  expect(progress.text()).toBe('1.05 of 4.00 GB, 26 %, 10.0 MB/s, 5 min left');
  expect(shown).toContain('26 %');
  nowMs = 5_100;
  progress.add(50e6);
  expect(shown.match(/\r/g)).toHaveLength(2); // twice a second at most
});
