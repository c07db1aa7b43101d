/**
 * The Temporal Schedule of a DAG that declares one. It ticks only while `up` stays up and its main job
 * has ended: a paused Schedule lets the ticks pass that it would otherwise make up for all at once
 * when the server comes back, beside the main job.
 */
import { ScheduleAlreadyRunning, ScheduleOverlapPolicy, type Client } from '@temporalio/client';
import type { Dag } from '../dag/declare.js';

const PAUSED = 'Paused by sentinel until `sentinel up` has done its main job and stays up';
const RUNNING = 'Unpaused by sentinel: the main job has ended, and `sentinel up` stays up';

/** An answer that takes longer than this does not hold up the end of `up`. */
const PAUSE_TIMEOUT_MS = 10_000;

/**
 * Creates the schedule of `dag`, paused, or brings the one that exists up to date and pauses it. Its
 * id is the DAG's.
 */
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
      state: { paused: true, note: PAUSED },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const handle = client.schedule.getHandle(dag.type);
    await handle.update(({ state, ...previous }) => ({
      ...previous,
      spec,
      action,
      // one that the user has paused keeps the user's note, by which `unpauseSchedule` knows it
      state: state.paused ? state : { ...state, paused: true, note: PAUSED },
    }));
  }
}

/** Lets the schedule tick, unless it was the user who paused it. */
export async function unpauseSchedule(client: Client, scheduleId: string): Promise<void> {
  const handle = client.schedule.getHandle(scheduleId);
  const { state } = await handle.describe();
  if (state.paused && state.note === PAUSED) await handle.unpause(RUNNING);
}

/** Stops the schedule from ticking, unless the user has. */
export async function pauseSchedule(client: Client, scheduleId: string): Promise<void> {
  await client.withDeadline(Date.now() + PAUSE_TIMEOUT_MS, async () => {
    const handle = client.schedule.getHandle(scheduleId);
    const { state } = await handle.describe();
    if (!state.paused) await handle.pause(PAUSED);
  });
}
