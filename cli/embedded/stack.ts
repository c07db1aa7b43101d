/** All processes of a home, started and stopped as one. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { installation } from '../../activities/installation.js';
import type { HomeLayout } from '../../contracts/home.js';
import type { JsonObject } from '../../contracts/json.js';
import { QUEUES } from '../../contracts/queues.js';
import { dataConverter } from '../../payloads/payload-codec.js';
import { temporalConfig } from '../../temporal.config.js';
import { writeInstallationParams } from '../installation-params.js';
import { startCodecEndpoint, type CodecEndpoint } from './codec-endpoint.js';
import { keepAlive } from './keep-alive.js';
import { startMlflow } from './mlflow-server.js';
import { endMarkedProcesses } from './marked-processes.js';
import { removeOldCheckpoints } from './old-checkpoints.js';
import { setRetention, startTemporal } from './temporal-server.js';
import { startWorker } from './worker-process.js';

/** The running parts of a home. */
export interface Stack {
  readonly client: Client;
  readonly temporalUi: string;
  readonly mlflowUrl: string;
  /** Aborted, with a PipelineError as its reason, when the worker cannot be kept running. */
  readonly failed: AbortSignal;
  /** Lets schedules and updated assets start runs; until then they wait. */
  serveTriggers(): void;
  /** Ends everything it started or took over, worker first. */
  stop(): Promise<void>;
}

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
  const converter = dataConverter(layout);
  const codec = await startCodecEndpoint(layout, converter.payloadCodecs[0]);
  try {
    return await start({ layout, params, say, converter, codec });
  } catch (error) {
    await codec.close();
    await endServers(layout);
    throw error;
  }
}

/** What every part of the start builds on. */
interface Setting {
  readonly layout: HomeLayout;
  readonly params: JsonObject;
  readonly say: (line: string) => void;
  readonly converter: DataConverter;
  readonly codec: CodecEndpoint;
}

async function start(setting: Setting): Promise<Stack> {
  const { layout, say, converter, codec } = setting;
  // the UI of a server that is left over asks where the codec was then
  if (codec.hasMoved) await endMarkedProcesses(layout.home, 'temporal');
  const [temporal, mlflow] = await settled([
    startTemporal(layout, installation.temporal, { codecPort: codec.port }),
    startMlflow(layout, installation.mlflow),
  ]);
  say(`Temporal UI ${temporal.uiUrl}   MLflow UI ${mlflow.url}`);
  const { connection, namespace } = temporalConfig(temporal.address);
  codec.admitUi(temporal.record.ports['ui']);
  const client = new Client({
    connection: await Connection.connect(connection),
    namespace,
    dataConverter: converter,
  });
  try {
    return await serve({ ...setting, client, namespace, temporal, mlflow });
  } catch (error) {
    await client.connection.close();
    throw error;
  }
}

/** What `serve` builds on. */
interface Servers extends Setting {
  readonly client: Client;
  readonly namespace: string;
  readonly temporal: Awaited<ReturnType<typeof startTemporal>>;
  readonly mlflow: Awaited<ReturnType<typeof startMlflow>>;
}

/** The worker on servers that answer, and the watch over all of them. */
async function serve(servers: Servers): Promise<Stack> {
  const { layout, client, namespace, codec, temporal, mlflow, params, say } = servers;
  await setRetention(client.workflowService, namespace);
  // what killed workers have left in the middle of tasks: nobody will commit it
  await endMarkedProcesses(layout.home, 'worker');
  await rm(layout.staging, { recursive: true, force: true });
  await removeOldCheckpoints(layout.checkpoints, Date.now());
  await writeInstallationParams(layout, params);
  const worker = await startWorker(layout, {
    entry: installation.workerEntry,
    args: [
      ...['--home', layout.home, '--temporal', temporal.address, '--mlflow', mlflow.url],
      ...['--params', JSON.stringify(params)],
      ...['--queues', QUEUES.filter((queue) => queue !== 'triggers').join(',')],
    ],
    onRestart: (reason) => say(`the worker ended (${reason}); starting it again`),
  });
  const stopWatching = keepAlive(
    [
      {
        record: temporal.record,
        restart: async (samePorts) => {
          const options = { samePorts, codecPort: codec.port };
          return (await startTemporal(layout, installation.temporal, options)).record;
        },
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
    serveTriggers: () => worker.serve('triggers'),
    async stop() {
      await stopWatching();
      await worker.stop();
      await client.connection.close();
      await codec.close();
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
