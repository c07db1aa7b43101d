/**
 * Tables computed from `flows`, one ISO week at a time: a commit replaces the week's partition.
 *
 * The transaction of a derived week is the version of `flows` it was computed from, so computing again
 * from the same version is a no-op and an older result never replaces a newer one.
 */
import { PipelineError } from '../contracts/errors.js';
import { commitTable, type CommitResult, type StagedFile } from './delta/commit.js';
import { scanSnapshot } from './delta/scan.js';
import type { TableSchema } from './delta/schema.js';
import { countRows, readSnapshot, type LiveFile, type Snapshot } from './delta/snapshot.js';
import type { FeatureDb } from './duckdb.js';
import { FLOWS, parseIsoWeek, tableFolder } from './tables.js';

/** What the jobs on one week need. */
export interface DeriveRequest {
  readonly db: FeatureDb;
  /** Absolute folder that holds the tables. */
  readonly tablesRoot: string;
  /** `2022-W23`. */
  readonly week: string;
  /** Absolute folder for this job alone. */
  readonly stagingDir: string;
  /** Version of `flows` to compute from. @default the newest */
  readonly version?: number;
}

/** A computed week, not yet part of its table. */
export interface DerivedWeek {
  readonly schema: TableSchema;
  readonly week: string;
  /** Names the computation; changes with its formulas. */
  readonly computation: string;
  /** Version of `flows` that was read. */
  readonly flowsVersion: number;
  readonly rows: number;
  readonly staged: readonly StagedFile[];
}

/** The flows of one week: a SELECT, its snapshot, and its rows by the log. */
export async function flowsOfWeek(
  request: Pick<DeriveRequest, 'tablesRoot' | 'week' | 'version'>,
): Promise<{ snapshot: Snapshot; select: string; rows: number }> {
  const { tablesRoot, week, version } = request;
  const table = tableFolder(tablesRoot, FLOWS.name);
  const snapshot = await readSnapshot(table, { ...(version !== undefined && { version }) });
  if (snapshot === undefined)
    throw new PipelineError({
      code: 'TABLE_UNKNOWN',
      file: table,
      found: 'no table',
      fix: 'ingest flow files first: `sentinel ingest PATH`',
    });
  const ofWeek = isInWeek(week);
  return {
    snapshot,
    select: scanSnapshot(snapshot, ofWeek),
    rows: countRows([...snapshot.files.values()].filter(ofWeek)),
  };
}

/**
 * Commits a computed week in place of what its partition held.
 *
 * @throws PipelineError DELTA_CONFLICT when the same week was committed meanwhile
 */
export function commitDerived(request: {
  readonly tablesRoot: string;
  readonly derived: DerivedWeek;
  readonly info?: Readonly<Record<string, string>>;
}): Promise<CommitResult> {
  const { tablesRoot, derived, info = {} } = request;
  return commitTable({
    table: tableFolder(tablesRoot, derived.schema.name),
    schema: derived.schema,
    adds: derived.staged,
    removes: isInWeek(derived.week),
    txn: { appId: `${derived.computation}/${derived.week}`, version: derived.flowsVersion },
    info: { ...info, week: derived.week, flowsVersion: String(derived.flowsVersion) },
  });
}

/**
 * Whether a file belongs to an ISO week.
 *
 * @throws PipelineError TASK_INPUT_INVALID when the text is no ISO week
 */
export function isInWeek(week: string): (file: LiveFile) => boolean {
  const parsed = parseIsoWeek(week);
  if (parsed === undefined)
    throw new PipelineError({
      code: 'TASK_INPUT_INVALID',
      found: `the week ${JSON.stringify(week)}`,
      expected: 'an ISO week like 2022-W23',
      fix: 'write the year, -W and two digits',
    });
  return ({ partitionValues }) =>
    Number(partitionValues['iso_year']) === parsed.isoYear &&
    Number(partitionValues['iso_week']) === parsed.isoWeek;
}
