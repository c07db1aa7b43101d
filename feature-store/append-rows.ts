/** A few rows into a small table of the engine: runs, task runs, decisions, drift scores, predictions. */
import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PipelineError } from '../contracts/errors.js';
import {
  commitTable,
  type CommitRequest,
  type CommitResult,
  type StagedFile,
} from './delta/commit.js';
import { duckdbType, rowOrder, type TableSchema } from './delta/schema.js';
import { stageFiles } from './delta/stage.js';
import { quote, type FeatureDb } from './duckdb.js';
import { tableFolder } from './tables.js';

/** A value of a row: times are ISO text in UTC or Date, arrays match the array types. */
export type AppendValue =
  string | number | bigint | boolean | Date | null | readonly (string | number)[];

/**
 * Appends rows in one commit, or replaces files when `removes` says which.
 *
 * A property that is missing is null.
 *
 * @returns `already` when the transaction was committed before
 * @throws PipelineError TASK_INPUT_INVALID for a property that is no column, STORE_QUERY_FAILED for a value that does not fit
 */
export async function appendRows(request: {
  readonly db: FeatureDb;
  readonly tablesRoot: string;
  readonly schema: TableSchema;
  readonly rows: readonly Readonly<Record<string, AppendValue>>[];
  /** Absolute folder; a folder below it is made and removed. */
  readonly stagingDir: string;
  readonly txn?: NonNullable<CommitRequest['txn']>;
  readonly removes?: NonNullable<CommitRequest['removes']>;
  readonly info?: Readonly<Record<string, string>>;
}): Promise<CommitResult> {
  const { tablesRoot, schema, txn, removes, info } = request;
  const scratch = path.join(request.stagingDir, `append-${randomUUID()}`);
  try {
    return await commitTable({
      table: tableFolder(tablesRoot, schema.name),
      schema,
      adds: await stageRows({ ...request, stagingDir: scratch }),
      ...(txn !== undefined && { txn }),
      ...(removes !== undefined && { removes }),
      ...(info !== undefined && { info }),
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * Rows as staged files of a table, for `commitTable`.
 *
 * @param request stagingDir is an absolute folder, made when it is not there
 * @throws PipelineError TASK_INPUT_INVALID for a property that is no column, STORE_QUERY_FAILED for a value that does not fit
 */
export async function stageRows(request: {
  readonly db: FeatureDb;
  readonly schema: TableSchema;
  readonly rows: readonly Readonly<Record<string, AppendValue>>[];
  readonly stagingDir: string;
  readonly tags?: Readonly<Record<string, string>>;
}): Promise<StagedFile[]> {
  const { db, schema, rows, stagingDir, tags } = request;
  requireColumns(schema, rows);
  await mkdir(stagingDir, { recursive: true });
  const file = path.join(stagingDir, `${schema.name}.ndjson`);
  await writeFile(file, rows.map((row) => `${JSON.stringify(row, jsonValue)}\n`).join(''));
  const columns = schema.columns.map(
    ({ name, type }) => `${quote(name)}: ${quote(duckdbType(type))}`,
  );
  return db.session((session) =>
    stageFiles({
      session,
      schema,
      select: `SELECT * FROM read_json(${quote(file)}, format = 'newline_delimited', maximum_object_size = 33554432,
        columns = {${columns.join(', ')}})`,
      orderBy: rowOrder(schema),
      stagingDir,
      expectedRows: rows.length,
      ...(tags !== undefined && { tags }),
    }),
  );
}

function requireColumns(
  schema: TableSchema,
  rows: readonly Readonly<Record<string, unknown>>[],
): void {
  const names = new Set(schema.columns.map(({ name }) => name));
  rows.forEach((row, index) => {
    const strange = Object.keys(row).filter((name) => !names.has(name));
    if (strange.length > 0)
      throw new PipelineError({
        code: 'TASK_INPUT_INVALID',
        row: index + 1,
        found: `a row for ${schema.name} with ${strange.join(', ')}`,
        expected: [...names].join(', '),
        fix: 'use the names of the columns',
      });
  });
}

// JSON has no 64-bit integer: as text DuckDB casts it without loss
function jsonValue(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
