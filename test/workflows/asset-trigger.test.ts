import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createAssetActivities } from '../../activities/assets.js';
import type { AssetPublication } from '../../contracts/assets.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import type { AssetCondition } from '../../dag/assets.js';
import { partitionRange } from '../../dag/partitions.js';
import { activities, dag, type Dag } from '../../dag/declare.js';
import { planOf, startEngine, type EngineEnvironment } from './engine-environment.js';

const act = activities<Tasks>();

function consumer(id: string, assets: AssetCondition, partitions: 'iso-week' | 'none'): Dag {
  return dag(id, { params: {}, partitions, schedule: { assets } }, (d) =>
    d.task('only', act.noop, { input: { value: 1 } }),
  );
}

const dags = [
  consumer('both', { all: ['flows', 'labels'] }, 'iso-week'),
  consumer('either', { any: ['flows', 'labels'] }, 'none'),
  consumer('alone', 'names', 'none'),
];
const plans = new Map(dags.map((one) => [one.type, planOf(one)]));

/** Runs of `alone` wait for this. */
let gate = Promise.resolve();

let engine: EngineEnvironment;
beforeAll(async () => {
  engine = await startEngine({
    dags,
    // every trigger continues as new again and again
    serverArgs: ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=20'],
    noop: async ({ value }) => {
      await gate;
      return { value };
    },
  });
}, 60_000);
afterAll(() => engine.stop());

test('two producers and a consumer of both: one run of the partition, none of another', async () => {
  expect(await publish({ assets: ['flows'], partition: '2022-W23' })).toEqual(['both', 'either']);
  expect(await publish({ assets: ['flows'], partition: '2022-W24' })).toContain('both');
  expect(await publish({ assets: ['labels'], partition: '2022-W23', dagRunId: 'labels/2022-W23' })).toContain('both'); // prettier-ignore
  await runsOf('both', ['2022-W23 success']);
});

test('an update that is told again starts nothing', async () => {
  const labels = { assets: ['labels'], partition: '2022-W25' };
  const flows = { assets: ['flows'], partition: '2022-W25', dagRunId: 'flows/2022-W25' };
  await publish(labels);
  await publish(labels);
  await publish(flows);
  await runsOf('both', ['2022-W23 success', '2022-W25 success']);
  await publish(flows);
  await publish(labels);
  // what comes later in the same queue of signals has been heard: so were the two before
  await publish({ ...labels, partition: '2022-W24', dagRunId: 'labels/2022-W24' });
  await runsOf('both', ['2022-W23 success', '2022-W24 success', '2022-W25 success']);
});

test('updates while the run is under way lead to one more run afterwards', async () => {
  let open = (): void => undefined;
  gate = new Promise((resolve) => (open = resolve));
  for (const task of ['1', '2', '3']) await publish({ assets: ['names'], task });
  await vi.waitFor(async () => expect(await status('alone')).toBe('RUNNING'));
  open();
  await runsOf('alone', [' success', ' success']);
});

test('an open run that somebody else started is waited for', async () => {
  let open = (): void => undefined;
  gate = new Promise((resolve) => (open = resolve));
  await vi.waitFor(async () => expect(await status('alone')).toBe('COMPLETED')); // it is recorded before it closes
  const byHand = await engine.start('alone', 'alone');
  await publish({ assets: ['names'], task: 'while it runs' });
  open();
  await byHand.result();
  await runsOf('alone', [' success', ' success', ' success', ' success']);
});

test('a trigger that was cancelled starts again with the next update, and its runs live on', async () => {
  let open = (): void => undefined;
  gate = new Promise((resolve) => (open = resolve));
  await publish({ assets: ['names'], task: 'before' });
  await vi.waitFor(async () => expect(await status('alone')).toBe('RUNNING'));
  const trigger = engine.server.client.workflow.getHandle('asset-trigger/alone');
  await trigger.cancel();
  await expect(trigger.result()).rejects.toThrow();
  await publish({ assets: ['names'], task: 'after' });
  open();
  await runsOf(
    'alone',
    Array.from({ length: 6 }, () => ' success'),
  );
});

test('a trigger that has continued as new knows what it has gathered and counted', async () => {
  const firstRun = await engine.server.client.workflow.getHandle('asset-trigger/both').describe();
  const weeks = partitionRange('iso-week', '2023-W01', '2023-W30');
  for (const partition of weeks) await publish({ assets: ['flows'], partition });
  const laterRun = await engine.server.client.workflow.getHandle('asset-trigger/both').describe();
  expect(laterRun.runId).not.toBe(firstRun.runId);
  for (const partition of weeks) await publish({ assets: ['flows'], partition });
  await publish({ assets: ['labels'], partition: '2023-W02', task: 'label' });
  const before = ['2022-W23', '2022-W24', '2022-W25'];
  await runsOf(
    'both',
    [...before, '2023-W02'].map((week) => `${week} success`),
  );
});

/** Tells the consumers of updated assets, as a task of a run does. */
function publish(publication: Partial<AssetPublication>): Promise<string[]> {
  const producer = createAssetActivities({ temporal: engine.server.client, plans });
  const { partition = '' } = publication;
  const run = { dagRunId: `producer/${partition}`, temporalRunId: '1', task: 'write' };
  return producer.publishAssets({ assets: [], partition, ...run, ...publication });
}

async function status(workflowId: string): Promise<string> {
  const { status } = await engine.server.client.workflow.getHandle(workflowId).describe();
  return status.name;
}

/** Waits until the closed runs of a DAG are these: partition and state. */
async function runsOf(id: string, expected: string[]): Promise<void> {
  await vi.waitFor(
    async () => {
      const rows = await engine.rows(
        `SELECT partition || ' ' || state AS run FROM runs WHERE dag = '${id}' ORDER BY 1`,
      );
      expect(rows.map((row) => row['run'])).toEqual(expected);
    },
    { timeout: 15_000 },
  );
}
