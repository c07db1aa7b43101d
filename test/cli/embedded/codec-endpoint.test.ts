import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { installation } from '../../../activities/installation.js';
import { startCodecEndpoint } from '../../../cli/embedded/codec-endpoint.js';
import { endMarkedProcesses } from '../../../cli/embedded/marked-processes.js';
import { readRecord, writeRecord } from '../../../cli/embedded/process-record.js';
import { setRetention, startTemporal } from '../../../cli/embedded/temporal-server.js';
import { homeLayout, type HomeLayout } from '../../../contracts/home.js';
import { dataConverter } from '../../../payloads/payload-codec.js';

let layout: HomeLayout;
beforeAll(async () => {
  layout = homeLayout(await mkdtemp(join(tmpdir(), 'sentinel-codec-endpoint-')));
});
afterAll(async () => {
  await endMarkedProcesses(layout.home, 'temporal');
  await rm(layout.home, { recursive: true, force: true });
});

const start = () => startCodecEndpoint(layout, dataConverter(layout).payloadCodecs[0]);

test('the UI is told where the codec is, its pages are answered, and closed runs stay for 30 days', async () => {
  const codec = await start();
  onTestFinished(() => codec.close());
  const { address, uiUrl, record } = await startTemporal(layout, installation.temporal, {
    codecPort: codec.port,
  });
  const endpoint = `http://127.0.0.1:${codec.port}`;
  const settings = await fetch(`${uiUrl}/api/v1/settings`);
  expect(await settings.json()).toMatchObject({ Codec: { Endpoint: endpoint } });

  const ask = () =>
    fetch(`${endpoint}/decode`, { method: 'POST', headers: { origin: uiUrl }, body: '{}' });
  expect((await ask()).status).toBe(403);
  codec.admitUi(record.ports['ui']);
  expect((await ask()).status).toBe(200);

  const connection = await Connection.connect({ address });
  onTestFinished(() => connection.close());
  await setRetention(connection.workflowService, 'default');
  const namespace = await connection.workflowService.describeNamespace({ namespace: 'default' });
  expect(Number(namespace.config?.workflowExecutionRetentionTtl?.seconds)).toBe(30 * 24 * 3_600);
});

test('after a kill the codec is where it was; where its port is taken it has moved', async () => {
  const first = await start();
  await first.close();
  const leave = (port: number) =>
    writeRecord(layout.processes, { name: 'codec', pid: process.pid, ports: { http: port } });

  await leave(first.port);
  const second = await start();
  expect([second.port, second.hasMoved]).toEqual([first.port, false]);
  await second.close();

  await leave(first.port);
  const other = createServer().listen(first.port, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  const third = await start();
  expect([third.port === first.port, third.hasMoved]).toEqual([false, true]);
  expect((await readRecord(layout.processes, 'codec'))?.ports).toEqual({ http: third.port });
  await third.close();
  expect(await readRecord(layout.processes, 'codec')).toBeUndefined();
});
