/** One `up` per home: the record of the `up` that holds it. */
import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../../contracts/errors.js';
import type { HomeLayout } from '../../contracts/home.js';
import { isAlive, recordOf, type ProcessRecord } from './process-record.js';

/**
 * Takes the home for this process; the result gives it back.
 *
 * @throws PipelineError HOME_IN_USE while another `up` holds it
 */
export async function lockHome(layout: HomeLayout): Promise<() => Promise<void>> {
  const lock = join(layout.processes, 'up.json');
  const own = join(layout.processes, `.up.${randomUUID()}`);
  await mkdir(layout.processes, { recursive: true });
  await writeFile(own, JSON.stringify(recordOf({ name: 'up', pid: process.pid, ports: {} })));
  try {
    while (!(await linked(own, lock))) await clearStale(layout, lock);
  } finally {
    await rm(own, { force: true });
  }
  return () => rm(lock, { force: true });
}

/** A link is there whole or not at all, and only one of several callers makes it. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false; // fs errors carry a code
    throw error;
  }
}

/** Takes the lock of a dead holder away. */
async function clearStale(layout: HomeLayout, lock: string): Promise<void> {
  const aside = `${lock}.${randomUUID()}`;
  refuseLive(layout, await holderOf(lock));
  try {
    await rename(lock, aside);
  } catch {
    return; // another `up` was faster
  }
  const taken = await holderOf(aside);
  // another `up` took the lock between the look and the rename: it gets its lock back
  if (taken !== undefined && isAlive(taken)) await linked(aside, lock);
  await rm(aside, { force: true });
  refuseLive(layout, taken);
}

async function holderOf(file: string): Promise<ProcessRecord | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as ProcessRecord; // written above
  } catch {
    return undefined; // given back in between, or cut short by a crash of the machine
  }
}

function refuseLive(layout: HomeLayout, holder: ProcessRecord | undefined): void {
  if (holder === undefined || !isAlive(holder)) return;
  throw new PipelineError({
    code: 'HOME_IN_USE',
    file: layout.home,
    found: `\`sentinel up\` runs on it already, as process ${holder.pid}`,
    fix: 'use that one, end it with Ctrl-C, or choose another home with SENTINEL_HOME',
  });
}
