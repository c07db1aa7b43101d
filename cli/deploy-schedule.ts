/** Makes the Temporal Schedule of a DAG that declares one. */
import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import type { Dag } from '../dag/declare.js';

/** Creates the schedule of `dag`, or brings the one that exists up to date. Its id is the DAG's. */
export async function deploySchedule(
  client: Client,
  dag: Pick<Dag, 'type' | 'declaration'>,
): Promise<void> {
  const { schedule } = dag.declaration;
  if (schedule === null) return;
  const spec = { cronExpressions: [schedule.cron], timezone: schedule.timeZone };
  const action = {
    type: 'startWorkflow' as const,
    workflowType: 'schedule-tick',
    workflowId: `schedule-tick/${dag.type}`,
    taskQueue: 'control',
    args: [{ dag: dag.type }],
  };
  try {
    await client.schedule.create({
      scheduleId: dag.type,
      spec,
      action,
      policies: { overlap: ScheduleOverlapPolicy.BUFFER_ALL, catchupWindow: '30 days' },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const handle = client.schedule.getHandle(dag.type);
    await handle.update((previous) => ({ ...previous, spec, action }));
  }
}
