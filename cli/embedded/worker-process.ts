/** The worker of the home: a child of `up`, started again whenever it dies. */
import { fork, type ChildProcess } from 'node:child_process';
import { open, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PipelineError } from '../../contracts/errors.js';
import type { HomeLayout } from '../../contracts/home.js';
import type { Queue } from '../../contracts/queues.js';
import { lastLines } from './log-file.js';
import { endMarkedProcesses, markedEnvironment } from './marked-processes.js';
import { endProcess, readRecord, writeRecord } from './process-record.js';

/** What the worker process runs, and who hears of its restarts. */
export interface WorkerOptions {
  readonly entry: string;
  readonly args: readonly string[];
  readonly onRestart: (reason: string) => void;
  /** A worker that dies sooner than this after its start is started again after this. @default 5_000 */
  readonly healthyMs?: number;
}

/** A worker that is started again when it dies. */
export interface SupervisedWorker {
  /** Aborted, with a PipelineError as its reason, when the worker is given up. */
  readonly failed: AbortSignal;
  /** Has the worker, and each one after it, serve a further queue. */
  serve(queue: Queue): void;
  /** Asks the worker to end, and waits for it. */
  stop(): Promise<void>;
}

/** One process of the worker. */
interface Started {
  readonly process: ChildProcess;
  readonly startedMs: number;
  /** False when it ended before it polled. */
  readonly ready: Promise<boolean>;
  /** Why it ended. */
  readonly ended: Promise<string>;
}

/** A worker that ends this many times in a row before it polls will not do better the next time. */
const MAX_FAILED_STARTS = 3;

/**
 * Starts the worker and resolves once it polls.
 *
 * @throws PipelineError SERVER_NOT_READY with the end of its log, when it ends three times before it polls
 */
export async function startWorker(
  layout: HomeLayout,
  { entry, args, onRestart, healthyMs = 5_000 }: WorkerOptions,
): Promise<SupervisedWorker> {
  // the worker of an `up` that was killed ends by itself, but not at once
  const left = await readRecord(layout.processes, 'worker');
  if (left !== undefined) await endProcess(layout.processes, left);
  await mkdir(layout.logs, { recursive: true });
  const logFile = join(layout.logs, 'worker.log');

  const stopping = new AbortController();
  const failed = new AbortController();
  const further: Queue[] = [];
  let newest: Started | undefined;
  /** The newest one that polls. */
  let polling: ChildProcess | undefined;

  /** Undefined when told to stop in between: nothing is forked after that. */
  async function start(): Promise<Started | undefined> {
    // compute children of a worker that was killed: they commit nothing, but they take a core
    await endMarkedProcesses(layout.home, 'worker', 1_000);
    if (stopping.signal.aborted) return undefined;
    const log = await open(logFile, 'a');
    try {
      if (stopping.signal.aborted) return undefined;
      newest = forkWorker(layout, { entry, args }, log.fd);
    } finally {
      await log.close();
    }
    const { pid } = newest.process;
    if (pid !== undefined) {
      await writeRecord(layout.processes, { name: 'worker', pid, ports: {} });
    }
    return newest;
  }

  async function startUntilReady(): Promise<Started | undefined> {
    for (let failures = 1; ; failures += 1) {
      const started = await start();
      if (started === undefined) return undefined;
      if (await started.ready) {
        polling = started.process;
        for (const queue of further) polling.send({ serve: queue });
        return started;
      }
      const reason = await started.ended;
      if (stopping.signal.aborted) return undefined;
      if (failures === MAX_FAILED_STARTS) throw await neverReady(logFile, reason);
      onRestart(reason);
      await pause(healthyMs);
    }
  }

  async function supervise(first: Started | undefined): Promise<void> {
    for (let worker = first; worker !== undefined; worker = await startUntilReady()) {
      const reason = await worker.ended;
      polling = undefined;
      if (stopping.signal.aborted) return;
      onRestart(reason);
      if (Date.now() - worker.startedMs < healthyMs) await pause(healthyMs);
    }
  }

  /** Ends early, without a fault, when told to stop. */
  function pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: stopping.signal }).catch(() => undefined);
  }

  const supervision = supervise(await startUntilReady()).catch((error: unknown) =>
    failed.abort(error),
  );

  return {
    failed: failed.signal,
    serve(queue) {
      further.push(queue);
      polling?.send({ serve: queue }); // one that is starting is told when it polls
    },
    async stop() {
      stopping.abort();
      if (newest !== undefined) {
        const { process: worker, ended } = newest;
        worker.kill('SIGTERM');
        const timer = setTimeout(() => worker.kill('SIGKILL'), 15_000);
        await ended;
        clearTimeout(timer);
      }
      await supervision;
      const record = await readRecord(layout.processes, 'worker');
      if (record !== undefined) await endProcess(layout.processes, record);
      await endMarkedProcesses(layout.home, 'worker');
    },
  };
}

function forkWorker(
  layout: HomeLayout,
  { entry, args }: Pick<WorkerOptions, 'entry' | 'args'>,
  logFd: number,
): Started {
  const worker = fork(entry, [...args], {
    stdio: ['ignore', logFd, logFd, 'ipc'],
    detached: true,
    env: { ...process.env, ...markedEnvironment(layout.home, 'worker') },
  });
  const ended = new Promise<string>((resolve) => {
    worker.once('exit', (code, signal) =>
      resolve(signal === null ? `exit code ${code}` : `signal ${signal}`),
    );
    // without a pid it was never started and will not exit; else a signal or a message failed
    worker.on('error', (error) => worker.pid === undefined && resolve(error.message));
  });
  const ready = new Promise<boolean>((resolve) => {
    worker.once('message', () => resolve(true));
    void ended.then(() => resolve(false));
  });
  return { process: worker, startedMs: Date.now(), ready, ended };
}

async function neverReady(logFile: string, reason: string): Promise<PipelineError> {
  return new PipelineError({
    code: 'SERVER_NOT_READY',
    file: logFile,
    found: `the worker ended ${MAX_FAILED_STARTS} times before it was ready, at last with ${reason}; its log ends with:\n${await lastLines(logFile)}`,
    fix: 'see the log; `sentinel doctor` says whether each part works',
  });
}
