/** The rows of live files in other files: the step that compaction and the separation of sources share. */
import { PipelineError } from '../contracts/errors.js';
import type { PartitionValues } from './delta/actions.js';
import type { StagedFile } from './delta/commit.js';
import { scanSnapshot } from './delta/scan.js';
import { rowOrder, type TableSchema } from './delta/schema.js';
import type { LiveFile, Snapshot } from './delta/snapshot.js';
import { stageFiles } from './delta/stage.js';
import type { FeatureDb } from './duckdb.js';
import { otherTags, sourcesOf, tagSources, type SourceRows } from './source-tags.js';

/** Files of one partition whose rows shall lie in one file. */
export type FileGroup = readonly [LiveFile, ...LiveFile[]];

/**
 * Stages one file for each group that keeps a row, in the order of the table and with the tags of its rows.
 *
 * @param request groups are of different partitions; `keep` says which sources' rows to take, by default all
 * @throws PipelineError STORE_QUERY_FAILED, also when the files hold other rows than the log says
 */
export async function rewriteFiles(request: {
  readonly db: FeatureDb;
  readonly snapshot: Snapshot;
  readonly schema: TableSchema;
  readonly groups: readonly FileGroup[];
  readonly keep?: (source: SourceRows) => boolean;
  /** Absolute folder, made when it is not there. */
  readonly stagingDir: string;
}): Promise<StagedFile[]> {
  const { db, snapshot, schema, groups, keep, stagingDir } = request;
  const files = new Set(groups.flat().map(({ logPath }) => logPath));
  const sources = groups.flat().flatMap((file) => sourcesOf(file));
  const left = new Set(
    keep && sources.filter((source) => !keep(source)).map(({ sha256 }) => sha256),
  );
  const rows = scanSnapshot(snapshot, ({ logPath }) => files.has(logPath));
  const hashes = [...left].map((sha256) => `'${sha256}'`).join(', ');
  const staged = await db.session((session) =>
    stageFiles({
      session,
      schema,
      select: hashes === '' ? rows : `SELECT * FROM (${rows}) WHERE source_sha NOT IN (${hashes})`,
      orderBy: rowOrder(schema),
      stagingDir,
      expectedRows: Infinity,
    }),
  );
  const byPartition = new Map(
    groups.map((group) => [partitionKey(schema, group[0].partitionValues), group]),
  );
  return staged.map((file) => {
    const group = byPartition.get(partitionKey(schema, file.partitionValues)) ?? [];
    const parts = group
      .flatMap((live) => sourcesOf(live))
      .filter(({ sha256 }) => !left.has(sha256));
    const expected = (parts.length > 0 ? parts : group).reduce((sum, part) => sum + part.rows, 0);
    if (file.stats.numRecords !== expected) throw otherRows(snapshot, file, expected);
    return { ...file, tags: { ...(group[0] && otherTags(group[0])), ...tagSources(parts) } };
  });
}

/** A text that is equal for equal partitions. */
export function partitionKey({ partitionColumns }: TableSchema, values: PartitionValues): string {
  return JSON.stringify(partitionColumns.map((column) => values[column] ?? null));
}

function otherRows(snapshot: Snapshot, file: StagedFile, expected: number): PipelineError {
  return new PipelineError({
    code: 'STORE_QUERY_FAILED',
    file: snapshot.table,
    found: `${file.stats.numRecords} rows in the data files of ${JSON.stringify(file.partitionValues)}`,
    expected: `${expected}, as the log says`,
    fix: 'nothing was changed; restore the table from a backup when a data file was edited',
  });
}
