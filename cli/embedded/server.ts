/** Starting a server of the home, or taking over the healthy one that an earlier `up` has left. */
import { spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PipelineError } from '../../contracts/errors.js';
import type { HomeLayout } from '../../contracts/home.js';
import { endMarkedProcesses, markedEnvironment } from './marked-processes.js';
import {
  endProcess,
  isAlive,
  readRecord,
  writeRecord,
  type ProcessRecord,
} from './process-record.js';

/** How a server is started and known to be ready. */
export interface ServerSpec {
  readonly name: string;
  /** Wished port by use; the next free one is taken when it is busy. */
  readonly ports: { readonly [use: string]: number };
  readonly command: string;
  readonly args: (ports: { readonly [use: string]: number }) => readonly string[];
  readonly env?: { readonly [name: string]: string };
  /** True once the server answers. */
  readonly isReady: (ports: { readonly [use: string]: number }) => Promise<boolean>;
  /** @default 60_000 */
  readonly startTimeoutMs?: number;
}

const LOOPBACK = '127.0.0.1';
const POLL_MS = 100;

/**
 * The running server.
 *
 * @throws PipelineError SERVER_NOT_READY with the end of its log
 */
export async function startServer(layout: HomeLayout, spec: ServerSpec): Promise<ProcessRecord> {
  const left = await readRecord(layout.processes, spec.name);
  if (left !== undefined) {
    if (isAlive(left) && (await spec.isReady(left.ports))) return left;
    await endProcess(layout.processes, left);
  }
  // one without a record holds the database open: its `up` was killed before it could write one
  await endMarkedProcesses(layout.home, spec.name);
  const ports: Record<string, number> = {};
  for (const [use, wished] of Object.entries(spec.ports)) {
    // the ports it had, so that whoever knows its address finds it there again
    ports[use] = await freePort(left?.ports[use] ?? wished, Object.values(ports));
  }
  await mkdir(layout.logs, { recursive: true });
  const logFile = join(layout.logs, `${spec.name}.log`);
  const log = await open(logFile, 'a');
  const child = spawn(spec.command, [...spec.args(ports)], {
    detached: true, // a group of its own: Ctrl-C is ours to handle, and workers of the server end with it
    stdio: ['ignore', log.fd, log.fd],
    env: { ...process.env, ...spec.env, ...markedEnvironment(layout.home, spec.name) },
  });
  child.unref();
  await new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  }).finally(() => log.close());
  const record = await writeRecord(layout.processes, {
    name: spec.name,
    pid: child.pid!, // spawned, so it has one
    ports,
  });
  const deadline = Date.now() + (spec.startTimeoutMs ?? 60_000);
  while (!(await spec.isReady(ports))) {
    if (isAlive(record) && Date.now() < deadline) {
      await sleep(POLL_MS);
      continue;
    }
    const state = isAlive(record) ? 'does not answer' : 'ended at once';
    await endProcess(layout.processes, record);
    throw new PipelineError({
      code: 'SERVER_NOT_READY',
      file: logFile,
      found: `${spec.name} ${state}; its log ends with:\n${await lastLines(logFile)}`,
      fix: 'see the log; `sentinel doctor` says whether the part itself works',
    });
  }
  return record;
}

/** True when a GET is answered with 2xx. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    return response.ok;
  } catch {
    return false; // not listening yet
  }
}

async function freePort(wished: number, taken: readonly number[]): Promise<number> {
  for (let port = wished; port < wished + 1_000; port += 1) {
    if (!taken.includes(port) && (await canListen(port))) return port;
  }
  throw new PipelineError({
    code: 'SERVER_NOT_READY',
    found: `no free port from ${wished} to ${wished + 999}`,
    fix: 'end what occupies them',
  });
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, LOOPBACK, () => probe.close(() => resolve(true)));
  });
}

async function lastLines(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).trimEnd().split('\n').slice(-10).join('\n');
}
