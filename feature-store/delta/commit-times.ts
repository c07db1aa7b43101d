/** When each version of a table was committed, and which version was the newest at a time. */
import { PipelineError } from '../../contracts/errors.js';
import { inParallel } from './in-parallel.js';
import { logVersions, readCommitInfo } from './snapshot.js';

/**
 * Commit time of each version, milliseconds since 1970; the index is the version.
 *
 * Times rise strictly, whatever the writers' clocks said: one that is not after the time before it counts as one
 * millisecond after it. This is Delta's rule.
 *
 * @throws PipelineError DELTA_LOG_BROKEN
 */
export async function commitTimes(table: string): Promise<number[]> {
  const infos = await inParallel(await logVersions(table), (version) =>
    readCommitInfo(table, version),
  );
  let before = -Infinity;
  return infos.map((info) => (before = Math.max(info?.timestamp ?? 0, before + 1)));
}

/** The newest version that was committed at or before a time, of the times of `commitTimes`; undefined for none. */
export function newestAt(times: readonly number[], atMs: number): number | undefined {
  const version = times.findLastIndex((time) => time <= atMs);
  return version < 0 ? undefined : version;
}

/**
 * The newest version that was committed at or before a time.
 *
 * @param atMs milliseconds since 1970
 * @throws PipelineError TABLE_VERSION_UNKNOWN when the table's first version is younger, DELTA_LOG_BROKEN
 */
export async function versionAt(table: string, atMs: number): Promise<number> {
  const times = await commitTimes(table);
  const version = newestAt(times, atMs);
  if (version !== undefined) return version;
  const [first] = times;
  throw new PipelineError({
    code: 'TABLE_VERSION_UNKNOWN',
    file: table,
    found: `no version at ${new Date(atMs).toISOString()}`,
    expected:
      first === undefined
        ? 'a table with a version'
        : `${new Date(first).toISOString()} or later, when version 0 was committed`,
    fix: 'name a later time, or a version; `sentinel tables history TABLE` lists both',
  });
}
