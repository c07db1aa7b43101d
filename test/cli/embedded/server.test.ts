import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { lockHome } from '../../../cli/embedded/home-lock.js';
import { keepAlive } from '../../../cli/embedded/keep-alive.js';
import { endMarkedProcesses, markedProcesses } from '../../../cli/embedded/marked-processes.js';
import { answers, startServer, type ServerSpec } from '../../../cli/embedded/server.js';
import { isAlive, type ProcessRecord } from '../../../cli/embedded/process-record.js';
import type { PipelineError } from '../../../contracts/errors.js';
import { homeLayout, type HomeLayout } from '../../../contracts/home.js';

let layouts: HomeLayout[];
beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sentinel-server-'));
  layouts = ['a', 'b', 'c'].map((name) => homeLayout(join(folder, name)));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});
afterEach(async () => {
  await Promise.all(layouts.map(({ home }) => endMarkedProcesses(home, 'web')));
});

/** A web server that takes a moment before it binds its port, and ends when the port is taken. */
function webServer(port: number): ServerSpec {
  const program = `setTimeout(() => require('node:http').createServer((_, r) => r.end('ok')).listen(+process.argv[1], '127.0.0.1'), 300)`;
  return {
    name: 'web',
    ports: { http: port },
    command: process.execPath,
    args: (ports) => ['-e', program, String(ports['http'])],
    isReady: (ports) => answers(`http://127.0.0.1:${ports['http']}/`),
  };
}

test('homes that start at the same moment get a server and a port each', async () => {
  const port = await unusedPort();
  const records = await Promise.all(layouts.map((layout) => startServer(layout, webServer(port))));
  expect(new Set(records.map(({ ports }) => ports['http'])).size).toBe(3);
  for (const [index, { home }] of layouts.entries()) {
    expect(markedProcesses(home, 'web')).toEqual([records[index]?.pid]);
  }
});

test('a busy port is left to whoever has it', async () => {
  const other = createServer((_, response) => response.end('somebody else'));
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo; // it listens on TCP
  const record = await startServer(layouts[0]!, webServer(port)); // three are made above
  expect(record.ports['http']).toBeGreaterThan(port);
});

test('a healthy server of an earlier start is taken over', async () => {
  const [layout] = layouts as [HomeLayout];
  const port = await unusedPort();
  const first = await startServer(layout, webServer(port));
  expect(await startServer(layout, webServer(port))).toEqual(first);
});

test('a server that died comes back on its ports, though the one first wished for is free by now', async () => {
  const [layout] = layouts as [HomeLayout];
  const other = await occupy();
  const record = await startServer(layout, webServer(other.port));
  expect(record.ports['http']).toBeGreaterThan(other.port);
  const said: string[] = [];
  const stop = watch(layout, record, said);
  await other.leave();
  process.kill(record.pid, 'SIGKILL');
  await vi.waitFor(() => expect(said).toContain('the web server runs again'), WITHIN);
  expect((await stop()).ports).toEqual(record.ports);
});

test('a server whose port was taken meanwhile says so once, and comes back when it is free', async () => {
  const [layout] = layouts as [HomeLayout];
  const record = await startServer(layout, webServer(await unusedPort()));
  const port = record.ports['http'];
  process.kill(record.pid, 'SIGKILL');
  const other = await vi.waitFor(() => occupy(port), WITHIN); // the dead one may hold it for a moment
  const said: string[] = [];
  const stop = watch(layout, record, said);
  const taken = new RegExp(`port ${port} of web was taken by another process`);
  await vi.waitFor(() => expect(said.at(-1)).toMatch(taken), WITHIN);
  await other.leave();
  await vi.waitFor(() => expect(said.at(-1)).toBe('the web server runs again'), WITHIN);
  expect((await stop()).ports).toEqual({ http: port });
  expect(said.filter((line) => taken.test(line))).toHaveLength(1);
});

test('the next start of a home whose server died wishes for the ports it had', async () => {
  const [layout] = layouts as [HomeLayout];
  const wished = await unusedPort();
  const record = await startServer(layout, webServer(wished + 1));
  process.kill(record.pid, 'SIGKILL');
  await vi.waitFor(() => expect(isAlive(record)).toBe(false), WITHIN); // only then its port is free
  expect((await startServer(layout, webServer(wished))).ports).toEqual(record.ports);
});

test('of several that take a home at once, one gets it', async () => {
  const [layout] = layouts as [HomeLayout];
  const outcomes = await Promise.allSettled([lockHome(layout), lockHome(layout), lockHome(layout)]);
  const refused = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [(outcome.reason as PipelineError).code] : [],
  ); // `lockHome` throws nothing else
  expect(refused).toEqual(['HOME_IN_USE', 'HOME_IN_USE']);
});

const WITHIN = { timeout: 10_000 };

/** Watches over a server as `up` does; the result ends that, and tells what runs. */
function watch(layout: HomeLayout, record: ProcessRecord, said: string[]) {
  const server = {
    record,
    restart: (ports: ProcessRecord['ports']) =>
      startServer(layout, { ...webServer(0), ports, portsAreFixed: true }),
  };
  const stop = keepAlive([server], (line) => said.push(line), 50);
  return () => stop().then(() => server.record);
}

/** Somebody else on a port. */
async function occupy(wished = 0): Promise<{ port: number; leave: () => Promise<unknown> }> {
  const server = createTcpServer();
  server.listen(wished, '127.0.0.1');
  await once(server, 'listening'); // rejects when the port is taken
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return { port, leave: () => new Promise((resolve) => server.close(resolve)) };
}

async function unusedPort(): Promise<number> {
  const { port, leave } = await occupy();
  await leave();
  return port;
}
