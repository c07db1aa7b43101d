/**
 * The engine: a fold over what happens. `fold(plan, state, event)` gives the next state and the
 * commands to carry out; it reads no clock and does no I/O, so the same function runs inside Temporal
 * and in a plain test. Times arrive with the events.
 */
import type { Json, JsonObject } from '../contracts/json.js';
import { isTerminal, type RunState, type TaskState } from '../contracts/states.js';
import { evaluate, type Expression, type Scope } from './expression.js';
import type { Plan, PlanTask } from './plan.js';
import { decide } from './trigger-rules.js';

/** All that is known of a run. Plain JSON. */
export interface RunRecord {
  readonly dagRunId: string;
  readonly planHash: string;
  readonly partition: string;
  readonly params: JsonObject;
  readonly state: RunState;
  readonly cancelling: boolean;
  readonly tasks: { readonly [id: string]: TaskRecord };
}

/** What a run knows of a task. */
export interface TaskRecord {
  readonly state: TaskState;
  /** Why the task waits, was skipped or failed. */
  readonly reason: string;
  readonly startedMs: number | null;
  readonly finishedMs: number | null;
  /** One for a plain task, one per element for a mapped task; none before the task starts. */
  readonly instances: readonly Instance[];
}

/** One execution of a task: the only one, or one element of a map. */
export interface Instance {
  readonly state: Extract<TaskState, 'none' | 'running' | 'success' | 'failed'>;
  readonly input: Json;
  readonly output: Json;
  readonly error: TaskError | null;
  readonly summary: string;
  readonly startedMs: number | null;
  readonly finishedMs: number | null;
}

/** Why an instance failed. */
export interface TaskError {
  readonly code: string;
  readonly message: string;
}

/** What may happen to a run; `atMs` is ms since 1970. */
export type RunEvent = { readonly atMs: number } & (
  | { readonly kind: 'run_started' }
  | { readonly kind: 'instance_succeeded'; readonly key: InstanceKey; readonly output: Json }
  | { readonly kind: 'instance_failed'; readonly key: InstanceKey; readonly error: TaskError }
  | { readonly kind: 'cancel_requested' }
);

/** Names an instance; `index` counts from 0. */
export interface InstanceKey {
  readonly task: string;
  readonly index: number;
}

/** What the fold wants done. */
export type Command =
  | {
      readonly kind: 'start';
      readonly key: InstanceKey;
      readonly input: Json;
      readonly summary: string;
    }
  | { readonly kind: 'finish'; readonly state: RunState; readonly output: Json };

/** What one event led to. */
export interface Step {
  readonly state: RunRecord;
  readonly commands: readonly Command[];
}

/** A run before its first event, with all its parameters. */
export function newRun(
  plan: Plan,
  run: { dagRunId: string; planHash: string; partition: string; params: JsonObject },
): RunRecord {
  const waiting: TaskRecord = {
    state: 'none',
    reason: 'waiting for the run to start',
    startedMs: null,
    finishedMs: null,
    instances: [],
  };
  return {
    ...run,
    state: 'running',
    cancelling: false,
    tasks: Object.fromEntries(plan.tasks.map((task) => [task.id, waiting])),
  };
}

/** One step of a run. Pure: equal arguments give equal results, and nothing passed in is changed. */
export function fold(plan: Plan, state: RunRecord, event: RunEvent): Step {
  if (state.state !== 'running') return { state, commands: [] };
  const next = new Draft(plan, state, event.atMs);
  switch (event.kind) {
    case 'run_started':
      break;
    case 'instance_succeeded':
      next.closeInstance(event.key, { state: 'success', output: event.output });
      break;
    case 'instance_failed':
      next.closeInstance(event.key, { state: 'failed', error: event.error });
      break;
    case 'cancel_requested':
      next.cancelling = true;
      break;
  }
  next.decideWaiting();
  return next.finish();
}

/** The outputs of a task as its downstream tasks see them; undefined until there is one. */
function taskOutput(task: PlanTask, record: TaskRecord): Json | undefined {
  const done = record.instances.filter((instance) => instance.state === 'success');
  return task.map === null ? done[0]?.output : done.map((instance) => instance.output);
}

/** Key of an instance as text, `parse[3]` or `train`: activity id, log name, staging folder. */
export function instanceName(task: PlanTask, index: number): string {
  return task.map === null ? task.id : `${task.id}[${index}]`;
}

/** The next state while it is being made: a copy that shares what does not change. */
class Draft {
  cancelling: boolean;
  private readonly tasks: Record<string, TaskRecord>;
  private readonly commands: Command[] = [];
  private readonly plan: Plan;
  private readonly state: RunRecord;
  private readonly atMs: number;
  private readonly byId: Map<string, PlanTask>;

  constructor(plan: Plan, state: RunRecord, atMs: number) {
    this.plan = plan;
    this.state = state;
    this.atMs = atMs;
    this.cancelling = state.cancelling;
    this.tasks = { ...state.tasks };
    this.byId = new Map(plan.tasks.map((task) => [task.id, task]));
  }

  /** Records the end of an instance; an instance that is not running has been heard of already. */
  closeInstance(key: InstanceKey, end: Partial<Instance> & Pick<Instance, 'state'>): void {
    const task = this.byId.get(key.task);
    const record = this.tasks[key.task];
    const instance = record?.instances[key.index];
    if (task === undefined || record === undefined || instance?.state !== 'running') return;
    const instances = record.instances.with(key.index, {
      ...instance,
      ...end,
      finishedMs: this.atMs,
    });
    this.advance(task, { ...record, instances });
  }

  /** Lets every waiting task decide, upstream first, so that a skip travels down in one pass. */
  decideWaiting(): void {
    if (this.cancelling) return;
    for (const task of this.plan.tasks) {
      const record = this.record(task.id);
      if (record.state !== 'none') continue;
      const upstream = task.upstream.map((id) => [id, this.record(id).state] as const);
      const decision = decide(task.triggerRule, upstream);
      if (decision.kind === 'wait') this.put(task, { ...record, reason: decision.reason });
      else if (decision.kind === 'settle') this.settle(task, decision.state, decision.reason);
      else this.start(task);
    }
  }

  /** The step's result; the run ends when nothing runs and nothing can start any more. */
  finish(): Step {
    const records = this.plan.tasks.map((task) => this.record(task.id));
    const running = records.some((record) => record.state === 'running');
    const ended = this.cancelling ? !running : records.every(({ state }) => isTerminal(state));
    const state = ended ? this.endState() : 'running';
    if (ended) {
      const output = state === 'success' ? this.evaluate(this.plan.output) : null;
      this.commands.push({ kind: 'finish', state, output });
    }
    return {
      state: { ...this.state, state, cancelling: this.cancelling, tasks: this.tasks },
      commands: this.commands,
    };
  }

  /** As in Airflow: a run failed if a task that nothing depends on failed. */
  private endState(): RunState {
    if (this.cancelling) return 'cancelled';
    const inner = new Set(this.plan.tasks.flatMap((task) => task.upstream));
    const leaves = this.plan.tasks.filter((task) => !inner.has(task.id));
    const failed = leaves.some((task) =>
      ['failed', 'upstream_failed'].includes(this.record(task.id).state),
    );
    return failed ? 'failed' : 'success';
  }

  private start(task: PlanTask): void {
    if (task.when !== null && this.evaluate(task.when) !== true) {
      this.settle(task, 'skipped', 'its condition is not true');
      return;
    }
    const items = task.map === null ? [null] : this.evaluate(task.map.over);
    if (!Array.isArray(items)) {
      this.settle(task, 'failed', `maps over ${JSON.stringify(items)}, expected an array`);
      return;
    }
    if (items.length === 0) {
      this.settle(task, 'skipped', 'nothing to map over');
      return;
    }
    const instances = items.map((item: Json): Instance => ({
      state: 'none',
      input: this.evaluate(task.input, item),
      output: null,
      error: null,
      summary: textOf(this.evaluate(task.summary, item)),
      startedMs: null,
      finishedMs: null,
    }));
    this.advance(task, {
      state: 'running',
      reason: '',
      startedMs: this.atMs,
      finishedMs: null,
      instances,
    });
  }

  /** Starts as many instances as the width allows, and closes the task after the last one. */
  private advance(task: PlanTask, record: TaskRecord): void {
    const width = task.map?.width ?? 1;
    let running = record.instances.filter(({ state }) => state === 'running').length;
    const instances = record.instances.map((instance, index): Instance => {
      if (instance.state !== 'none' || running >= width || this.cancelling) return instance;
      running += 1;
      const key = { task: task.id, index };
      this.commands.push({ kind: 'start', key, input: instance.input, summary: instance.summary });
      return { ...instance, state: 'running', startedMs: this.atMs };
    });
    if (running > 0) {
      this.put(task, { ...record, instances });
      return;
    }
    const failed = instances.filter(({ state }) => state === 'failed');
    const complete = instances.every(({ state }) => state === 'success');
    this.put(task, {
      ...record,
      instances,
      state: complete ? 'success' : 'failed',
      reason: complete ? '' : failureReason(instances, failed),
      finishedMs: this.atMs,
    });
  }

  private settle(task: PlanTask, state: TaskState, reason: string): void {
    this.put(task, { ...this.record(task.id), state, reason, finishedMs: this.atMs });
  }

  private evaluate(expression: Expression, item: Json = null): Json {
    const scope: Scope = {
      outputs: (id) => {
        const task = this.byId.get(id);
        return task === undefined ? undefined : taskOutput(task, this.record(id));
      },
      params: this.state.params,
      run: this.state,
      item,
    };
    return evaluate(expression, scope);
  }

  private record(id: string): TaskRecord {
    return this.tasks[id]!; // `newRun` made one for every task of the plan
  }

  private put(task: PlanTask, record: TaskRecord): void {
    this.tasks[task.id] = record;
  }
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function failureReason(instances: readonly Instance[], failed: readonly Instance[]): string {
  const [first] = failed;
  if (first?.error === null || first === undefined) return 'cancelled before it started';
  const { code, message } = first.error;
  const cause = message.startsWith(code) ? message : `${code}: ${message}`;
  return instances.length === 1
    ? cause
    : `${failed.length} of ${instances.length} failed: ${cause}`;
}
