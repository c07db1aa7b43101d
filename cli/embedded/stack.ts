/** All processes of a home, started and stopped as one. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { installation } from '../../activities/installation.js';
import type { HomeLayout } from '../../contracts/home.js';
import type { JsonObject } from '../../contracts/json.js';
import { temporalConfig } from '../../temporal.config.js';
import { keepAlive } from './keep-alive.js';
import { startMlflow } from './mlflow-server.js';
import { endMarkedProcesses } from './marked-processes.js';
import { startTemporal } from './temporal-server.js';
import { startWorker } from './worker-process.js';

/** The running parts of a home. */
export interface Stack {
  readonly client: Client;
  readonly temporalUi: string;
  readonly mlflowUrl: string;
  /** Aborted, with a PipelineError as its reason, when the worker cannot be kept running. */
  readonly failed: AbortSignal;
  /** Ends everything it started or took over, worker first. */
  stop(): Promise<void>;
}

/** A closed run stays in the server for this long; our own tables keep it for good. */
const RETENTION = '30 days';

/**
 * Starts Temporal, MLflow and the worker of a home.
 *
 * @param params defaults of DAG parameters for the runs of this home
 * @param say receives one line for each thing that happens
 */
export async function startStack(
  layout: HomeLayout,
  params: JsonObject,
  say: (line: string) => void,
): Promise<Stack> {
  try {
    return await start(layout, params, say);
  } catch (error) {
    await endServers(layout);
    throw error;
  }
}

async function start(
  layout: HomeLayout,
  params: JsonObject,
  say: (line: string) => void,
): Promise<Stack> {
  const [temporal, mlflow] = await settled([
    startTemporal(layout, installation.temporal),
    startMlflow(layout, installation.mlflow),
  ]);
  say(`Temporal UI ${temporal.uiUrl}   MLflow UI ${mlflow.url}`);
  const { connection, namespace } = temporalConfig(temporal.address);
  const client = new Client({ connection: await Connection.connect(connection), namespace });
  try {
    return await serve(layout, { client, namespace, temporal, mlflow, params, say });
  } catch (error) {
    await client.connection.close();
    throw error;
  }
}

/** What `serve` builds on. */
interface Servers {
  readonly client: Client;
  readonly namespace: string;
  readonly temporal: Awaited<ReturnType<typeof startTemporal>>;
  readonly mlflow: Awaited<ReturnType<typeof startMlflow>>;
  readonly params: JsonObject;
  readonly say: (line: string) => void;
}

/** The worker on servers that answer, and the watch over all of them. */
async function serve(
  layout: HomeLayout,
  { client, namespace, temporal, mlflow, params, say }: Servers,
): Promise<Stack> {
  await client.workflowService.updateNamespace({
    namespace,
    config: { workflowExecutionRetentionTtl: msToTs(RETENTION) },
  });
  // what killed workers have left in the middle of tasks: nobody will commit it
  await endMarkedProcesses(layout.home, 'worker');
  await rm(layout.staging, { recursive: true, force: true });
  const worker = await startWorker(layout, {
    entry: installation.workerEntry,
    args: [
      ...['--home', layout.home, '--temporal', temporal.address, '--mlflow', mlflow.url],
      ...['--params', JSON.stringify(params)],
    ],
    onRestart: (reason) => say(`the worker ended (${reason}); starting it again`),
  });
  const stopWatching = keepAlive(
    [
      {
        record: temporal.record,
        restart: async (ports) =>
          (await startTemporal(layout, installation.temporal, { samePorts: ports })).record,
      },
      {
        record: mlflow.record,
        restart: async (ports) => (await startMlflow(layout, installation.mlflow, ports)).record,
      },
    ],
    say,
  );
  return {
    client,
    temporalUi: temporal.uiUrl,
    mlflowUrl: mlflow.url,
    failed: worker.failed,
    async stop() {
      await stopWatching();
      await worker.stop();
      await client.connection.close();
      await endServers(layout);
    },
  };
}

/** Both results, or the first fault once both have come to an end: nothing is left half started. */
async function settled<A, B>(work: [Promise<A>, Promise<B>]): Promise<[A, B]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

async function endServers(layout: HomeLayout): Promise<void> {
  const names = ['worker', 'mlflow', 'temporal'];
  await Promise.all(names.map((name) => endMarkedProcesses(layout.home, name)));
  await Promise.all(
    names.map((name) => rm(join(layout.processes, `${name}.json`), { force: true })),
  );
}
