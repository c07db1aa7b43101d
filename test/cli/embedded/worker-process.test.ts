import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { endMarkedProcesses, markedProcesses } from '../../../cli/embedded/marked-processes.js';
import { readRecord } from '../../../cli/embedded/process-record.js';
import { startWorker, type SupervisedWorker } from '../../../cli/embedded/worker-process.js';
import { PipelineError } from '../../../contracts/errors.js';
import { homeLayout, type HomeLayout } from '../../../contracts/home.js';

const READY = 'process.send("ready"); setInterval(() => undefined, 1_000);';
const BROKEN = 'console.error("no such table: flows"); process.exit(7);';

let layout: HomeLayout;
let entry: string;
beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sentinel-worker-'));
  layout = homeLayout(join(folder, 'home'));
  entry = join(folder, 'worker.mjs');
  await mkdir(layout.home);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});
afterEach(() => endMarkedProcesses(layout.home, 'worker'));

test('a worker that ends three times before it is ready is given up, with the end of its log', async () => {
  await writeFile(entry, BROKEN);
  const restarts: string[] = [];
  const error: unknown = await start(restarts).catch((thrown: unknown) => thrown);
  if (!(error instanceof PipelineError)) throw new Error(`no fault: ${String(error)}`);
  expect(error.fault).toMatchObject({
    code: 'SERVER_NOT_READY',
    file: join(layout.logs, 'worker.log'),
  });
  expect(error.fault.found).toMatch(/3 times .* exit code 7; .*\n(no such table: flows\n?){3}$/s);
  expect(restarts).toEqual(['exit code 7', 'exit code 7']);
});

test('a start that fails once is tried again', async () => {
  const flag = join(layout.home, 'tried');
  await writeFile(
    entry,
    `import { existsSync, writeFileSync } from 'node:fs';
if (!existsSync(${JSON.stringify(flag)})) { writeFileSync(${JSON.stringify(flag)}, ''); process.exit(1); }
${READY}`,
  );
  const worker = await start();
  expect(existsSync(flag)).toBe(true);
  expect(worker.failed.aborted).toBe(false);
  await worker.stop();
});

test('a worker that cannot be started again later aborts `failed` with the same fault', async () => {
  await writeFile(entry, READY);
  const worker = await start();
  await writeFile(entry, BROKEN);
  process.kill(await pid(), 'SIGKILL');
  await vi.waitFor(() => expect(worker.failed.aborted).toBe(true), { timeout: 20_000 });
  expect(worker.failed.reason).toMatchObject({ fault: { code: 'SERVER_NOT_READY' } });
  await worker.stop();
});

test('a killed worker is started again', async () => {
  await writeFile(entry, READY);
  const restarts: string[] = [];
  const worker = await start(restarts);
  const first = await pid();
  process.kill(first, 'SIGKILL');
  await vi.waitFor(async () => expect(await pid()).not.toBe(first), { timeout: 10_000 });
  expect(restarts).toEqual(['signal SIGKILL']);
  await worker.stop();
});

test('a further queue is served by the worker that runs and by each one after it', async () => {
  await writeFile(
    entry,
    `process.on('message', ({ serve }) => console.log(process.pid, serve)); ${READY}`,
  );
  const worker = await start();
  const served = [await pid()];
  worker.serve('triggers');
  await vi.waitFor(async () => expect(await log()).toEqual(lines(served)), { timeout: 10_000 });
  process.kill(await pid(), 'SIGKILL');
  await vi.waitFor(async () => expect(await pid()).not.toBe(served[0]), { timeout: 10_000 });
  served.push(await pid());
  await vi.waitFor(async () => expect(await log()).toEqual(lines(served)), { timeout: 10_000 });
  await worker.stop();
});

test('nothing is forked after `stop`, not even by a start that is under way', async () => {
  await writeFile(entry, `console.log('started'); ${READY}`);
  let stopped: Promise<void> | undefined;
  const worker: SupervisedWorker = await startWorker(layout, {
    entry,
    args: [],
    healthyMs: 0,
    onRestart: () => void (stopped = worker.stop()), // what follows is the start of the next one
  });
  process.kill(await pid(), 'SIGKILL');
  await vi.waitFor(() => expect(stopped).toBeDefined(), { timeout: 10_000 });
  await stopped;
  expect(markedProcesses(layout.home, 'worker')).toEqual([]);
  expect(await readdir(layout.processes)).toEqual([]);
  expect(await readFile(join(layout.logs, 'worker.log'), 'utf8')).toBe('started\n');
});

async function log(): Promise<string[]> {
  return (await readFile(join(layout.logs, 'worker.log'), 'utf8')).trim().split('\n');
}

function lines(pids: readonly number[]): string[] {
  return pids.map((pid) => `${pid} triggers`);
}

function start(restarts: string[] = []): Promise<SupervisedWorker> {
  const onRestart = (reason: string): void => void restarts.push(reason);
  return startWorker(layout, { entry, args: [], onRestart, healthyMs: 50 });
}

async function pid(): Promise<number> {
  const record = await readRecord(layout.processes, 'worker');
  if (record === undefined) throw new Error('no worker is recorded');
  return record.pid;
}
