/**
 * Histories of real runs, replayed by the workflow code of today. A failure here means that runs which
 * are open while this code is deployed would break: guard the change with `patched('…')`. Only after
 * a change that no open run can meet are histories saved anew (scripts/save-histories.mjs).
 */
import { readdirSync, readFileSync } from 'node:fs';
import proto from '@temporalio/proto';
import {
  DefaultLogger,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { beforeAll, expect, test } from 'vitest';
import { bundleWorkflows } from './engine-environment.js';

const HISTORIES = new URL('../histories/', import.meta.url);
const names = readdirSync(HISTORIES).sort();

let workflowBundle: WorkflowBundleWithSourceMap;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  workflowBundle = await bundleWorkflows();
}, 60_000);

test('there is a history of every kind of workflow', () => {
  expect(names).toEqual(
    [
      ...['asset-trigger', 'backfill-dry-run', 'backfill', 'ingest', 'lifecycle', 'monitor'],
      ...['retrain', 'schedule-tick', 'train', 'weekly'],
    ].map((type) => `${type}.json`),
  );
});

test.each(names)('%s of an earlier run is replayed to its end', async (name) => {
  const { workflowId, history } = read(name);
  await Worker.runReplayHistory({ workflowBundle }, history, workflowId);
});

test('a history that the code would not make is refused', async () => {
  const { workflowId, history } = read('monitor.json');
  const scheduled = history.events.findLast((event) => event.activityTaskScheduledEventAttributes);
  scheduled!.activityTaskScheduledEventAttributes!.activityType = { name: 'somethingElse' }; // the monitor has activities
  await expect(Worker.runReplayHistory({ workflowBundle }, history, workflowId)).rejects.toThrow(
    /does not match activity type/,
  );
});

function read(name: string) {
  const saved = JSON.parse(readFileSync(new URL(name, HISTORIES), 'utf8')) as {
    workflowId: string;
    events: object[];
  }; // written by scripts/save-histories.mjs
  const { workflowId, events } = saved;
  return { workflowId, history: proto.temporal.api.history.v1.History.fromObject({ events }) };
}
