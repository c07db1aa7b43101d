/** A query's rows as Parquet files in a staging folder, with what a Delta add action needs. */
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { quote, quoteName, type Session } from '../duckdb.js';
import type { FileStats, PartitionValues } from './actions.js';
import type { StagedFile } from './commit.js';
import { duckdbType, type Column, type ColumnType, type TableSchema } from './schema.js';

/** Which rows to stage, and where. */
interface StageRequest {
  readonly session: Session;
  readonly schema: TableSchema;
  /** A SELECT that yields the schema's columns, by name. */
  readonly select: string;
  /** Absolute folder, on the disk of the table when the move shall be a rename. */
  readonly stagingDir: string;
  /** About how many rows; decides the compression. @default 0 */
  readonly expectedRows?: number;
  readonly tags?: Readonly<Record<string, string>>;
}

/**
 * Writes the rows, one file per partition, and returns the files; none when there are no rows.
 *
 * Columns are cast to the schema's types, so a SUM never lands as HUGEINT or DOUBLE by accident.
 *
 * @param request.orderBy ORDER BY expressions within and across the files, e.g. `app, source_row`
 */
export async function stageFiles(
  request: StageRequest & { readonly orderBy: string },
): Promise<StagedFile[]> {
  const { schema, select, orderBy } = request;
  const folder = await stagingFolder(request);
  // an unpartitioned COPY into a folder needs PER_THREAD_OUTPUT, which may cut the rows: name the file instead
  const partitioned = schema.partitionColumns.length > 0;
  const target = partitioned ? folder : path.join(folder, `part-${randomUUID()}.parquet`);
  const layout = partitioned
    ? `, PARTITION_BY (${schema.partitionColumns.map(quoteName).join(', ')}), APPEND, FILENAME_PATTERN 'part-{uuid}'`
    : '';
  const rows = await copy(
    request,
    `SELECT ${castColumns(schema.columns)} FROM (${select}) ORDER BY ${orderBy}`,
    target,
    layout,
  );
  return rows.map((row) =>
    stagedFile(request, folder, row, partitionValues(row, schema.partitionColumns)),
  );
}

/**
 * Writes the rows of one partition as one file, in the order in which `select` yields them.
 *
 * @param request.select yields the columns that the table is not cut by
 * @param request.partition whose values need no encoding in a path
 */
export async function stagePartition(
  request: StageRequest & { readonly partition: PartitionValues },
): Promise<StagedFile[]> {
  const { schema, select, partition } = request;
  const folder = await stagingFolder(request);
  const place = path.join(
    folder,
    ...schema.partitionColumns.map((column) => `${column}=${partition[column] ?? ''}`),
  );
  await mkdir(place, { recursive: true });
  const inFile = schema.columns.filter(({ name }) => !schema.partitionColumns.includes(name));
  const rows = await copy(
    request,
    `SELECT ${castColumns(inFile)} FROM (${select})`,
    path.join(place, `part-${randomUUID()}.parquet`),
  );
  return rows.map((row) => stagedFile(request, folder, row, partition));
}

async function stagingFolder({ stagingDir, schema }: StageRequest): Promise<string> {
  const folder = path.join(stagingDir, schema.name);
  await mkdir(folder, { recursive: true });
  return folder;
}

function castColumns(columns: readonly Column[]): string {
  return columns
    .map(({ name, type }) => `${quoteName(name)}::${duckdbType(type)} AS ${quoteName(name)}`)
    .join(', ');
}

async function copy(
  { session, expectedRows = 0 }: StageRequest,
  select: string,
  target: string,
  layout = '',
): Promise<CopyStats[]> {
  // zstd gains nothing on files of a few rows and costs a third of the time to write a hundred of them
  const compression = expectedRows > SMALL_ROWS ? 'zstd' : 'snappy';
  const rows = await session.rows<CopyStats>(
    `COPY (${select})
     TO ${quote(target)} (FORMAT parquet, COMPRESSION ${compression}, WRITE_BLOOM_FILTER false, RETURN_STATS${layout})`,
  );
  return rows.filter((row) => row.count > 0);
}

function stagedFile(
  { schema, tags }: StageRequest,
  folder: string,
  row: CopyStats,
  values: PartitionValues,
): StagedFile {
  return {
    file: row.filename,
    relativePath: path.relative(folder, row.filename),
    partitionValues: values,
    bytes: row.file_size_bytes,
    stats: fileStats(row, schema),
    ...(tags !== undefined && { tags }),
  };
}

/** A row of `COPY … (RETURN_STATS)`. */
interface CopyStats {
  readonly filename: string;
  readonly count: number;
  readonly file_size_bytes: number;
  readonly column_statistics: KeyValues<KeyValues<string>>;
  readonly partition_keys: KeyValues<string | null> | null;
}

type KeyValues<V> = readonly { readonly key: string; readonly value: V }[];

function partitionValues(row: CopyStats, columns: readonly string[]): PartitionValues {
  const found = new Map((row.partition_keys ?? []).map(({ key, value }) => [key, value]));
  return Object.fromEntries(columns.map((column) => [column, found.get(column) ?? null]));
}

function fileStats(row: CopyStats, schema: TableSchema): FileStats {
  const minValues: Record<string, string | number> = {};
  const maxValues: Record<string, string | number> = {};
  const nullCount: Record<string, number> = {};
  const statistics = new Map(row.column_statistics.map(({ key, value }) => [key, value]));
  for (const column of schema.statsColumns ?? []) {
    const type = schema.columns.find(({ name }) => name === column)?.type;
    const found = new Map(statistics.get(quoteName(column))?.map(({ key, value }) => [key, value]));
    const nulls = found.get('null_count');
    if (nulls !== undefined) nullCount[column] = Number(nulls);
    const [min, max] = [found.get('min'), found.get('max')];
    if (type === undefined || min === undefined || max === undefined) continue;
    const range = statRange(type, min, max);
    if (range !== undefined) [minValues[column], maxValues[column]] = range;
  }
  return { numRecords: row.count, minValues, maxValues, nullCount };
}

/** Bounds as Delta writes them, never tighter than the rows; undefined where a bound could be. */
function statRange(
  type: ColumnType,
  min: string,
  max: string,
): [string | number, string | number] | undefined {
  switch (type) {
    case 'timestamp':
      return [toMilliseconds(min, 0), toMilliseconds(max, 1)];
    case 'long':
    case 'integer':
    case 'short': {
      const range: [number, number] = [Number(min), Number(max)];
      return range.every(Number.isSafeInteger) ? range : undefined;
    }
    case 'double':
    case 'float': {
      const range: [number, number] = [Number(min), Number(max)];
      return range.every(Number.isFinite) ? range : undefined;
    }
    case 'string':
      // a bound that DuckDB or a reader cuts could exclude its own row: only short plain ones are written
      return /^[ -~]{0,32}$/.test(min) && /^[ -~]{0,32}$/.test(max) ? [min, max] : undefined;
    case 'boolean':
    case 'integer[]':
    case 'double[]':
    case 'string[]':
      return undefined;
  }
}

/** `2022-06-06 00:00:00.123456+00` -> `2022-06-06T00:00:00.123Z`; `up` adds the ms that was cut. */
function toMilliseconds(text: string, up: 0 | 1): string {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?\+00$/.exec(text);
  const [, day, clock, fraction = ''] = match ?? [];
  const cutMs = Date.parse(
    `${String(day)}T${String(clock)}.${fraction.slice(0, 3).padEnd(3, '0')}Z`,
  );
  const lost = /[1-9]/.test(fraction.slice(3));
  return new Date(cutMs + (lost ? up : 0)).toISOString();
}

const SMALL_ROWS = 20_000;
