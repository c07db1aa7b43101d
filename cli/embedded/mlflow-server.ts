/** The embedded MLflow server with its UI: SQLite and artifacts in the home. */
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import type { HomeLayout } from '../../contracts/home.js';
import type { ProcessRecord } from './process-record.js';
import { answers, startServer } from './server.js';

/**
 * Starts the server (or takes over the one that runs) and returns its address.
 *
 * @param samePorts ports that it must have again, for it has died under clients that know them
 */
export async function startMlflow(
  layout: HomeLayout,
  executable: string,
  samePorts?: ProcessRecord['ports'],
): Promise<{ record: ProcessRecord; url: string }> {
  await mkdir(`${layout.mlflow}/artifacts`, { recursive: true });
  const record = await startServer(layout, {
    name: 'mlflow',
    ports: samePorts ?? { http: 5000 },
    portsAreFixed: samePorts !== undefined,
    beforeStart: () => dropUnfinished(layout),
    command: executable,
    args: (ports) => [
      ...['server', '--host', '127.0.0.1', '--port', String(ports['http']), '--workers', '1'],
      ...['--backend-store-uri', `sqlite:///${layout.mlflow}/mlflow.db`],
      ...['--artifacts-destination', `${layout.mlflow}/artifacts`, '--serve-artifacts'],
    ],
    env: {
      // without these it is ten processes and 1.7 GB
      MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
      MLFLOW_DISABLE_TELEMETRY: 'true',
    },
    isReady: (ports) => answers(`http://127.0.0.1:${ports['http']}/health`),
    startTimeoutMs: 120_000,
  });
  await rm(unfinishedMark(layout), { force: true });
  return { record, url: `http://127.0.0.1:${record.ports['http']}` };
}

/** Stands there while MLflow makes the tables of a new database, which it cannot go on with. */
function unfinishedMark(layout: HomeLayout): string {
  return `${layout.mlflow}/database-unfinished`;
}

/** A database whose first start was cut short holds nothing but some of its tables: it is made anew. */
async function dropUnfinished(layout: HomeLayout): Promise<void> {
  const database = `${layout.mlflow}/mlflow.db`;
  if (existsSync(unfinishedMark(layout))) {
    for (const suffix of ['', '-journal', '-wal', '-shm']) {
      await rm(`${database}${suffix}`, { force: true });
    }
  }
  if (!existsSync(database)) await writeFile(unfinishedMark(layout), '');
}
