/** The worker of the home: a child of `up`, started again whenever it dies. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { HomeLayout } from '../../contracts/home.js';
import { endMarkedProcesses, markedEnvironment } from './marked-processes.js';
import { endProcess, readRecord, writeRecord } from './process-record.js';

/** What the worker process runs, and who hears of its restarts. */
export interface WorkerOptions {
  readonly entry: string;
  readonly args: readonly string[];
  readonly onRestart: (reason: string) => void;
}

/** A worker that is started again when it dies. */
export interface SupervisedWorker {
  /** Asks the worker to end, and waits for it. */
  stop(): Promise<void>;
}

/** A worker that dies sooner than this after its start is not started again at once. */
const HEALTHY_MS = 5_000;

/** Starts the worker and resolves once it polls. */
export async function startWorker(
  layout: HomeLayout,
  { entry, args, onRestart }: WorkerOptions,
): Promise<SupervisedWorker> {
  // the worker of an `up` that was killed ends by itself, but not at once
  const left = await readRecord(layout.processes, 'worker');
  if (left !== undefined) await endProcess(layout.processes, left);
  await mkdir(layout.logs, { recursive: true });

  let stopping = false;
  let child = await start();

  async function start(): Promise<ChildProcess> {
    // compute children of a worker that was killed: they commit nothing, but they take a core
    await endMarkedProcesses(layout.home, 'worker', 1_000);
    const log = await open(join(layout.logs, 'worker.log'), 'a');
    const worker = fork(entry, [...args], {
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
      detached: true,
      env: { ...process.env, ...markedEnvironment(layout.home, 'worker') },
    });
    await log.close();
    await writeRecord(layout.processes, { name: 'worker', pid: worker.pid ?? 0, ports: {} });
    const startedMs = Date.now();
    const ready = once(worker, 'message');
    worker.once('exit', (code, signal) => {
      if (stopping) return;
      const reason = signal === null ? `exit code ${code}` : `signal ${signal}`;
      onRestart(reason);
      const wait = Date.now() - startedMs < HEALTHY_MS ? HEALTHY_MS : 0;
      setTimeout(() => {
        if (stopping) return;
        void start().then((next) => (child = next));
      }, wait);
    });
    await Promise.race([ready, once(worker, 'exit')]);
    return worker;
  }

  return {
    async stop() {
      stopping = true;
      if (child.exitCode === null && child.signalCode === null) {
        const exit = once(child, 'exit');
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
        await exit;
        clearTimeout(timer);
      }
      const record = await readRecord(layout.processes, 'worker');
      if (record !== undefined) await endProcess(layout.processes, record);
      await endMarkedProcesses(layout.home, 'worker');
    },
  };
}
