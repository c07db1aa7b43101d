/**
 * Declaring a DAG: tasks, what each takes from others, and when it runs.
 *
 * ```ts
 * const act = activities<Tasks>();
 * export const ingest = dag('ingest', { params: { input: '' } }, (d) => {
 *   const found = d.task('list_sources', act.listSources, { input: { path: d.params.input } });
 *   const parsed = d.map('parse', act.parseFlows, {
 *     over: found.files,
 *     input: (file) => ({ file }),
 *     summary: (file) => text`parse ${file.name}`,
 *   });
 *   return { files: parsed };
 * });
 * ```
 *
 * A reference in an input is an edge; `after` adds edges that carry no data.
 */
import type { JsonObject } from '../contracts/json.js';
import type { TriggerRule } from '../contracts/states.js';
import type { Expression } from './expression.js';
import { tasksRead } from './expression.js';
import type { PartitionKind, RetryRule, Schedule } from './plan.js';
import type { Bindable, Ref } from './reference.js';
import { reference, toExpression } from './reference.js';

declare const INPUT: unique symbol;
declare const OUTPUT: unique symbol;

/** Something a task can run. The types exist for `tsc` only. */
export type Operation<I, O> = (
  | { readonly kind: 'activity'; readonly name: string }
  | { readonly kind: 'workflow'; readonly type: string }
) & { readonly [INPUT]?: (input: I) => void; readonly [OUTPUT]?: () => O };

/** Input and output of each activity by name. */
export type ActivityTypes = { readonly [name: string]: { input: unknown; output: unknown } };

/** One operation for each activity, by property: `activities<Tasks>().parseFlows`. */
export function activities<T extends ActivityTypes>(): {
  readonly [K in keyof T & string]: Operation<T[K]['input'], T[K]['output']>;
} {
  return new Proxy(
    {},
    { get: (_, name) => ({ kind: 'activity', name: String(name) }) },
  ) as ReturnType<typeof activities<T>>; // every property is the operation of that name
}

/**
 * A workflow written in code, to be used as a task.
 *
 * @public
 */
export function nativeWorkflow<I, O>(type: string): Operation<WorkflowInput<I>, O> {
  return { kind: 'workflow', type };
}

/** What a task that runs a workflow hands it; `partition` is part of the workflow id. */
export interface WorkflowInput<P> {
  readonly partition: string;
  readonly params: P;
}

/** What a task takes and when it runs. */
export interface TaskOptions<I> {
  readonly input: Bindable<I>;
  /** Upstream tasks that hand over no data. */
  readonly after?: readonly Ref<unknown>[];
  /** Skipped unless true. */
  readonly when?: Ref<boolean>;
  /** @default 'all_success' */
  readonly triggerRule?: TriggerRule;
  readonly retry?: Partial<RetryRule>;
  /** One try may take this long. */
  readonly timeoutMs?: number;
  /** One line for the Temporal UI. @default the task's id */
  readonly summary?: Bindable<string>;
}

/** A task with one instance for each element of `over`. */
export interface MapOptions<E, I> extends Omit<TaskOptions<I>, 'input' | 'summary'> {
  readonly over: Ref<readonly E[]>;
  readonly input: (item: Ref<E>) => Bindable<I>;
  readonly summary?: (item: Ref<E>) => Bindable<string>;
  /** Instances at a time. @default 16 */
  readonly width?: number;
}

/** Handed to the function that declares a DAG. */
export interface DagBuilder<P> {
  readonly params: { readonly [K in keyof P]: Ref<P[K]> };
  readonly run: {
    readonly partition: Ref<string>;
    readonly dagRunId: Ref<string>;
    readonly planHash: Ref<string>;
  };
  task<I, O>(id: string, operation: Operation<I, O>, options: TaskOptions<I>): Ref<O>;
  /** One instance for each element; the result lists the outputs of those that succeeded, in order. */
  map<E, I, O>(id: string, operation: Operation<I, O>, options: MapOptions<E, I>): Ref<O[]>;
}

/** What a DAG is beside its tasks. */
export interface DagOptions<P> {
  readonly description?: string;
  readonly params: P;
  /** @default 'none' */
  readonly partitions?: PartitionKind;
  readonly schedule?: Schedule;
}

/** A declared DAG, itself an operation, so that a task of another DAG can run it. */
export type Dag<P = JsonObject, O = unknown> = Operation<WorkflowInput<P>, O> & {
  readonly kind: 'workflow';
  readonly type: string;
  readonly declaration: Declaration;
};

/** A DAG as declared, before it is checked and compiled. */
export interface Declaration {
  readonly description: string;
  readonly params: JsonObject;
  readonly partitions: PartitionKind;
  readonly schedule: Schedule | null;
  readonly tasks: readonly DeclaredTask[];
  readonly output: Expression;
}

/** A task as declared. */
export interface DeclaredTask {
  readonly id: string;
  readonly operation: Operation<unknown, unknown>;
  readonly upstream: readonly string[];
  readonly triggerRule: TriggerRule;
  readonly when: Expression | null;
  readonly input: Expression;
  readonly map: { readonly over: Expression; readonly width: number } | null;
  readonly summary: Expression;
  readonly retry: Partial<RetryRule>;
  readonly timeoutMs: number | undefined;
}

/** Declares a DAG; what `build` returns is the output of its runs. */
export function dag<P extends object, O>(
  id: string,
  options: DagOptions<P>,
  build: (d: DagBuilder<P>) => Bindable<O>,
): Dag<P, O> {
  const tasks: DeclaredTask[] = [];

  function add<I, O2>(
    taskId: string,
    operation: Operation<I, O2>,
    options: Omit<TaskOptions<I>, 'input' | 'summary'>,
    input: Expression,
    map: DeclaredTask['map'],
    summary: Expression,
  ): Ref<O2> {
    const when = options.when === undefined ? null : toExpression(options.when);
    const order = (options.after ?? []).flatMap((ref) => tasksRead(toExpression(ref)));
    tasks.push({
      id: taskId,
      operation: operation as Operation<unknown, unknown>, // its types are for the caller only
      upstream: [
        ...new Set([
          ...tasksRead(input),
          ...tasksRead(map?.over ?? null),
          ...tasksRead(when),
          ...order,
        ]),
      ],
      triggerRule: options.triggerRule ?? 'all_success',
      when,
      input,
      map,
      summary,
      retry: options.retry ?? {},
      timeoutMs: options.timeoutMs,
    });
    return reference({ $task: taskId, path: [] });
  }

  const builder: DagBuilder<P> = {
    params: new Proxy(
      {},
      { get: (_, name) => reference({ $param: String(name), path: [] }) },
    ) as DagBuilder<P>['params'], // every property is a reference to that parameter
    run: {
      partition: reference({ $run: 'partition' }),
      dagRunId: reference({ $run: 'dagRunId' }),
      planHash: reference({ $run: 'planHash' }),
    },
    task: (taskId, operation, options) =>
      add(
        taskId,
        operation,
        options,
        toExpression(options.input),
        null,
        toExpression(options.summary ?? taskId),
      ),
    map: <E, I, O2>(taskId: string, operation: Operation<I, O2>, options: MapOptions<E, I>) => {
      const item = reference<E>({ $item: true, path: [] });
      const map = { over: toExpression(options.over), width: options.width ?? 16 };
      const input = toExpression(options.input(item));
      const summary = toExpression(options.summary?.(item) ?? taskId);
      // a mapped task's output is the list of its instances' outputs
      return add(taskId, operation as Operation<I, O2[]>, options, input, map, summary);
    },
  };

  const output = toExpression(build(builder));
  return {
    kind: 'workflow',
    type: id,
    declaration: {
      description: options.description ?? '',
      params: options.params as unknown as JsonObject, // plain data by contract, checked by `compile`
      partitions: options.partitions ?? 'none',
      schedule: options.schedule ?? null,
      tasks,
      output,
    },
  };
}
