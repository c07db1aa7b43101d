/** The home a command works on, and the servers that run on it. */
import { resolve } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { homePlaces } from '../activities/home-places.js';
import { PipelineError } from '../contracts/errors.js';
import type { HomeLayout } from '../contracts/home.js';
import { dataConverter } from '../payloads/payload-codec.js';
import { temporalConfig } from '../temporal.config.js';
import { isAlive, readRecord } from './embedded/process-record.js';

/** `SENTINEL_HOME`, by default `.sentinel` in the working directory. */
export function currentHome(): HomeLayout {
  return homePlaces(resolve(process.env['SENTINEL_HOME'] ?? '.sentinel'));
}

/**
 * Address of a server of the home.
 *
 * @throws PipelineError HOME_NOT_RUNNING
 */
export async function serverPort(
  layout: HomeLayout,
  name: 'temporal' | 'mlflow',
  use: string,
): Promise<number> {
  const record = await readRecord(layout.processes, name);
  const port = record?.ports[use];
  if (record !== undefined && port !== undefined && isAlive(record)) return port;
  throw new PipelineError({
    code: 'HOME_NOT_RUNNING',
    file: layout.home,
    found: `no ${name} server runs on this home`,
    fix: 'start it with `sentinel up`, or point SENTINEL_HOME at the home that runs',
  });
}

/** A Temporal client of the home's server, or of the one that TEMPORAL_ADDRESS names. */
async function connectTemporal(layout: HomeLayout): Promise<Client> {
  const address =
    process.env['TEMPORAL_ADDRESS'] ?? `127.0.0.1:${await serverPort(layout, 'temporal', 'grpc')}`;
  const { connection, namespace } = temporalConfig(address);
  return new Client({
    connection: await Connection.connect(connection),
    namespace,
    dataConverter: dataConverter(layout),
  });
}

/**
 * What `use` makes of the home's Temporal server; the connection is closed behind it.
 *
 * @throws PipelineError HOME_NOT_RUNNING
 */
export async function withTemporal<T>(
  layout: HomeLayout,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await connectTemporal(layout);
  return use(client).finally(() => client.connection.close());
}

/**
 * The same, for what can be told without a server too: closed runs stand in our own tables.
 *
 * @param whenDown called while nothing runs on the home; the result is undefined then
 */
export async function ifRunning<T>(
  layout: HomeLayout,
  use: (client: Client) => Promise<T>,
  whenDown: () => void,
): Promise<T | undefined> {
  try {
    return await withTemporal(layout, use);
  } catch (error) {
    if (!(error instanceof PipelineError && error.code === 'HOME_NOT_RUNNING')) throw error;
    whenDown();
    return undefined;
  }
}
