/** Versions whose data files were deleted: the log still knows them, nobody can read them. */
import { PipelineError } from '../../contracts/errors.js';
import type { LiveFile, Snapshot } from './snapshot.js';
import { storageOf } from './storage-of.js';

/** A version of a table, and which of its files are read. */
interface ReadFiles extends Pick<Snapshot, 'table' | 'version'> {
  readonly files: ReadonlyMap<string, Pick<LiveFile, 'file'>>;
}

/**
 * What `read` gives; when it fails, and files of a snapshot are no longer there, the error says so.
 *
 * @throws PipelineError TABLE_VERSION_VACUUMED
 */
export async function readOldVersions<T>(
  snapshots: readonly ReadFiles[],
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    for (const snapshot of snapshots) {
      const missing = await countMissing(snapshot);
      if (missing === 0) continue;
      throw new PipelineError(
        {
          code: 'TABLE_VERSION_VACUUMED',
          file: snapshot.table,
          found: `${missing} of ${snapshot.files.size} data files of version ${snapshot.version} are no longer there`,
          fix: 'read a newer version: `sentinel tables history TABLE` lists them; `sentinel tables vacuum` keeps the last 30 days, or as many as --retain-days says',
        },
        { cause },
      );
    }
    throw cause;
  }
}

async function countMissing(snapshot: ReadFiles): Promise<number> {
  const storage = storageOf(snapshot.table);
  const missing = new Set([...snapshot.files.values()].map(({ file }) => file));
  for await (const page of storage.listData())
    for (const { path } of page) missing.delete(storage.location(path));
  return missing.size;
}
