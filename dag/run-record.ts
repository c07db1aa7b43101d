/** All that is known of a run, as plain JSON: what the fold steps forward, and what a closed run leaves. */
import type { Json, JsonObject } from '../contracts/json.js';
import type { RunState, TaskState } from '../contracts/states.js';
import type { Plan, PlanTask } from './plan.js';

/** All that is known of a run. */
export interface RunRecord {
  readonly dagRunId: string;
  readonly planHash: string;
  readonly partition: string;
  readonly params: JsonObject;
  readonly state: RunState;
  /** Why the run is being brought to its end before its tasks are done. */
  readonly ending: 'cancelled' | 'timed_out' | null;
  /** Nothing more is started until it is resumed. */
  readonly paused: boolean;
  readonly startedMs: number;
  readonly tasks: { readonly [id: string]: TaskRecord };
}

/** What a run knows of a task. */
export interface TaskRecord {
  readonly state: TaskState;
  /** Why the task was skipped or failed; empty else. */
  readonly reason: string;
  readonly startedMs: number | null;
  readonly finishedMs: number | null;
  /** One for a plain task, one per element for a mapped task; none before the task starts. */
  readonly instances: readonly Instance[];
}

/** State of one execution of a task. */
export type InstanceState = Exclude<TaskState, 'upstream_failed'>;

/** One execution of a task: the only one, or one element of a map. */
export interface Instance {
  readonly state: InstanceState;
  readonly input: Json;
  readonly output: Json;
  readonly error: TaskError | null;
  readonly summary: string;
  readonly startedMs: number | null;
  readonly finishedMs: number | null;
}

/** Why an instance failed, or skipped itself. */
export interface TaskError {
  readonly code: string;
  readonly message: string;
}

/** Names an instance; `index` counts from 0. */
export interface InstanceKey {
  readonly task: string;
  readonly index: number;
}

/** How an instance ended. */
export interface InstanceEnd {
  readonly state: 'success' | 'failed' | 'skipped';
  readonly output?: Json;
  readonly error?: TaskError;
  /** @default when the instance was started */
  readonly startedMs?: number;
  /** @default the time of the event */
  readonly finishedMs?: number;
}

/** How a task ended, as a person says it. */
export interface TaskMark {
  readonly state: 'success' | 'failed' | 'skipped';
  readonly output: Json;
  readonly reason: string;
}

/** A task before anything happened. */
const WAITING: TaskRecord = {
  state: 'none',
  reason: '',
  startedMs: null,
  finishedMs: null,
  instances: [],
};

/** A run before its first event; `kept` are tasks of an earlier run that are not run again. */
export function newRun(
  plan: Plan,
  run: { dagRunId: string; planHash: string; partition: string; params: JsonObject },
  kept: { readonly [id: string]: TaskRecord } = {},
): RunRecord {
  return {
    ...run,
    state: 'running',
    ending: null,
    paused: false,
    startedMs: 0,
    tasks: Object.fromEntries(plan.tasks.map(({ id }) => [id, kept[id] ?? WAITING])),
  };
}

/** A task as a person says it ended; a list marks the elements of a mapped task one by one. */
export function markedRecord(
  task: PlanTask,
  { state, output, reason }: TaskMark,
  times: Pick<TaskRecord, 'startedMs' | 'finishedMs'>,
): TaskRecord {
  const outputs: readonly Json[] = task.map !== null && Array.isArray(output) ? output : [output];
  const instances = outputs.map((one): Instance => {
    return { state, input: null, output: one, error: null, summary: reason, ...times };
  });
  return { state, reason, ...times, instances };
}

/** The outputs of a task as its downstream tasks see them; undefined until there is one. */
export function taskOutput(task: PlanTask, record: TaskRecord): Json | undefined {
  if (task.map === null) {
    const [instance] = record.instances;
    return instance?.state === 'success' ? instance.output : undefined;
  }
  return record.instances
    .filter((instance) => instance.state === 'success')
    .map((instance) => instance.output);
}

/** Why a task is skipped that has not ended when its run is ended. */
export const ENDING_REASONS = {
  cancelled: 'the run was cancelled',
  timed_out: 'the run took longer than it may',
} as const;

/** States that a trigger rule counts: one for each instance, or the task's own. */
export function countedStates(record: TaskRecord): readonly TaskState[] {
  if (record.instances.length === 0) return [record.state];
  return record.instances.map(({ state }) => state);
}

/** Key of an instance as text, `parse[3]` or `train`: activity id, log name, staging folder. */
export function instanceName(task: PlanTask, index: number): string {
  return task.map === null ? task.id : `${task.id}[${index}]`;
}
