/** A file for the user that appears complete or not at all; until then it is FILE.part. */
import { existsSync } from 'node:fs';
import { link, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { PipelineError } from '../contracts/errors.js';
import { syncPath } from './delta/durable-file.js';

/**
 * Gives a file its name once `write` has written all of it.
 *
 * @param file absolute
 * @param options `force` replaces a file that is there
 * @param write is told the path to write to
 * @throws PipelineError OUTPUT_EXISTS, OUTPUT_FOLDER_MISSING: then nothing is written
 */
export async function writeOutput<T>(
  file: string,
  { force }: { readonly force: boolean },
  write: (part: string) => Promise<T>,
): Promise<T> {
  requireFree(file, force);
  const part = `${file}.part`;
  try {
    const result = await write(part);
    await syncPath(part);
    if (force) await rename(part, file);
    else await publish(part, file);
    return result;
  } finally {
    await rm(part, { force: true });
  }
}

function requireFree(file: string, force: boolean): void {
  const folder = path.dirname(file);
  if (!existsSync(folder))
    throw new PipelineError({
      code: 'OUTPUT_FOLDER_MISSING',
      file,
      found: `no folder ${folder}`,
      fix: 'make it, or name another place',
    });
  if (!force && existsSync(file)) throw taken(file);
}

/** Gives the finished file its name unless that is taken by now. */
async function publish(part: string, file: string): Promise<void> {
  try {
    await link(part, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw taken(file); // fs errors carry a code
    throw error;
  }
}

function taken(file: string): PipelineError {
  return new PipelineError({
    code: 'OUTPUT_EXISTS',
    file,
    found: 'a file of that name',
    fix: 'name another file, or replace it with --force',
  });
}
