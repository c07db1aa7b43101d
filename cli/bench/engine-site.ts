/** A Temporal server with our worker and a hand-written one, for one bench. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { createActivities } from '../../activities/index.js';
import { installation } from '../../activities/installation.js';
import { planStore } from '../../activities/plan-store.js';
import { runRecorder } from '../../activities/run-recorder.js';
import { homeLayout } from '../../contracts/home.js';
import type { Plan } from '../../dag/plan.js';
import { dataConverter } from '../../payloads/payload-codec.js';
import { endProcess } from '../embedded/process-record.js';
import { startTemporal } from '../embedded/temporal-server.js';

/** Where runs are timed. */
export interface BenchSite {
  /** Milliseconds from the start of a run of the plan to its result. */
  ours(plan: Plan): Promise<number>;
  /** The same of a hand-written workflow. */
  theirs(type: string, args: readonly unknown[]): Promise<number>;
  stop(): Promise<void>;
}

/**
 * Starts it, in a home of its own.
 *
 * @param peers bundle of the hand-written workflows
 * @param tuned false for a server with Temporal's default settings
 */
export async function openBenchSite(
  peers: WorkflowBundleWithSourceMap,
  tuned: boolean,
): Promise<BenchSite> {
  const layout = homeLayout(await mkdtemp(join(tmpdir(), 'sentinel-bench-')));
  const server = await startTemporal(layout, installation.temporal, { tuned });
  const { address } = server;
  const converter = dataConverter(layout);
  const client = new Client({
    connection: await Connection.connect({ address }),
    dataConverter: converter,
  });
  const connection = await NativeConnection.connect({ address });
  const recorder = runRecorder(layout, client);
  const activities = createActivities({
    layout,
    recorder,
    setupDir: installation.setupDir,
    computeEntry: installation.computeEntry,
    mlflowUrl: 'http://127.0.0.1:9', // no task of the bench trains
    temporal: client,
    plans: new Map(),
  });
  const workers = await Promise.all([
    Worker.create({
      connection,
      dataConverter: converter,
      taskQueue: 'control',
      activities,
      workflowBundle: { codePath: installation.workflowBundle },
      sinks: recorder.sinks,
    }),
    Worker.create({ connection, taskQueue: 'bench', activities, workflowBundle: peers }),
  ]);
  const ended = Promise.all(workers.map((worker) => worker.run()));
  const store = planStore(layout.plans, new Map());
  let runs = 0;

  async function timed(type: string, taskQueue: string, args: unknown[]): Promise<number> {
    const startedMs = performance.now();
    await client.workflow.execute(type, { workflowId: `bench-${(runs += 1)}`, taskQueue, args });
    const ms = performance.now() - startedMs;
    await recorder.settled(); // its work is ours: the peer's turn must not pay for it
    return ms;
  }

  return {
    ours: async (plan) => timed(plan.dag, 'control', [{ planHash: await store.write(plan) }]),
    theirs: (type, args) => timed(type, 'bench', [...args]),
    async stop() {
      for (const worker of workers) worker.shutdown();
      await ended;
      await client.connection.close();
      await connection.close();
      await endProcess(layout.processes, server.record);
      await rm(layout.home, { recursive: true, force: true });
    },
  };
}
