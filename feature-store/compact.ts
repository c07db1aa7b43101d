/**
 * Compaction: the small files of a partition become one, with the same rows. Files that different writers replace
 * (predictions of two models) stay apart; rows of several raw files may share one, since its tags say so.
 */
import path from 'node:path';
import { PipelineError } from '../contracts/errors.js';
import { checkpointIfDue } from './delta/checkpoint.js';
import { commitTable } from './delta/commit.js';
import type { TableSchema } from './delta/schema.js';
import { readSnapshot, type LiveFile, type Snapshot } from './delta/snapshot.js';
import type { FeatureDb } from './duckdb.js';
import { partitionKey, rewriteFiles, type FileGroup } from './rewrite-files.js';
import { otherTags } from './source-tags.js';

/** What a compaction did, or in a dry run would do. */
export interface Compacted {
  /** The newest version of it, undefined when it made none. */
  readonly version: number | undefined;
  readonly filesBefore: number;
  readonly filesAfter: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Files left as they were, because another commit had removed some of them meanwhile. */
  readonly skipped: number;
}

/**
 * Compacts a table, commit by commit, each for a week's worth of partitions. The numbers count what was rewritten; after a
 * dry run the bytes are those of before.
 *
 * An append at the same time is no conflict. A commit that removed what a compaction has read wins; the next
 * compaction finds what is left.
 *
 * @throws PipelineError TABLE_UNKNOWN, DELTA_SCHEMA_MISMATCH, STORE_QUERY_FAILED
 */
export async function compactTable(request: {
  readonly db: FeatureDb;
  /** Absolute folder of the table, or its `s3://` address. */
  readonly table: string;
  readonly schema: TableSchema;
  /** Absolute folder for this call alone. */
  readonly stagingDir: string;
  /** Files of this size and more are left alone, and none is made much larger. @default 128 MB */
  readonly targetBytes?: number;
  /** Which files to look at. @default all */
  readonly only?: (file: LiveFile) => boolean;
  readonly dryRun?: boolean;
  /** Told before each commit, in a line. */
  readonly progress?: (detail: string) => void;
  /** Asked before each commit; true ends it there, and what was committed stays. */
  readonly shouldStop?: () => boolean;
}): Promise<Compacted> {
  const { table, schema, targetBytes = 128e6, only = () => true, dryRun = false } = request;
  const snapshot = await readSnapshot(table);
  const files = [...(snapshot?.files.values() ?? [])].filter(only);
  let sum: Compacted = {
    version: undefined,
    ...{ filesBefore: 0, filesAfter: 0, bytesBefore: 0, bytesAfter: 0, skipped: 0 },
  };
  if (snapshot === undefined) return sum;
  const commits = planCommits(schema, files, targetBytes);
  for (const [index, groups] of commits.entries()) {
    if (request.shouldStop?.() === true) break;
    request.progress?.(`${schema.name}: part ${index + 1} of ${commits.length}`);
    const before = groups.flat();
    const stagingDir = path.join(request.stagingDir, String(index));
    const after = dryRun
      ? { version: undefined, files: groups.length, bytes: bytesOf(before) }
      : await commitGroups({ ...request, snapshot, groups, stagingDir });
    if (after === undefined) {
      sum = { ...sum, skipped: sum.skipped + before.length };
      continue;
    }
    sum = {
      version: after.version ?? sum.version,
      filesBefore: sum.filesBefore + before.length,
      filesAfter: sum.filesAfter + after.files,
      bytesBefore: sum.bytesBefore + bytesOf(before),
      bytesAfter: sum.bytesAfter + after.bytes,
      skipped: sum.skipped,
    };
  }
  // readers start from a checkpoint, and these commits are long; the rows are safe without one
  if (sum.version !== undefined) await checkpointIfDue(table, Date.now(), 1).catch(() => undefined);
  return sum;
}

/** Undefined when another commit came first. */
async function commitGroups(request: {
  readonly db: FeatureDb;
  readonly schema: TableSchema;
  readonly snapshot: Snapshot;
  readonly groups: readonly FileGroup[];
  readonly stagingDir: string;
}): Promise<{ version: number; files: number; bytes: number } | undefined> {
  const { schema, snapshot, groups } = request;
  const inputs = new Set(groups.flat().map(({ logPath }) => logPath));
  const adds = await rewriteFiles(request);
  try {
    const { version } = await commitTable({
      table: snapshot.table,
      schema,
      adds,
      removes: ({ logPath }) => inputs.has(logPath),
      readVersion: snapshot.version,
      dataChange: false,
      operation: 'OPTIMIZE',
    });
    return { version, files: adds.length, bytes: bytesOf(adds) };
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'DELTA_CONFLICT') return undefined;
    throw error;
  }
}

/** What to merge, one commit after the other; in a commit each partition has at most one group. */
function planCommits(
  schema: TableSchema,
  files: readonly LiveFile[],
  targetBytes: number,
): FileGroup[][] {
  const mergeable = new Map<string, LiveFile[]>();
  for (const file of files) {
    if (file.bytes >= targetBytes) continue;
    const key = `${partitionKey(schema, file.partitionValues)} ${JSON.stringify(otherTags(file))}`;
    mergeable.set(key, [...(mergeable.get(key) ?? []), file]);
  }
  const commits: { partitions: Set<string>; rows: number; groups: FileGroup[] }[] = [];
  for (const group of [...mergeable.values()].flatMap((of) => cut(of, targetBytes))) {
    const partition = partitionKey(schema, group[0].partitionValues);
    const rows = group.reduce((sum, file) => sum + file.rows, 0);
    let commit = commits.findLast(
      ({ partitions, rows: held }) =>
        partitions.size < PARTITIONS_PER_COMMIT &&
        held + rows <= ROWS_PER_COMMIT &&
        !partitions.has(partition),
    );
    if (commit === undefined)
      commits.push((commit = { partitions: new Set(), rows: 0, groups: [] }));
    commit.partitions.add(partition);
    commit.rows += rows;
    commit.groups.push(group);
  }
  return commits.map(({ groups }) => groups);
}

/** Groups of two files and more, each of about the target's size. */
function cut(files: readonly LiveFile[], targetBytes: number): FileGroup[] {
  const groups: LiveFile[][] = [];
  let bytes = Infinity;
  for (const file of files) {
    if (bytes + file.bytes > targetBytes) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(file);
    bytes += file.bytes;
  }
  return groups.flatMap(([first, ...others]) =>
    first === undefined || others.length === 0 ? [] : [[first, ...others]],
  );
}

function bytesOf(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

// DuckDB holds a buffer for each partition it writes: a whole year at once (9,360) does not fit into 1 GB
const ROWS_PER_COMMIT = 200_000;
const PARTITIONS_PER_COMMIT = 200;
