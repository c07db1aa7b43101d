/** A real Temporal server, a temporary home with real tables, and a worker on both, for one test file. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkflowHandle } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import {
  bundleWorkflowCode,
  DefaultLogger,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import { activityCatalogue } from '../../activities/catalogue.js';
import { checkedActivities, type TaskCode } from '../../activities/checked.js';
import { createActivities } from '../../activities/index.js';
import { installation } from '../../activities/installation.js';
import { planStore } from '../../activities/plan-store.js';
import { runRecorder, type RunRecorder } from '../../activities/run-recorder.js';
import { withTaskLogs } from '../../activities/task-log.js';
import { homeLayout, type HomeLayout } from '../../contracts/home.js';
import type { Json, JsonObject } from '../../contracts/json.js';
import { QUEUES, SEARCH_ATTRIBUTES } from '../../contracts/queues.js';
import { compile } from '../../dag/compile.js';
import type { Dag } from '../../dag/declare.js';
import type { Plan } from '../../dag/plan.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { listFolders } from '../../feature-store/delta/storage-of.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { dataConverter } from '../../payloads/payload-codec.js';

export interface EngineEnvironment {
  readonly server: TestWorkflowEnvironment;
  readonly layout: HomeLayout;
  readonly recorder: RunRecorder;
  /** Starts a run of a DAG under its id. */
  start(type: string, workflowId: string, input?: JsonObject): Promise<WorkflowHandle>;
  /** Writes a plan to the home's store; returns its hash. */
  storePlan(plan: Plan): Promise<string>;
  /** Rows of SQL over the home's tables; none while no table exists. */
  rows(sql: string): Promise<readonly Record<string, unknown>[]>;
  /** Ends the workers, and starts others in their place. */
  restartWorkers(): Promise<void>;
  stop(): Promise<void>;
}

export interface EngineOptions {
  readonly dags: readonly (Dag | Dag<never, unknown>)[];
  /** What `noop` does, by its value; it hands the value on by default. */
  readonly noop: TaskCode<'noop'>;
  /** Activities without a contract, by name. @default none */
  readonly others?: Record<string, (input: Json) => Promise<Json>>;
  readonly layout?: HomeLayout;
  /** Further settings of the server. @default none */
  readonly serverArgs?: readonly string[];
  /** @default one that nobody serves: most tests do not ask the registry */
  readonly mlflowUrl?: string;
  /** Workflows that the first workers serve; those after a restart serve the ones of this tree. @default the same */
  readonly firstWorkflows?: string;
}

/** The workflows of the source tree, bundled as set-up does it. */
export function bundleWorkflows(
  workflowsPath = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url)),
): Promise<WorkflowBundleWithSourceMap> {
  return bundleWorkflowCode({
    workflowsPath,
    logger: new DefaultLogger('WARN'),
  });
}

/** An empty home in the folder for temporary files. */
export async function temporaryHome(): Promise<HomeLayout> {
  return homeLayout(await mkdtemp(join(tmpdir(), 'sentinel-engine-')));
}

/** The plan of a DAG as a worker of this code compiles it. */
export function planOf(dag: Dag | Dag<never, unknown>): Plan {
  const workflowTypes = ['lifecycle', 'inner', 'retrain'];
  const catalogue = activityCatalogue();
  return compile(dag, { catalogue, codeVersion: 'test', workflowTypes });
}

/** A run that is deleted is gone when its tasks are acknowledged, every 30 s by default. */
const FORGETS_AT_ONCE = [
  'history.transferProcessorUpdateAckInterval="200ms"',
  'history.visibilityProcessorUpdateAckInterval="200ms"',
];

/** Everything up; `stop` ends it and removes the home. */
export async function startEngine({
  dags,
  noop,
  others = {},
  layout,
  serverArgs = [],
  mlflowUrl = 'http://127.0.0.1:9',
  firstWorkflows,
}: EngineOptions): Promise<EngineEnvironment> {
  const home = layout ?? (await temporaryHome());
  const converter = dataConverter(home);
  const plans = new Map(dags.map((dag) => [dag.type, planOf(dag)]));
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const [bundle, server] = await Promise.all([
    bundleWorkflows(),
    TestWorkflowEnvironment.createLocal({
      client: { dataConverter: converter },
      server: {
        executable: { type: 'existing-path', path: installation.temporal },
        extraArgs: [
          ...serverArgs,
          ...Object.values(SEARCH_ATTRIBUTES).flatMap((name) => [
            '--search-attribute',
            `${name}=Keyword`,
          ]),
          ...FORGETS_AT_ONCE.flatMap((setting) => ['--dynamic-config-value', setting]),
        ],
      },
    }),
  ]);
  const recorder = runRecorder(home, server.client);
  const activities = {
    ...createActivities({
      layout: home,
      recorder,
      setupDir: installation.setupDir,
      computeEntry: installation.computeEntry,
      mlflowUrl,
      temporal: server.client,
      plans,
    }),
    ...withTaskLogs(home, checkedActivities({ noop })),
    ...others,
  };
  async function startWorkers(workflowBundle = bundle): Promise<() => Promise<void>> {
    const workers = await Promise.all(
      QUEUES.map((taskQueue) =>
        Worker.create({
          connection: server.nativeConnection,
          dataConverter: converter,
          taskQueue,
          activities,
          maxHeartbeatThrottleInterval: '2s',
          defaultHeartbeatThrottleInterval: '2s',
          shutdownGraceTime: '1s',
          ...((taskQueue === 'control' || taskQueue === 'triggers') && {
            workflowBundle,
            sinks: recorder.sinks,
          }),
        }),
      ),
    );
    const ended = Promise.all(workers.map((worker) => worker.run()));
    return async () => {
      workers.forEach((worker) => worker.shutdown());
      await ended;
    };
  }

  let stopWorkers = await startWorkers(
    firstWorkflows === undefined ? bundle : await bundleWorkflows(firstWorkflows),
  );
  return {
    server,
    layout: home,
    recorder,
    start: (type, workflowId, input = {}) =>
      server.client.workflow.start(type, { workflowId, taskQueue: 'control', args: [input] }),
    storePlan: (plan) => planStore(home.plans, plans).write(plan),
    async rows(sql) {
      await recorder.settled();
      if ((await listFolders(home.tables)).length === 0) return [];
      const db = await FeatureDb.open({ threads: 1 });
      try {
        return (await queryTables({ db, tablesRoot: home.tables, sql })).rows;
      } finally {
        db.close();
      }
    },
    async restartWorkers() {
      await stopWorkers();
      stopWorkers = await startWorkers();
    },
    async stop() {
      await stopWorkers();
      await recorder.settled();
      await server.teardown();
      await rm(home.home, { recursive: true, force: true });
    },
  };
}
