/**
 * The engine: a fold over what happens. `fold(plan, record, event)` gives the next record and the
 * commands to carry out; it reads no clock and does no I/O, so the same function runs inside Temporal,
 * in a test run in memory, and behind every display. Times arrive with the events.
 */
import type { Json } from '../contracts/json.js';
import { isTerminal, type RunState, type TaskState } from '../contracts/states.js';
import {
  chosenTasks,
  decideTask,
  mapsOverLiteral,
  skippedBy,
  type Decision,
} from './decide-task.js';
import { evaluate, type Expression, type Scope } from './expression.js';
import { graphOf, type Graph } from './graph.js';
import type { Plan, PlanTask } from './plan.js';
import {
  ENDING_REASONS,
  markedRecord,
  taskOutput,
  type Instance,
  type InstanceEnd,
  type InstanceKey,
  type RunRecord,
  type TaskRecord,
} from './run-record.js';

/** What may happen to a run; `atMs` is ms since 1970. */
export type RunEvent = { readonly atMs: number } & (
  | { readonly kind: 'run_started' }
  | {
      readonly kind: 'instances_ended';
      readonly ends: readonly { readonly key: InstanceKey; readonly end: InstanceEnd }[];
    }
  | { readonly kind: 'cancel_requested' }
  | { readonly kind: 'timed_out' }
  | { readonly kind: 'paused' }
  | { readonly kind: 'resumed' }
  /** A person says how a task ended. */
  | {
      readonly kind: 'task_marked';
      readonly task: string;
      readonly state: 'success' | 'failed' | 'skipped';
      readonly output: Json;
      readonly reason: string;
    }
);

/** What the fold wants done. */
export type Command =
  /** The record holds the instance's input. */
  | { readonly kind: 'start'; readonly key: InstanceKey }
  /** `count` instances from `first` on, together, at most `width` of them at a time. */
  | {
      readonly kind: 'start_batch';
      readonly task: string;
      readonly first: number;
      readonly count: number;
      readonly width: number;
    }
  /** Ends whatever of the task is under way; each instance of it still reports its end. */
  | { readonly kind: 'cancel'; readonly task: string }
  /** The task has come to a state it will keep. */
  | { readonly kind: 'task_ended'; readonly task: string; readonly state: TaskState }
  | { readonly kind: 'finish'; readonly state: RunState; readonly output: Json };

/** What one event led to. */
export interface Step {
  readonly record: RunRecord;
  readonly commands: readonly Command[];
}

/** A task mapped over more elements than this runs in batches of this size. */
export const BATCH_SIZE = 500;

/** One step of a run. Pure: equal arguments give equal results, and nothing passed in is changed. */
export function fold(plan: Plan, record: RunRecord, event: RunEvent): Step {
  if (record.state !== 'running') return { record, commands: [] };
  const next = new Draft(plan, record, event.atMs);
  switch (event.kind) {
    case 'run_started':
      next.begin();
      break;
    case 'instances_ended':
      next.closeInstances(event.ends);
      break;
    case 'cancel_requested':
      next.end('cancelled');
      break;
    case 'timed_out':
      next.end('timed_out');
      break;
    case 'paused':
      next.paused = true;
      break;
    case 'resumed':
      next.resume();
      break;
    case 'task_marked':
      next.mark(event.task, event.state, event.output, event.reason);
      break;
  }
  next.decideWaiting();
  return next.finish();
}

/** The next record while it is being made: a copy that shares what does not change. */
class Draft {
  startedMs: number;
  paused: boolean;
  private ending: RunRecord['ending'];
  private readonly tasks: Record<string, TaskRecord>;
  private readonly commands: Command[] = [];
  /** Tasks whose decision may have changed. */
  private readonly undecided = new Set<string>();
  private readonly plan: Plan;
  private readonly graph: Graph;
  private readonly before: RunRecord;
  private readonly atMs: number;

  constructor(plan: Plan, before: RunRecord, atMs: number) {
    this.plan = plan;
    this.graph = graphOf(plan);
    this.before = before;
    this.atMs = atMs;
    this.startedMs = before.startedMs;
    this.paused = before.paused;
    this.ending = before.ending;
    this.tasks = { ...before.tasks };
  }

  begin(): void {
    this.startedMs = this.atMs;
    this.decideAnew();
  }

  /** Records the ends of instances; one that is not running has been heard of already. */
  closeInstances(ends: readonly { key: InstanceKey; end: InstanceEnd }[]): void {
    const changed = new Map<string, Instance[]>();
    for (const { key, end } of ends) {
      const instances = changed.get(key.task) ?? this.tasks[key.task]?.instances.slice();
      const instance = instances?.[key.index];
      if (instances === undefined || instance?.state !== 'running') continue;
      instances[key.index] = { ...instance, finishedMs: this.atMs, ...end };
      changed.set(key.task, instances);
    }
    for (const [id, instances] of changed) {
      this.advance(this.graph.task(id), { ...this.record(id), instances });
    }
  }

  /** Ends what is under way and skips what waits; teardowns still run. */
  end(why: 'cancelled' | 'timed_out'): void {
    if (this.ending !== null) return;
    this.ending = why;
    this.paused = false;
    this.decideAnew();
    for (const task of this.plan.tasks) {
      const record = this.record(task.id);
      if (task.teardown !== null) continue;
      if (record.state === 'none') this.settle(task, 'skipped', ENDING_REASONS[why]);
      if (record.state !== 'running') continue;
      this.commands.push({ kind: 'cancel', task: task.id });
      this.advance(task, record);
    }
  }

  resume(): void {
    this.paused = false;
    this.decideAnew();
    for (const task of this.plan.tasks) {
      const record = this.record(task.id);
      if (record.state === 'running') this.advance(task, record);
    }
  }

  /** The task keeps the state it is given; what was given up for its sake is decided anew. */
  mark(id: string, state: 'success' | 'failed' | 'skipped', output: Json, reason: string): void {
    if (!this.graph.has(id)) return;
    const task = this.graph.task(id);
    const record = this.record(id);
    if (record.state === 'running') this.commands.push({ kind: 'cancel', task: id });
    const times = { startedMs: record.startedMs, finishedMs: this.atMs };
    this.put(task, markedRecord(task, { state, output, reason }, times));
    this.choose(task, output);
    for (const below of this.graph.descendants(id)) {
      const { instances, state: of } = this.record(below);
      if (of === 'upstream_failed' && instances.length === 0) {
        this.tasks[below] = { ...this.record(below), state: 'none', reason: '', finishedMs: null };
        this.undecided.add(below);
      }
    }
  }

  /**
   * Lets every waiting task decide until nothing changes any more. As in Airflow's scheduler, all
   * decisions of one pass see the states from before the pass.
   */
  decideWaiting(): void {
    if (this.paused) return;
    while (this.undecided.size > 0) {
      const decisions: (readonly [PlanTask, Exclude<Decision, { kind: 'wait' }>])[] = [];
      // by the order of the plan, so that equal events give equal commands
      const tasks = this.plan.tasks.filter(({ id }) => this.undecided.has(id));
      this.undecided.clear();
      for (const task of tasks) {
        if (this.record(task.id).state !== 'none') continue;
        const decision = decideTask(this.graph, task, this.tasks);
        if (decision.kind !== 'wait') decisions.push([task, decision]);
      }
      for (const [task, decision] of decisions) {
        if (decision.kind === 'settle') this.settle(task, decision.state, decision.reason);
        else this.start(task);
      }
    }
  }

  /** The step's result; the run ends when nothing runs and nothing can start any more. */
  finish(): Step {
    const states = this.plan.tasks.map(({ id }) => this.record(id).state);
    const stuck = !this.paused && !states.includes('running');
    const state = states.every(isTerminal) || stuck ? this.endState() : 'running';
    if (state !== 'running') {
      const output = state === 'success' ? this.evaluate(this.plan.output) : null;
      this.commands.push({ kind: 'finish', state, output });
    }
    const { startedMs, paused, ending, tasks } = this;
    return {
      record: { ...this.before, state, startedMs, paused, ending, tasks },
      commands: this.commands,
    };
  }

  /** As in Airflow: a run failed if a task failed that nothing (but ignored teardowns) depends on. */
  private endState(): RunState {
    if (this.ending !== null) return this.ending === 'cancelled' ? 'cancelled' : 'failed';
    const stuck = this.plan.tasks.some(({ id }) => this.record(id).state === 'none');
    const bad: readonly TaskState[] = ['failed', 'upstream_failed'];
    return stuck || this.graph.leaves.some((id) => bad.includes(this.record(id).state))
      ? 'failed'
      : 'success';
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
    const instances = record.instances.slice();
    let running = 0;
    let waiting = 0;
    for (const { state } of instances) {
      if (state === 'running') running += 1;
      else if (state === 'none') waiting += 1;
    }
    if (waiting > 0) {
      if (this.ending !== null && task.teardown === null) {
        for (const [index, instance] of instances.entries()) {
          if (instance.state === 'none') instances[index] = { ...instance, state: 'skipped' };
        }
      } else if (!this.paused) running += this.startWaiting(task, instances, running);
      else running += waiting; // they start when the run is resumed
    }
    if (running > 0) this.put(task, { ...record, instances });
    else this.close(task, { ...record, instances });
  }

  /** Starts waiting instances (changing `instances`); returns how many. */
  private startWaiting(task: PlanTask, instances: Instance[], running: number): number {
    const width = task.map?.width ?? 1;
    const batched = instances.length > BATCH_SIZE;
    const room = batched ? Math.max(1, Math.floor(width / BATCH_SIZE)) * BATCH_SIZE : width;
    let started = 0;
    for (const [index, instance] of instances.entries()) {
      if (instance.state !== 'none') continue;
      if (running + started >= room) break;
      const batch = batched ? instances.slice(index, index + BATCH_SIZE) : [instance];
      if (batched && running + started + batch.length > room) break;
      for (const [offset, one] of batch.entries()) {
        instances[index + offset] = { ...one, state: 'running', startedMs: this.atMs };
      }
      started += batch.length;
      this.commands.push(
        batched
          ? {
              ...{ kind: 'start_batch', task: task.id, first: index, count: batch.length },
              width: Math.min(width, BATCH_SIZE),
            }
          : { kind: 'start', key: { task: task.id, index } },
      );
    }
    return started;
  }

  /** The state of a task whose instances have all ended: failed if one is, skipped if all are. */
  private close(task: PlanTask, record: TaskRecord): void {
    const { instances } = record;
    const failed = instances.filter(({ state }) => state === 'failed');
    const skipped = instances.filter(({ state }) => state === 'skipped');
    const end = { ...record, finishedMs: this.atMs };
    if (failed.length > 0) {
      this.put(task, { ...end, state: 'failed', reason: failureReason(instances, failed) });
    } else if (skipped.length === instances.length) {
      const reason = skipped[0]?.error?.message ?? ENDING_REASONS[this.ending ?? 'cancelled'];
      this.put(task, { ...end, state: 'skipped', reason });
    } else {
      const output = taskOutput(task, record) ?? null;
      if (task.branch !== null && chosenTasks(this.graph, task, output) === undefined) {
        const words = Object.keys(task.branch.cases).join(', ');
        const reason = `BRANCH_UNKNOWN_CASE: chose ${JSON.stringify(output)}, expected one of ${words}`;
        const error = { code: 'BRANCH_UNKNOWN_CASE', message: reason };
        const closed = instances.map((one): Instance => ({ ...one, state: 'failed', error }));
        this.put(task, { ...end, state: 'failed', reason, instances: closed });
        return;
      }
      this.put(task, { ...end, state: 'success', reason: '' });
      this.choose(task, output);
    }
  }

  /** What a branch or short circuit does not choose is skipped at once, also where it was given up before. */
  private choose(task: PlanTask, output: Json): void {
    for (const id of skippedBy(this.graph, task, output, true)) {
      const below = this.graph.task(id);
      const { state } = this.record(id);
      if ((state !== 'none' && state !== 'upstream_failed') || mapsOverLiteral(below)) continue;
      this.settle(below, 'skipped', `${task.id} chose ${JSON.stringify(output)}`);
    }
  }

  private settle(task: PlanTask, state: TaskState, reason: string): void {
    this.put(task, { ...this.record(task.id), state, reason, finishedMs: this.atMs });
  }

  private evaluate(expression: Expression, item: Json = null): Json {
    const scope: Scope = {
      outputs: (id) =>
        this.graph.has(id) ? taskOutput(this.graph.task(id), this.record(id)) : undefined,
      params: this.before.params,
      run: this.before,
      item,
    };
    return evaluate(expression, scope);
  }

  private decideAnew(): void {
    this.plan.tasks.forEach(({ id }) => this.undecided.add(id));
  }

  private record(id: string): TaskRecord {
    return this.tasks[id]!; // `newRun` made one for every task of the plan
  }

  private put(task: PlanTask, record: TaskRecord): void {
    this.tasks[task.id] = record;
    this.graph.watchers(task.id).forEach((id) => this.undecided.add(id));
    if (isTerminal(record.state)) {
      this.commands.push({ kind: 'task_ended', task: task.id, state: record.state });
    }
  }
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function failureReason(instances: readonly Instance[], failed: readonly Instance[]): string {
  const [first] = failed;
  const { code, message } = first?.error ?? { code: 'INTERNAL', message: 'no reason given' };
  const cause = message.startsWith(code) ? message : `${code}: ${message}`;
  return instances.length === 1
    ? cause
    : `${failed.length} of ${instances.length} failed: ${cause}`;
}
