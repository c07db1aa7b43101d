import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { expect, onTestFinished, test, vi } from 'vitest';
import { installation } from '../../activities/installation.js';
import { deploySchedules } from '../../cli/deploy-schedule.js';
import { endMarkedProcesses } from '../../cli/embedded/marked-processes.js';
import { startTemporal } from '../../cli/embedded/temporal-server.js';
import { homeLayout } from '../../contracts/home.js';

const PATIENT = { timeout: 60_000, interval: 200 };

test('ticks that a killed server has missed are made up for, and wait until triggers are served', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sentinel-catchup-'));
  const layout = homeLayout(join(folder, 'home'));
  onTestFinished(async () => {
    await endMarkedProcesses(layout.home, 'temporal');
    await rm(folder, { recursive: true, force: true });
  });

  const first = await startTemporal(layout, installation.temporal);
  await withClient(first.address, async (client) => {
    const schedule = { every: { intervalMs: 1_000 }, overlap: 'allow_all' as const };
    await deploySchedules(client, [{ dag: 'often', schedule }]);
    await vi.waitFor(async () => expect((await ticks(client)).size).toBeGreaterThan(1), PATIENT);
  });
  process.kill(first.record.pid, 'SIGKILL');
  const killedMs = Date.now();
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(killedMs + 5_000), PATIENT);

  const second = await startTemporal(layout, installation.temporal, {
    samePorts: first.record.ports,
  });
  const startedMs = Date.now();
  await withClient(second.address, async (client) => {
    await vi.waitFor(async () => {
      expect(Math.max(...(await ticks(client)).keys())).toBeGreaterThan(startedMs);
    }, PATIENT);
    const found = await ticks(client);
    const times = [...found.keys()].sort((a, b) => a - b);
    const missed = times.filter((time) => time > killedMs && time < killedMs + 5_000);
    expect(missed.length).toBeGreaterThanOrEqual(4);
    times.slice(1).forEach((time, index) => expect(time - times[index]!).toBe(1_000)); // as many
    // nobody serves the queue `triggers`: none of them has begun
    expect([...found.values()].every((events) => events === 2)).toBe(true);
  });
});

/** Scheduled times of the ticks, and how many events each has: 2 when nobody has taken it on. */
async function ticks(client: Client): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for await (const { workflowId, status } of client.workflow.list()) {
    const time = /^schedule-tick\/often-(.*)$/.exec(workflowId)?.[1];
    if (time === undefined) continue;
    const { historyLength } = await client.workflow.getHandle(workflowId).describe();
    expect(status.name).toBe('RUNNING');
    found.set(Date.parse(time), historyLength);
  }
  return found;
}

async function withClient(address: string, use: (client: Client) => Promise<void>): Promise<void> {
  const connection = await Connection.connect({ address });
  await use(new Client({ connection })).finally(() => connection.close());
}
