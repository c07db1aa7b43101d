/**
 * A run in memory, in virtual time: the fold that runs in Temporal, with made-up durations, tries that
 * are told to fail, and a worker that is killed. Equal options give equal runs.
 */
import type { Json, JsonObject } from '../contracts/json.js';
import { seededRandom, type SeededRandom } from '../contracts/seeded-random.js';
import { retryDelayMs, triesFor } from './retry.js';
import { LATEST } from './declare.js';
import { fold, type Command, type RunEvent } from './fold.js';
import { graphOf } from './graph.js';
import type { Plan, PlanTask, RetryRule } from './plan.js';
import {
  instanceName,
  newRun,
  type InstanceEnd,
  type InstanceKey,
  type RunRecord,
  type TaskError,
} from './run-record.js';

/** What a virtual run is given. */
export interface VirtualOptions {
  readonly dagRunId: string;
  readonly planHash: string;
  readonly partition: string;
  readonly params: JsonObject;
  readonly startMs: number;
  /** Decides durations, jitter and outputs. */
  readonly seed: number;
  /** How many tries fail, by task (`train`) or instance (`parse[3]`). */
  readonly fail: { readonly [task: string]: number };
  /** The worker is killed as it starts these tries, counted from 1 over the whole run. */
  readonly killWorker: readonly number[];
  /** Answers to approvals by task; one that has none waits until it expires. */
  readonly approve: { readonly [task: string]: string };
  /** What a task returns. */
  readonly outputOf: (task: PlanTask, input: Json, random: SeededRandom) => Json;
  /** The plan of a DAG that a task runs; undefined for a native workflow. */
  readonly planOf: (type: string) => Plan | undefined;
}

/** How a virtual run went. */
export interface VirtualRun {
  readonly record: RunRecord;
  readonly output: Json;
  readonly endMs: number;
  /** Tries by instance. */
  readonly tries: { readonly [instance: string]: number };
  readonly timeline: readonly TimelineEntry[];
}

/** Something that happened; the instances of a DAG that a task runs have that task in front. */
export interface TimelineEntry {
  readonly atMs: number;
  readonly what: string;
}

/** A try takes a second to a minute. */
const SHORTEST_MS = 1_000;
const LONGEST_MS = 60_000;
/** A dead worker is noticed by the heartbeats it misses. */
const HEARTBEAT_TIMEOUT_MS = 15_000;

/** Runs a plan to its end, or to where it waits for a person for ever. */
export function virtualRun(plan: Plan, options: VirtualOptions): VirtualRun {
  return new VirtualWorld(plan, options, { started: 0 }, '').toEnd();
}

interface Entry {
  readonly atMs: number;
  readonly happen: () => void;
}

class VirtualWorld {
  private record: RunRecord;
  private output: Json = null;
  private nowMs: number;
  private readonly plan: Plan;
  private readonly options: VirtualOptions;
  /** Tries that were started, shared with the runs that tasks start. */
  private readonly counter: { started: number };
  private readonly prefix: string;
  private readonly queue: Entry[] = [];
  private readonly out = new Map<
    string,
    { readonly key: InstanceKey; readonly lose: () => void }
  >();
  private readonly tries: Record<string, number> = {};
  private readonly timeline: TimelineEntry[] = [];

  constructor(plan: Plan, options: VirtualOptions, counter: { started: number }, prefix: string) {
    this.plan = plan;
    this.options = options;
    this.counter = counter;
    this.prefix = prefix;
    this.nowMs = options.startMs;
    this.record = newRun(plan, options);
  }

  toEnd(): VirtualRun {
    const { timeoutMs } = this.plan;
    if (timeoutMs !== null) this.later(timeoutMs, () => this.apply({ kind: 'timed_out' }));
    this.apply({ kind: 'run_started' });
    while (this.record.state === 'running') {
      const next = this.queue.shift();
      if (next === undefined) break; // it waits for a person
      this.nowMs = next.atMs;
      next.happen();
    }
    const { record, output, tries, timeline, nowMs: endMs } = this;
    return { record, output, endMs, tries, timeline };
  }

  private apply(event: EventOf<RunEvent>): void {
    const { record, commands } = fold(this.plan, this.record, { ...event, atMs: this.nowMs });
    this.record = record;
    commands.forEach((command) => this.carryOut(command));
  }

  private carryOut(command: Command): void {
    switch (command.kind) {
      case 'start':
        return this.start(command.key);
      case 'start_batch':
        for (let offset = 0; offset < command.count; offset += 1) {
          this.start({ task: command.task, index: command.first + offset });
        }
        return;
      case 'cancel': {
        const error = { code: 'TASK_CANCELLED', message: 'cancelled' };
        const { instances } = this.record.tasks[command.task]!; // the fold has just said so
        for (const index of instances.keys()) {
          const key = { task: command.task, index };
          if (instances[index]?.state !== 'running') continue;
          this.out.get(this.nameOf(key))?.lose();
          this.later(0, () => this.end(key, { state: 'failed', error }));
        }
        return;
      }
      case 'task_ended':
        if (command.state === 'skipped' || command.state === 'upstream_failed') {
          this.note(`${command.task} is ${command.state}`);
        }
        return;
      case 'finish':
        this.output = command.output;
        this.note(`the run is ${command.state}`);
        return;
    }
  }

  private start(key: InstanceKey): void {
    const task = this.task(key);
    const { target } = task;
    const { input } = this.record.tasks[key.task]!.instances[key.index]!; // the fold has just started it
    switch (target.kind) {
      case 'inline':
        return this.later(0, () => this.end(key, { state: 'success', output: input }));
      case 'latest_only':
        return this.later(0, () => this.end(key, { state: 'success', output: LATEST }));
      case 'approval': {
        const option = this.options.approve[key.task];
        const expiresMs = option === undefined ? target.expiresMs : 0;
        this.note(`${key.task} waits for ${target.options.join(' or ')}`);
        if (expiresMs === null) return;
        const chosen = option ?? target.onExpiry;
        const expired = option === undefined;
        const end: InstanceEnd =
          chosen === null
            ? {
                state: 'failed',
                error: { code: 'APPROVAL_EXPIRED', message: 'nobody chose in time' },
              }
            : { state: 'success', output: { option: chosen, by: expired ? '' : 'test', expired } };
        return this.later(expiresMs, () => this.end(key, end));
      }
      case 'workflow':
        return this.startWorkflow(key, target.type, input);
      case 'activity':
        return this.try(key, target.retry, 1);
    }
  }

  private startWorkflow(key: InstanceKey, type: string, input: Json): void {
    const name = this.nameOf(key);
    const plan = this.options.planOf(type);
    if (plan === undefined) {
      const durationMs = this.duration(this.random(name, 1));
      this.note(`${name} starts the workflow ${type}`);
      const output = this.options.outputOf(this.task(key), input, this.random(name, 1));
      return this.later(durationMs, () => this.end(key, { state: 'success', output }));
    }
    const { partition = '', params = {} } = input as { partition?: string; params?: JsonObject }; // declared so
    const child = new VirtualWorld(
      plan,
      {
        ...this.options,
        ...{ partition, params: { ...plan.params, ...params }, startMs: this.nowMs },
      },
      this.counter,
      `${this.prefix}${name} > `,
    ).toEnd();
    this.timeline.push(...child.timeline);
    const { state } = child.record;
    const error = { code: 'DAG_RUN_FAILED', message: `${type} ended as ${state}` };
    const end: InstanceEnd =
      state === 'success' ? { state, output: child.output } : { state: 'failed', error };
    this.later(child.endMs - this.nowMs, () => this.end(key, end));
  }

  private try(key: InstanceKey, retry: RetryRule, attempt: number): void {
    const name = this.nameOf(key);
    const random = this.random(name, attempt);
    this.tries[name] = attempt;
    this.counter.started += 1;
    this.note(attempt === 1 ? `${name} starts` : `${name} starts its try ${attempt}`);
    let lost = false;
    this.out.set(name, {
      key,
      lose: () => {
        lost = true;
        this.out.delete(name);
      },
    });
    const failing = this.options.fail[name] ?? this.options.fail[key.task] ?? 0;
    this.later(this.duration(random), () => {
      if (lost) return;
      this.out.delete(name);
      if (attempt <= failing) {
        const error = { code: 'INTERNAL', message: `told to fail try ${attempt}` };
        return this.failTry(key, retry, attempt, error, random);
      }
      const { input } = this.record.tasks[key.task]!.instances[key.index]!; // it is running
      this.end(key, {
        state: 'success',
        output: this.options.outputOf(this.task(key), input, random),
      });
    });
    if (this.options.killWorker.includes(this.counter.started)) this.killWorker();
  }

  /** All tries that are out are lost, and noticed when their heartbeats are missed. */
  private killWorker(): void {
    this.note('the worker is killed');
    const error = { code: 'TASK_TIMEOUT', message: 'its worker died' };
    const lost = [...this.out.entries()];
    for (const [name, { key, lose }] of lost) {
      lose();
      const { target } = this.task(key);
      if (target.kind !== 'activity') continue;
      const attempt = this.tries[name] ?? 1;
      this.later(HEARTBEAT_TIMEOUT_MS, () =>
        this.failTry(key, target.retry, attempt, error, this.random(name, attempt)),
      );
    }
  }

  private failTry(
    key: InstanceKey,
    retry: RetryRule,
    attempt: number,
    error: TaskError,
    random: SeededRandom,
  ): void {
    if (this.record.tasks[key.task]?.instances[key.index]?.state !== 'running') return;
    if (attempt >= triesFor(retry, error.code)) return this.end(key, { state: 'failed', error });
    this.note(`${this.nameOf(key)} failed: ${error.code} ${error.message}`);
    this.later(retryDelayMs(retry, attempt, random.uniform()), () =>
      this.try(key, retry, attempt + 1),
    );
  }

  private end(key: InstanceKey, end: InstanceEnd): void {
    const why = end.error === undefined ? '' : `: ${end.error.code} ${end.error.message}`;
    this.note(`${this.nameOf(key)} ${end.state}${why}`);
    this.apply({ kind: 'instances_ended', ends: [{ key, end }] });
  }

  private later(delayMs: number, happen: () => void): void {
    const entry = { atMs: this.nowMs + delayMs, happen };
    const at = this.queue.findIndex(({ atMs }) => atMs > entry.atMs);
    this.queue.splice(at < 0 ? this.queue.length : at, 0, entry);
  }

  private duration(random: SeededRandom): number {
    return SHORTEST_MS + random.below(LONGEST_MS - SHORTEST_MS);
  }

  private random(name: string, attempt: number): SeededRandom {
    const { seed, dagRunId } = this.options;
    return seededRandom('virtual-run', seed, dagRunId, this.prefix + name, attempt);
  }

  private note(what: string): void {
    this.timeline.push({ atMs: this.nowMs, what: this.prefix + what });
  }

  private task(key: InstanceKey): PlanTask {
    return graphOf(this.plan).task(key.task);
  }

  private nameOf(key: InstanceKey): string {
    return instanceName(this.task(key), key.index);
  }
}

/** An event before the world adds the time. */
type EventOf<E> = E extends unknown ? Omit<E, 'atMs'> : never;
