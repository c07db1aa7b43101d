/** Which stored values something still refers to: runs and schedules of the server, and our own tables. */
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { HomeLayout } from '../contracts/home.js';
import { RUNS, TASK_RUNS } from '../feature-store/engine-tables.js';
import { queryIfPresent } from '../feature-store/query-tables.js';
import { referencedHashes } from '../payloads/reference.js';

const { History } = proto.temporal.api.history.v1;
const { DescribeScheduleResponse } = proto.temporal.api.workflowservice.v1;

/**
 * Hashes of the values that must stay although they were put before `beforeMs`.
 *
 * A run that is closed and began later has put every value it refers to later as well, so its history is
 * not read; an open one may have got its input from a schedule or a try long ago.
 */
export async function payloadReferences(
  client: Client,
  layout: HomeLayout,
  beforeMs: number,
): Promise<Set<string>> {
  const hashes = new Set<string>();
  const note = (source: string | Uint8Array): void =>
    referencedHashes(source).forEach((hash) => hashes.add(hash));

  const before = new Date(beforeMs).toISOString();
  const query = `ExecutionStatus = 'Running' OR StartTime < '${before}'`;
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    note(History.encode(history).finish());
  }
  const { namespace } = client.options;
  for await (const { scheduleId } of client.schedule.list()) {
    const schedule = await client.workflowService.describeSchedule({ namespace, scheduleId });
    note(DescribeScheduleResponse.encode(schedule).finish());
  }
  for (const [table, columns] of Object.entries(COLUMNS)) {
    const texts = columns.map((column) => `SELECT ${column} AS text FROM ${table}`);
    const rows = await queryIfPresent(
      layout.tables,
      table,
      `SELECT text FROM (${texts.join(' UNION ALL ')}) WHERE contains(text, '$payload')`,
    );
    for (const { text } of rows) note(String(text));
  }
  return hashes;
}

/** Columns that hold values of runs. */
const COLUMNS = { [TASK_RUNS.name]: ['input', 'output'], [RUNS.name]: ['params'] };
