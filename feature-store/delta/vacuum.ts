/**
 * Deletes data files that no version anyone may still read names. The log stays whole: what was done remains known,
 * only the rows of old versions go.
 */
import type { LiveFile } from './snapshot.js';
import { advanceSnapshot, logVersions, readLogEntry, readSnapshot } from './snapshot.js';
import { RETENTION_MS } from './checkpoint.js';
import { commitTimes } from './commit-times.js';
import { inParallel } from './in-parallel.js';
import { storageOf } from './storage-of.js';
import type { StoredFile } from './table-storage.js';

/** What may go. */
export interface VacuumRequest {
  /** Absolute folder of the table, or its `s3://` address. */
  readonly table: string;
  /** Every version that was the newest at some time in this span before `nowMs` stays. @default 30 days */
  readonly retainMs?: number;
  /** Versions that stay whatever their age, such as those that runs name; unknown ones are passed over. */
  readonly protectedVersions?: ReadonlySet<number>;
  /** Counts only. @default false */
  readonly dryRun?: boolean;
  /** Milliseconds since 1970. @default the clock */
  readonly nowMs?: number;
}

/** What a vacuum did, or in a dry run would do. */
export interface Vacuumed {
  readonly removed: number;
  readonly removedBytes: number;
  /** Those of `removed` that no version ever named: left by killed writers. */
  readonly leftovers: number;
  readonly kept: number;
  readonly keptBytes: number;
}

/**
 * Deletes what no version within the retention, and no protected one, names.
 *
 * A file that no version names at all may be one that a writer has just put there, so it stays for a day.
 *
 * @throws PipelineError DELTA_LOG_BROKEN
 */
export async function vacuumTable(request: VacuumRequest): Promise<Vacuumed> {
  const { table, retainMs = RETENTION_MS, dryRun = false, nowMs = Date.now() } = request;
  const storage = storageOf(table);
  const sum = { removed: 0, removedBytes: 0, leftovers: 0, kept: 0, keptBytes: 0 };
  const doomed: StoredFile[] = [];
  // the disk is listed first: a file that is named only later is too young to go
  const stored = [];
  for await (const page of storage.listData()) stored.push(...page);
  const { needed, named } = await namedFiles(table, nowMs - retainMs, request.protectedVersions);
  for (const file of stored) {
    const location = storage.location(file.path);
    const isLeftover = !named.has(location);
    const isDoomed = isLeftover
      ? file.modifiedMs < nowMs - LEFTOVER_MS && !isHidden(file.path)
      : !needed.has(location);
    if (isDoomed) doomed.push(file);
    sum[isDoomed ? 'removed' : 'kept'] += 1;
    sum[isDoomed ? 'removedBytes' : 'keptBytes'] += file.bytes;
    if (isDoomed && isLeftover) sum.leftovers += 1;
  }
  if (!dryRun) await storage.remove(doomed.map(({ path }) => path));
  return sum;
}

/** Locations of the files that must stay, and of all that any version has ever named. */
async function namedFiles(
  table: string,
  cutoffMs: number,
  protectedVersions: ReadonlySet<number> = new Set(),
): Promise<{ needed: Set<string>; named: Set<string> }> {
  const needed = new Set<string>();
  const named = new Set<string>();
  const times = await commitTimes(table);
  if (times.length === 0) return { needed, named };
  // the version that was the newest when the retention began is the first that stays
  const first = Math.max(
    0,
    times.findLastIndex((time) => time <= cutoffMs),
  );
  const keep = (files: Iterable<LiveFile>): void => {
    for (const { file } of files) needed.add(file);
  };
  let snapshot = await readSnapshot(table, { version: 0 });
  for (const version of [...protectedVersions].sort((a, b) => a - b)) {
    if (snapshot === undefined || version < 0 || version >= first) continue;
    snapshot = await advanceSnapshot(snapshot, { version });
    keep(snapshot.files.values());
  }
  if (snapshot !== undefined)
    keep((await advanceSnapshot(snapshot, { version: first })).files.values());
  const storage = storageOf(table);
  const versions = await logVersions(table);
  await inParallel(versions, async (version) => {
    for (const { add } of await readLogEntry(table, version)) {
      if (add === undefined) continue;
      const location = storage.location(decodeURIComponent(add.path));
      named.add(location);
      if (version >= first) needed.add(location);
    }
  });
  return { needed, named };
}

/** Delta's readers and writers may keep files of their own under such names. */
function isHidden(path: string): boolean {
  return path.split('/').some((part) => part.startsWith('_') && !part.includes('='));
}

/** The longest that a writer may take from putting its files there to its commit. */
const LEFTOVER_MS = 86_400_000;
