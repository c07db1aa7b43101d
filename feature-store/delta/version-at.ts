/** Which version of a table was there at an instant. */
import { logVersions, readLogEntry } from './snapshot.js';

/**
 * The newest version that had been committed by `timeMs`, as every version before it had; undefined for none.
 *
 * Clocks of two writers may differ: a version behind a later one does not count, so nothing that was
 * committed after the instant is ever read.
 *
 * @param table absolute folder of the table
 * @param timeMs ms since 1970
 */
export async function versionAt(table: string, timeMs: number): Promise<number | undefined> {
  let found: number | undefined;
  for (const version of await logVersions(table)) {
    const lines = await readLogEntry(table, version);
    const committedMs = lines.find((line) => line.commitInfo)?.commitInfo?.timestamp ?? Infinity;
    if (committedMs > timeMs) break;
    found = version;
  }
  return found;
}
