/** Checkpoints that no try will come for: of runs that were terminated, or whose worker never came back. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

const WEEK_MS = 7 * 86_400_000;

/**
 * Removes the folders below `folder` in which nothing was written for a week before `nowMs`.
 *
 * @param folder absolute; need not be there
 */
export async function removeOldCheckpoints(folder: string, nowMs: number): Promise<void> {
  const tasks = await readdir(folder).catch(() => []); // no training was cut short yet
  for (const task of tasks) {
    const path = join(folder, task);
    const { mtimeMs } = await stat(path); // every checkpoint is a new entry of its folder
    if (nowMs - mtimeMs > WEEK_MS) await rm(path, { recursive: true, force: true });
  }
}
