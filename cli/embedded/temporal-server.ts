/** The embedded Temporal server with its UI, on SQLite in the home. */
import { mkdir } from 'node:fs/promises';
import { createConnection } from 'node:net';
import type { WorkflowService } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import type { HomeLayout } from '../../contracts/home.js';
import { SEARCH_ATTRIBUTES } from '../../contracts/queues.js';
import type { ProcessRecord } from './process-record.js';
import { answers, startServer } from './server.js';

/**
 * Polls per second of the queues behind every hop. The default of 20 puts a floor of 50 ms under each
 * hand-over between tasks.
 */
const POLL_RPS = 2_000;

/** A closed run stays in the server for this long; our own tables keep it for good. */
const RETENTION = '30 days';

/** How a start differs from the first one of a home. */
export interface TemporalOptions {
  /** Where the UI gets large values from; without it the UI shows references. */
  readonly codecPort?: number;
  /** Ports that it must have again, for it has died under clients that know them. */
  readonly samePorts?: ProcessRecord['ports'];
}

/** Starts the server (or takes over the one that runs) and returns its addresses. */
export async function startTemporal(
  layout: HomeLayout,
  executable: string,
  { codecPort, samePorts }: TemporalOptions = {},
): Promise<{ record: ProcessRecord; address: string; uiUrl: string }> {
  await mkdir(layout.temporal, { recursive: true });
  const record = await startServer(layout, {
    name: 'temporal',
    ports: samePorts ?? { grpc: 7233, ui: 8233 },
    portsAreFixed: samePorts !== undefined,
    command: executable,
    args: (ports) => [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--log-level', 'warn'],
      ...['--port', String(ports['grpc']), '--ui-port', String(ports['ui'])],
      ...(codecPort === undefined ? [] : ['--ui-codec-endpoint', `http://127.0.0.1:${codecPort}`]),
      ...['--db-filename', `${layout.temporal}/temporal.db`],
      ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
      ...Object.values(SEARCH_ATTRIBUTES).flatMap((name) => [
        '--search-attribute',
        `${name}=Keyword`,
      ]),
      ...['transfer', 'timer', 'visibility'].flatMap((queue) => [
        '--dynamic-config-value',
        `history.${queue}ProcessorMaxPollRPS=${POLL_RPS}`,
      ]),
    ],
    isReady: async (ports) =>
      (await accepts(ports['grpc']!)) && (await answers(`http://127.0.0.1:${ports['ui']}/`)), // both were asked for
  });
  return {
    record,
    address: `127.0.0.1:${record.ports['grpc']}`,
    uiUrl: `http://127.0.0.1:${record.ports['ui']}`,
  };
}

/** Makes the server keep closed runs for `RETENTION`: it forgets them after a day otherwise. */
export async function setRetention(service: WorkflowService, namespace: string): Promise<void> {
  await service.updateNamespace({
    namespace,
    config: { workflowExecutionRetentionTtl: msToTs(RETENTION) },
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
