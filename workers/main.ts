/**
 * A worker: serves the task queues it is told to. On one machine one process serves all of them; in a
 * cluster each machine serves those it is fit for.
 *
 *     node dist/workers/main.js --home DIR --temporal HOST:PORT --mlflow URL [--queues control,io,cpu,triggers]
 *       [--cpu-slots N] [--threads N]
 *
 * A parent process may have it serve further queues with the message `{ serve: 'triggers' }`.
 */
import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, Worker, type InjectedSinks } from '@temporalio/worker';
import { compiledPlans } from '../activities/compiled-plans.js';
import { homePlaces } from '../activities/home-places.js';
import { createActivities } from '../activities/index.js';
import { runRecorder } from '../activities/run-recorder.js';
import type { Json, JsonObject } from '../contracts/json.js';
import { QUEUES, type Queue } from '../contracts/queues.js';
import { dataConverter } from '../payloads/payload-codec.js';
import { temporalConfig } from '../temporal.config.js';
import { installation } from '../activities/installation.js';
import type { RunSinks } from '../workflows/run-sinks.js';

const { values: options } = parseArgs({
  options: {
    home: { type: 'string' },
    temporal: { type: 'string' },
    mlflow: { type: 'string' },
    /** JSON: defaults of DAG parameters. */
    params: { type: 'string', default: '{}' },
    queues: { type: 'string', default: QUEUES.join(',') },
    /** Tasks of the queue `cpu` at a time; each is a child process. */
    'cpu-slots': { type: 'string', default: String(cpus().length) },
    /** Threads of each. */
    threads: { type: 'string', default: String(cpus().length) },
  },
});

/** How often the worker looks for closed runs that are not in the tables. */
const CATCH_UP_MS = 600_000;

/** Activities at a time. */
const SLOTS: Record<Queue, number> = {
  control: 100,
  io: 8,
  cpu: Number(options['cpu-slots']),
  triggers: 1,
};

/** Queues on which workflows run; the others have activities only. */
const WORKFLOW_QUEUES: readonly string[] = ['control', 'triggers'] satisfies Queue[];

// the `up` that started this worker is gone; listening from the start, for it may go at any time
process.once('disconnect', () => process.exit(1));

async function main(): Promise<void> {
  Runtime.install({ shutdownSignals: ['SIGTERM', 'SIGINT'] });
  const layout = homePlaces(required('home'));
  const { connection: address, namespace } = temporalConfig(options.temporal);
  const converter = dataConverter(layout);
  const temporal = new Client({
    connection: await Connection.connect(address),
    namespace,
    dataConverter: converter,
  });
  const recorder = runRecorder(layout, temporal);
  const activities = createActivities({
    layout,
    recorder,
    setupDir: installation.setupDir,
    computeEntry: installation.computeEntry,
    threads: Number(options.threads),
    mlflowUrl: required('mlflow'),
    temporal,
    params: { preset: await defaultPreset(), ...givenParams() },
    plans: compiledPlans(),
  });
  const connection = await NativeConnection.connect(address);
  const create = (queue: string): Promise<Worker> =>
    Worker.create({
      connection,
      namespace,
      dataConverter: converter,
      taskQueue: queue,
      activities,
      // heartbeats are throttled to .8 of their timeout otherwise, and a cancel is heard by heartbeat
      maxHeartbeatThrottleInterval: '2s',
      defaultHeartbeatThrottleInterval: '2s',
      maxConcurrentActivityTaskExecutions: SLOTS[queue as Queue] ?? 1, // an unknown name has no slots of its own
      shutdownGraceTime: '3s',
      ...(WORKFLOW_QUEUES.includes(queue) && {
        workflowBundle: { codePath: installation.workflowBundle },
        sinks: recorder.sinks satisfies InjectedSinks<RunSinks>,
      }),
    });
  const workers = await Promise.all(options.queues.split(',').map(create));
  process.on('message', ({ serve }: { serve: string }) => {
    void create(serve).then((worker) => worker.run(), fail);
  });
  process.send?.('ready');
  const catchUp = (): void => {
    recorder.catchUp().catch((error: unknown) => console.error(error)); // the next look will do
  };
  catchUp();
  setInterval(catchUp, CATCH_UP_MS);
  await Promise.all(workers.map((worker) => worker.run()));
  await recorder.settled();
  process.exit(0);
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}

/** The preset of runs that name none. */
async function defaultPreset(): Promise<Json> {
  return JSON.parse(await readFile(join(installation.presets, 'full.json'), 'utf8')) as Json; // our own file
}

function givenParams(): JsonObject {
  return JSON.parse(options.params) as JsonObject; // each task's schema judges the values
}

function required(name: 'home' | 'mlflow'): string {
  const value = options[name];
  if (value === undefined)
    throw new Error(`--${name} is missing; see the head of ${join('workers', 'main.ts')}`);
  return value;
}

main().catch(fail);
