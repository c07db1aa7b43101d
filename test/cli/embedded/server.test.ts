import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { lockHome } from '../../../cli/embedded/home-lock.js';
import { endMarkedProcesses, markedProcesses } from '../../../cli/embedded/marked-processes.js';
import { answers, startServer, type ServerSpec } from '../../../cli/embedded/server.js';
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

test('of several that take a home at once, one gets it', async () => {
  const [layout] = layouts as [HomeLayout];
  const outcomes = await Promise.allSettled([lockHome(layout), lockHome(layout), lockHome(layout)]);
  const refused = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [(outcome.reason as PipelineError).code] : [],
  ); // `lockHome` throws nothing else
  expect(refused).toEqual(['HOME_IN_USE', 'HOME_IN_USE']);
});

async function unusedPort(): Promise<number> {
  const probe = createTcpServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo; // it listens on TCP
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
