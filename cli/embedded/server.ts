/** Starting a server of the home, or taking over the healthy one that an earlier `up` has left. */
import { spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PipelineError } from '../../contracts/errors.js';
import type { HomeLayout } from '../../contracts/home.js';
import { portHolder } from './listeners.js';
import { lastLines } from './log-file.js';
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
  /** Wished port by use. A server that died without being stopped keeps the ports it had. */
  readonly ports: { readonly [use: string]: number };
  /** True where its clients know no other address; else the next free port is taken for a busy one. @default false */
  readonly portsAreFixed?: boolean;
  readonly command: string;
  readonly args: (ports: { readonly [use: string]: number }) => readonly string[];
  readonly env?: { readonly [name: string]: string };
  /** Comes before each start of the process, also before another one on other ports. @default nothing */
  readonly beforeStart?: () => Promise<void>;
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
    await Promise.all(Object.values(left.ports).map(isFreeSoon));
  }
  // one without a record holds the database open: its `up` was killed before it could write one
  await endMarkedProcesses(layout.home, spec.name);
  await mkdir(layout.logs, { recursive: true });
  const ports = spec.portsAreFixed === true ? spec.ports : { ...spec.ports, ...left?.ports };
  for (let tries = 1; ; tries += 1) {
    const outcome = await startOnPorts(layout, { ...spec, ports });
    if (outcome !== 'ports-taken') return outcome;
    if (tries === MAX_TRIES)
      throw noPorts(`the free ports of ${spec.name} were taken ${tries} times`);
  }
}

/** Two homes that start at once may choose the same ports; one of them has to choose again. */
const MAX_TRIES = 5;

async function startOnPorts(
  layout: HomeLayout,
  spec: ServerSpec,
): Promise<ProcessRecord | 'ports-taken'> {
  const ports = await choosePorts(spec);
  const holders = (): string[] =>
    Object.values(ports).map((port) => portHolder(layout.home, spec.name, port));
  const logFile = join(layout.logs, `${spec.name}.log`);
  await spec.beforeStart?.();
  const record = await spawnServer(layout, spec, ports, logFile);
  const deadline = Date.now() + (spec.startTimeoutMs ?? 60_000);
  for (;;) {
    if (holders().includes('other')) {
      await endProcess(layout.processes, record);
      await endMarkedProcesses(layout.home, spec.name);
      return 'ports-taken';
    }
    if (await spec.isReady(ports)) {
      // whose answer was it?
      if (holders().every((holder) => holder === 'ours')) return record;
    } else if (!isAlive(record) || Date.now() >= deadline) {
      const ended = !isAlive(record);
      await endProcess(layout.processes, record);
      const said = await lastLines(logFile);
      // somebody had a port for a moment only, to see whether it is free
      if (ended && PORT_TAKEN.test(said)) return 'ports-taken';
      throw new PipelineError({
        code: 'SERVER_NOT_READY',
        file: logFile,
        found: `${spec.name} ${ended ? 'ended at once' : 'does not answer'}; its log ends with:\n${said}`,
        fix: 'see the log; `sentinel doctor` says whether the part itself works',
      });
    }
    await sleep(POLL_MS);
  }
}

/** What Go, Python and Node say of it. */
const PORT_TAKEN = /EADDRINUSE|address already in use/i;

async function choosePorts(spec: ServerSpec): Promise<ServerSpec['ports']> {
  const ports: Record<string, number> = {};
  for (const [use, wished] of Object.entries(spec.ports)) {
    if (spec.portsAreFixed !== true) ports[use] = await freePort(wished, Object.values(ports));
    else if (await isFreeSoon(wished)) ports[use] = wished;
    else throw noPorts(`port ${wished} of ${spec.name} was taken by another process meanwhile`);
  }
  return ports;
}

async function spawnServer(
  layout: HomeLayout,
  spec: ServerSpec,
  ports: ProcessRecord['ports'],
  logFile: string,
): Promise<ProcessRecord> {
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
  return writeRecord(layout.processes, {
    name: spec.name,
    pid: child.pid!, // spawned, so it has one
    ports,
  });
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
  throw noPorts(`no free port from ${wished} to ${wished + 999}`);
}

/** True once the port is free, false after a second: a process that was just killed holds its ports longer than it lives. */
export async function isFreeSoon(port: number): Promise<boolean> {
  const deadline = Date.now() + FREE_SOON_MS;
  for (;;) {
    if (await canListen(port)) return true;
    if (Date.now() >= deadline) return false;
    await sleep(POLL_MS);
  }
}

const FREE_SOON_MS = 1_000;

function noPorts(found: string): PipelineError {
  return new PipelineError({ code: 'SERVER_NOT_READY', found, fix: 'end what occupies it' });
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, LOOPBACK, () => probe.close(() => resolve(true)));
  });
}
