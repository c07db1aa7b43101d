/** Files that survive a crash: what is visible is complete, and what was reported is on disk. */
import { randomUUID } from 'node:crypto';
import { copyFile, link, mkdir, open, rename, stat, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Flushes a file or a folder to disk. */
export async function syncPath(target: string): Promise<void> {
  const handle = await open(target, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Creates `file` with `text`, complete or not at all, unless it exists; its folder is made.
 *
 * `link(2)` is the only local call that both refuses an existing name and exposes a finished file:
 * rename overwrites, O_EXCL shows half of it.
 *
 * @returns false when the name was taken
 */
export async function createExclusive(file: string, text: string): Promise<boolean> {
  const folder = path.dirname(file);
  await mkdir(folder, { recursive: true });
  const temporary = path.join(folder, `.commit-${randomUUID()}.tmp`);
  await writeFile(temporary, text, { flush: true });
  try {
    await link(temporary, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false; // fs errors carry a code
    throw error;
  } finally {
    await unlink(temporary);
  }
  await syncPath(folder);
  return true;
}

/**
 * Moves a file to a path that need not be on the same disk; its folder is made.
 *
 * A file that was moved by an earlier attempt counts as moved when it has the expected size.
 *
 * @returns false when neither place has the file
 */
export async function moveFile(from: string, to: string, bytes: number): Promise<boolean> {
  await mkdir(path.dirname(to), { recursive: true });
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // fs errors carry a code
    if (code === 'ENOENT')
      return stat(to).then(
        (found) => found.size === bytes,
        () => false,
      );
    if (code !== 'EXDEV') throw error;
  }
  const copy = `${to}.${randomUUID()}.tmp`;
  await copyFile(from, copy);
  await rename(copy, to); // a reader that waits for the name never sees half a file
  await unlink(from);
  return true;
}
