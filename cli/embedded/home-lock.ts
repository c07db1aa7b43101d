/** One `up` per home: the record of the `up` that holds it. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../../contracts/errors.js';
import type { HomeLayout } from '../../contracts/home.js';
import { isAlive, readRecord, writeRecord } from './process-record.js';

/**
 * Takes the home for this process; the result gives it back.
 *
 * @throws PipelineError HOME_IN_USE while another `up` holds it
 */
export async function lockHome(layout: HomeLayout): Promise<() => Promise<void>> {
  const holder = await readRecord(layout.processes, 'up');
  if (holder !== undefined && isAlive(holder)) {
    throw new PipelineError({
      code: 'HOME_IN_USE',
      file: layout.home,
      found: `\`sentinel up\` runs on it already, as process ${holder.pid}`,
      fix: 'use that one, end it with Ctrl-C, or choose another home with SENTINEL_HOME',
    });
  }
  await writeRecord(layout.processes, { name: 'up', pid: process.pid, ports: {} });
  return () => rm(join(layout.processes, 'up.json'), { force: true });
}
