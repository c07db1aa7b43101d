/**
 * Before the rows of a raw file are replaced, the compacted files that hold them with others' rows are rewritten
 * into two: theirs and the rest. Then whole files can be replaced, as without compaction.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { commitTable } from './delta/commit.js';
import type { TableSchema } from './delta/schema.js';
import { readSnapshot, type LiveFile, type Snapshot } from './delta/snapshot.js';
import { FeatureDb } from './duckdb.js';
import { partitionKey, rewriteFiles, type FileGroup } from './rewrite-files.js';
import { sourcesOf, type SourceRows } from './source-tags.js';

/**
 * The table at a version in which no file holds rows of these sources together with others'; undefined when there
 * is no table.
 *
 * @throws PipelineError DELTA_CONFLICT when such a file was replaced meanwhile, DELTA_SCHEMA_MISMATCH
 */
export async function separateSources(
  table: string,
  schema: TableSchema,
  isWanted: (source: SourceRows) => boolean,
): Promise<Snapshot | undefined> {
  const snapshot = await readSnapshot(table);
  const mixed = [...(snapshot?.files.values() ?? [])].filter((file) => isMixed(file, isWanted));
  if (snapshot === undefined || mixed.length === 0) return snapshot;
  const stagingRoot = await mkdtemp(path.join(tmpdir(), 'sentinel-separate-'));
  const db = await FeatureDb.open();
  try {
    const groups = groupByPartition(schema, mixed);
    const rewrite = (name: string, keep: (source: SourceRows) => boolean) =>
      rewriteFiles({
        ...{ db, snapshot, schema, groups, keep },
        stagingDir: path.join(stagingRoot, name),
      });
    const paths = new Set(mixed.map(({ logPath }) => logPath));
    await commitTable({
      table,
      schema,
      adds: [
        ...(await rewrite('wanted', isWanted)),
        ...(await rewrite('others', (source) => !isWanted(source))),
      ],
      removes: ({ logPath }) => paths.has(logPath),
      readVersion: snapshot.version,
      dataChange: false,
      operation: 'OPTIMIZE',
    });
  } finally {
    db.close();
    await rm(stagingRoot, { recursive: true, force: true });
  }
  return separateSources(table, schema, isWanted); // a compaction may have merged them again
}

function groupByPartition(schema: TableSchema, files: readonly LiveFile[]): FileGroup[] {
  const groups = new Map<string, FileGroup>();
  for (const file of files) {
    const key = partitionKey(schema, file.partitionValues);
    const group = groups.get(key);
    groups.set(key, group === undefined ? [file] : [...group, file]);
  }
  return [...groups.values()];
}

function isMixed(file: LiveFile, isWanted: (source: SourceRows) => boolean): boolean {
  const sources = sourcesOf(file);
  return sources.some(isWanted) && !sources.every(isWanted);
}
