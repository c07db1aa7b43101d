/**
 * Histories of real runs of each released version, replayed by the workflow code of today. A failure here
 * means that runs which are open while this code is deployed would break: guard the change with
 * `patched('…')`. A release adds its own (scripts/run-every-kind.mjs); those of earlier ones stay.
 */
import { readdirSync, readFileSync } from 'node:fs';
import proto from '@temporalio/proto';
import {
  DefaultLogger,
  type InjectedSinks,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { beforeAll, expect, test } from 'vitest';
import type { RunSinks } from '../../workflows/run-sinks.js';
import { bundleWorkflows } from './engine-environment.js';

const HISTORIES = new URL('../histories/', import.meta.url);
const PIPELINES = [
  ...['ingest', 'lifecycle', 'monitor', 'retrain', 'schedule-tick', 'train', 'weekly'],
];
const ENGINE = [
  ...['approval', 'backfill', 'backfill-dry-run', 'branched', 'branched-rerun', 'callback'],
  ...['long', 'long-continued', 'map-batch', 'mapped', 'short-circuit', 'teardown'],
];
/** The kinds of workflows that each released interpreter ran. */
const KINDS: { readonly [version: string]: readonly string[] } = {
  'v0.3.0': PIPELINES,
  'v0.4.0': [...PIPELINES, ...ENGINE, 'asset-trigger'],
  'v0.5.0': [...PIPELINES, ...ENGINE],
  'v0.6.0': [...PIPELINES, ...ENGINE],
};
const saved = Object.entries(KINDS).flatMap(([version, kinds]) =>
  kinds.map((kind) => `${version}/${kind}.json`),
);

/** Replayed runs are not recorded again; a sink that is missing is complained of. */
const sinks: InjectedSinks<RunSinks> = {
  runs: { closed: { fn: () => undefined, callDuringReplay: false } },
};

let workflowBundle: WorkflowBundleWithSourceMap;
beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  workflowBundle = await bundleWorkflows();
}, 60_000);

test('no history is left out', () => {
  const files = readdirSync(HISTORIES, { recursive: true, encoding: 'utf8' });
  expect(files.filter((name) => name.endsWith('.json')).sort()).toEqual(saved.toSorted());
});

test.each(saved)('%s is replayed to its end', async (name) => {
  const { workflowId, history } = read(name);
  await Worker.runReplayHistory({ workflowBundle, sinks }, history, workflowId);
});

test('a history that the code would not make is refused', async () => {
  const { workflowId, history } = read('v0.3.0/monitor.json');
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
