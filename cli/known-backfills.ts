/** Backfills of a home: open ones from Temporal, closed ones from our own table. */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { BACKFILL_QUERY, type BackfillRow, type BackfillView } from '../contracts/backfill.js';
import { PipelineError } from '../contracts/errors.js';
import type { HomeLayout } from '../contracts/home.js';
import { quote } from '../feature-store/duckdb.js';
import { BACKFILLS } from '../feature-store/engine-tables.js';
import { queryIfPresent } from '../feature-store/query-tables.js';

/** One line of the list of backfills. */
export interface ListedBackfill {
  readonly backfillId: string;
  /** As in a view; a paused one says so. */
  readonly state: string;
  /** Partitions that have ended, of all. */
  readonly done: string;
  readonly started: Date;
  readonly finished: Date | null;
}

/** Open backfills, newest first. */
export async function openBackfills(client: Client): Promise<ListedBackfill[]> {
  const listed: ListedBackfill[] = [];
  const query = "WorkflowType = 'backfill' AND ExecutionStatus = 'Running'";
  for await (const { workflowId, startTime } of client.workflow.list({ query })) {
    const view = await openBackfill(client, workflowId);
    if (view === undefined) continue; // it has just closed, and is recorded
    listed.push({
      backfillId: workflowId,
      state: view?.paused ? 'paused' : 'running',
      done: view === null ? '' : countDone(view.rows),
      started: startTime,
      finished: null,
    });
  }
  return listed;
}

/**
 * An open backfill; null while it is being planned, undefined when no such backfill is open.
 */
export async function openBackfill(
  client: Client,
  id: string,
): Promise<BackfillView | null | undefined> {
  const handle = client.workflow.getHandle(id);
  try {
    const { status } = await handle.describe();
    if (status.name !== 'RUNNING') return undefined;
    return await handle.query<BackfillView | null>(BACKFILL_QUERY);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Closed backfills, newest first. */
export async function closedBackfills(layout: HomeLayout): Promise<ListedBackfill[]> {
  const rows = await queryIfPresent(
    layout.tables,
    BACKFILLS.name,
    'SELECT backfill_id, state, runs, started_at, finished_at FROM backfills ORDER BY started_at DESC',
  );
  return rows.map((row) => ({
    backfillId: String(row['backfill_id']),
    state: String(row['state']),
    done: countDone(rowsOf(row)),
    started: row['started_at'] as Date, // a timestamp column
    finished: row['finished_at'] as Date,
  }));
}

/**
 * The newest closed backfill of an id.
 *
 * @throws PipelineError BACKFILL_UNKNOWN
 */
export async function closedBackfill(layout: HomeLayout, id: string): Promise<BackfillView> {
  const [row] = await queryIfPresent(
    layout.tables,
    BACKFILLS.name,
    `SELECT * FROM backfills WHERE backfill_id = ${quote(id)} ORDER BY finished_at DESC LIMIT 1`,
  );
  if (row === undefined) throw unknownBackfill(id);
  return {
    backfillId: id,
    dag: String(row['dag']),
    from: String(row['first_partition']),
    to: String(row['last_partition']),
    state: row['state'] as BackfillView['state'], // written by `recordBackfill`
    paused: false,
    rows: rowsOf(row),
  };
}

/** What a command says of an id that names no backfill. */
export function unknownBackfill(id: string): PipelineError {
  return new PipelineError({
    code: 'BACKFILL_UNKNOWN',
    found: `no such backfill "${id}" in this home`,
    fix: 'see `sentinel backfill list`',
  });
}

function rowsOf(row: Readonly<Record<string, unknown>>): BackfillRow[] {
  return JSON.parse(String(row['runs'])) as BackfillRow[]; // written by `recordBackfill`
}

function countDone(rows: readonly BackfillRow[]): string {
  const done = rows.filter(({ state }) => state !== 'planned' && state !== 'running');
  return `${done.length}/${rows.length}`;
}
