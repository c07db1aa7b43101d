/** The embedded Temporal server with its UI, on SQLite in the home. */
import { mkdir } from 'node:fs/promises';
import { createConnection } from 'node:net';
import type { HomeLayout } from '../../contracts/home.js';
import { SEARCH_ATTRIBUTES } from '../../contracts/queues.js';
import type { ProcessRecord } from './process-record.js';
import { answers, startServer } from './server.js';

/**
 * Polls per second of the queues behind every hop. The default of 20 puts a floor of 50 ms under each
 * hand-over between tasks.
 */
const POLL_RPS = 2_000;

/**
 * Events that may wait while a workflow task is out. Beyond the default of 100 the server throws the task
 * away and the run is replayed from its start: a wide fan of short tasks did that several times a run.
 */
const BUFFERED_EVENTS = 100_000;

/** What makes the server of a home faster than one with default settings; nothing here costs durability. */
const TUNING = [
  ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
  ...['transfer', 'timer', 'visibility'].flatMap((queue) => [
    '--dynamic-config-value',
    `history.${queue}ProcessorMaxPollRPS=${POLL_RPS}`,
  ]),
  ...['--dynamic-config-value', `history.maximumBufferedEventsBatch=${BUFFERED_EVENTS}`],
];

/**
 * Starts the server (or takes over the one that runs) and returns its addresses.
 *
 * @param options.samePorts ports that it must have again, for it has died under clients that know them
 * @param options.tuned false for Temporal's default settings, to compare with. @default true
 */
export async function startTemporal(
  layout: HomeLayout,
  executable: string,
  { samePorts, tuned = true }: { samePorts?: ProcessRecord['ports']; tuned?: boolean } = {},
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
      ...['--db-filename', `${layout.temporal}/temporal.db`],
      ...Object.values(SEARCH_ATTRIBUTES).flatMap((name) => [
        '--search-attribute',
        `${name}=Keyword`,
      ]),
      ...(tuned ? TUNING : []),
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
