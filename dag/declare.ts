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
 * A reference in an input is an edge; `after` adds edges that carry no data. docs/dag.md has all of it.
 */
import type { Approval } from '../contracts/engine.js';
import type { Fault } from '../contracts/errors.js';
import { showJson, type JsonObject } from '../contracts/json.js';
import type { TriggerRule } from '../contracts/states.js';
import type { Expression } from './expression.js';
import { tasksRead } from './expression.js';
import type { Param } from './param.js';
import { paramDefault, paramSchema } from './param.js';
import {
  DEFAULT_WIDTH,
  type Callback,
  type PartitionKind,
  type PlanTarget,
  type PlanTask,
  type RetryRule,
  type Schedule,
} from './plan.js';
import type { Bindable, Ref, Unbound } from './reference.js';
import { isReference, reference, toExpression } from './reference.js';

declare const INPUT: unique symbol;
declare const OUTPUT: unique symbol;

/** Something a task can run. The types exist for `tsc` only. */
export type Operation<I, O> = (
  | { readonly kind: 'activity'; readonly name: string }
  | { readonly kind: 'workflow'; readonly type: string }
) & { readonly [INPUT]?: (input: I) => void; readonly [OUTPUT]?: () => O };

/** Input and output of each activity by name. */
export type ActivityTypes = { readonly [name: string]: { input: unknown; output: unknown } };

/** One operation for each activity, by name. */
export type Activities<T extends ActivityTypes> = {
  readonly [K in keyof T & string]: Operation<T[K]['input'], T[K]['output']>;
};

/** One operation for each activity, by property: `activities<Tasks>().parseFlows`. */
export function activities<T extends ActivityTypes>(): Activities<T> {
  return new Proxy(
    {},
    { get: (_, name) => ({ kind: 'activity', name: String(name) }) },
  ) as Activities<T>; // every property is the operation of that name
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

/** What may stand upstream: a task by its output, a word of a branch, or a whole group. */
export type Upstream = Ref<unknown> | BranchCase | Group<unknown>;

/** When a task runs, and what follows from how it ends. */
export interface OrderOptions {
  /** Upstream tasks that hand over no data. */
  readonly after?: readonly Upstream[];
  /** Skipped unless true. */
  readonly when?: Ref<boolean>;
  /** @default 'all_success' */
  readonly triggerRule?: TriggerRule;
  /** Assets that the task's success brings up to date: DAGs scheduled by them may start. */
  readonly updates?: readonly string[];
  readonly callbacks?: readonly Callback[];
  /** One line for the Temporal UI. @default the task's id */
  readonly summary?: Bindable<string>;
}

/** What a task takes and when it runs. */
export interface TaskOptions<I> extends OrderOptions, TryOptions {
  readonly input: Bindable<I>;
}

/** How often and how long a task is tried. */
export interface TryOptions {
  readonly retry?: Partial<RetryRule>;
  /** Limit of one try. */
  readonly timeoutMs?: number;
  /** Limit of all tries together, waits included. @default none */
  readonly deadlineMs?: number;
}

/** A task with one instance for each element of `over`. */
export interface MapOptions<E, I> extends Omit<OrderOptions, 'summary'>, TryOptions {
  readonly over: Ref<readonly E[]> | readonly Bindable<E>[];
  readonly input: (item: Ref<E>) => Bindable<I>;
  readonly summary?: (item: Ref<E>) => Bindable<string>;
  /** Instances at a time. @default 16 */
  readonly width?: number;
}

/** A teardown and the setups whose work it takes away. */
export interface TeardownOptions<I> extends Omit<TaskOptions<I>, 'triggerRule'> {
  readonly setups: readonly [Ref<unknown>, ...Ref<unknown>[]];
  /** @default false: a teardown that fails does not fail the run */
  readonly onFailureFailRun?: boolean;
}

/** A question to a person. */
export interface ApprovalOptions<T extends string> extends OrderOptions {
  /** Shown to whoever decides. */
  readonly question: Bindable<string>;
  readonly options: readonly T[];
  /** @default never */
  readonly expiresMs?: number;
  /** The option taken when it expires. @default none: the task fails */
  readonly onExpiry?: NoInfer<T>;
}

/** One word of a branch, as an upstream: what follows it runs when that word was chosen. */
export interface BranchCase {
  readonly branch: string;
  readonly word: string;
}

/** The words of a branch. */
export interface Branches<T extends string> {
  /** Goes on when this word was chosen. */
  case(word: T): BranchCase;
}

/** Tasks that are ordered as one. */
export interface Group<R> {
  readonly group: string;
  /** Tasks of the group that nothing in it depends on, teardowns left out. */
  readonly leaves: readonly string[];
  /** What the function that declared the group returned. */
  readonly result: R;
}

/** Handed to the function that declares a DAG. */
export interface DagBuilder<P> {
  readonly params: { readonly [K in keyof P]: Ref<ParamValue<P[K]>> };
  readonly run: {
    readonly partition: Ref<string>;
    readonly dagRunId: Ref<string>;
    readonly planHash: Ref<string>;
  };
  task<I, O>(id: string, operation: Operation<I, O>, options: TaskOptions<NoInfer<I>>): Ref<O>;
  /** One instance for each element; the result lists the outputs of those that succeeded, in order. */
  map<E, I, O>(
    id: string,
    operation: Operation<I, O>,
    options: MapOptions<E, NoInfer<I>>,
  ): Ref<O[]>;
  /** Goes on with what follows the chosen word (or words, or none); the rest is skipped. */
  branch<const T extends string>(
    id: string,
    chosen: Ref<T> | Ref<readonly T[]>,
    words: readonly NoInfer<T>[],
    options?: OrderOptions,
  ): Branches<T>;
  /** Skips all that is downstream unless `condition` is true (not false, null, 0 or empty). */
  shortCircuit(
    id: string,
    condition: Ref<unknown>,
    options?: OrderOptions & { readonly ignoreDownstreamTriggerRules?: boolean },
  ): Ref<unknown>;
  /** Skips what follows directly unless the run is about the newest partition that has ended. */
  latestOnly(id: string, options?: OrderOptions): BranchCase;
  /** Waits for a person; the output says who chose what. */
  approval<const T extends string>(id: string, options: ApprovalOptions<T>): Ref<Approval<T>>;
  /** Makes what a teardown takes away. */
  setup<I, O>(id: string, operation: Operation<I, O>, options: TaskOptions<NoInfer<I>>): Ref<O>;
  /** Runs when all before it has ended and a setup has succeeded; also in a run that is cancelled. */
  teardown<I, O>(
    id: string,
    operation: Operation<I, O>,
    options: TeardownOptions<NoInfer<I>>,
  ): Ref<O>;
  /** Tasks that others can follow, and that follow others, as one; their ids start with the group's. */
  group<R>(
    id: string,
    build: (d: DagBuilder<P>) => R,
    options?: { readonly after?: readonly Upstream[] },
  ): Group<R>;
}

type ParamValue<T> = T extends Param<infer V> ? V : T;

/** What a DAG is beside its tasks. */
export interface DagOptions<P> {
  readonly description?: string;
  /** Defaults by name, or `param(…)` for a value with a schema. */
  readonly params: P;
  /** @default 'none' */
  readonly partitions?: PartitionKind;
  readonly schedule?: Schedule;
  /** Assets whose change makes the runs before it stale. */
  readonly reads?: readonly string[];
  /** A run that lasts longer is ended as failed. @default no limit */
  readonly timeoutMs?: number;
  readonly callbacks?: readonly Callback[];
}

/** A declared DAG, itself an operation, so that a task of another DAG can run it. */
export type Dag<P = JsonObject, O = unknown> = Operation<
  WorkflowInput<{ readonly [K in keyof P]: ParamValue<P[K]> }>,
  O
> & {
  readonly kind: 'workflow';
  readonly type: string;
  readonly declaration: Declaration;
};

/** A DAG as declared, before it is checked and compiled. */
export interface Declaration {
  readonly description: string;
  readonly params: JsonObject;
  readonly paramSchemas: JsonObject;
  readonly partitions: PartitionKind;
  readonly schedule: Schedule | null;
  readonly reads: readonly string[];
  readonly timeoutMs: number | null;
  readonly callbacks: readonly Callback[];
  readonly tasks: readonly DeclaredTask[];
  /** Ids of the groups, those around them in front. */
  readonly groups: readonly string[];
  readonly output: Expression;
  /** What was wrong on the way; `compile` adds the rest. */
  readonly faults: readonly Fault[];
}

/** A task as declared: an operation's queue, contract and default limits are still to be looked up. */
export type DeclaredTask = Omit<PlanTask, 'target'> & {
  readonly target:
    Operation<unknown, unknown> | Exclude<PlanTarget, { kind: 'activity' | 'workflow' }>;
  readonly tries: TryOptions;
};

/** Declares a DAG; what `build` returns is the output of its runs. */
export function dag<P extends object, R>(
  id: string,
  options: DagOptions<P>,
  build: (d: DagBuilder<P>) => R,
): Dag<P, Unbound<R>> {
  const draft: Draft = { tasks: [], groups: [], faults: [] };
  const output = toExpression(build(builder<P>(draft, '')));
  const params = Object.entries(options.params);
  return {
    kind: 'workflow',
    type: id,
    declaration: {
      description: options.description ?? '',
      params: Object.fromEntries(params.map(([name, value]) => [name, paramDefault(value)])),
      paramSchemas: Object.fromEntries(
        params.flatMap(([name, value]) => paramSchema(value).map((schema) => [name, schema])),
      ),
      partitions: options.partitions ?? 'none',
      schedule: options.schedule ?? null,
      reads: options.reads ?? [],
      timeoutMs: options.timeoutMs ?? null,
      callbacks: options.callbacks ?? [],
      ...draft,
      output,
    },
  };
}

/** A DAG while it is being declared. */
interface Draft {
  readonly tasks: DeclaredTask[];
  readonly groups: string[];
  readonly faults: Fault[];
}

/** The builder of a DAG, or of a group in it, whose ids start with `prefix`. */
function builder<P>(draft: Draft, prefix: string): DagBuilder<P> {
  const { tasks, groups, faults } = draft;
  type Shape = Partial<Omit<PlanTask, 'target' | 'id'>>;

  function add(
    name: string,
    target: DeclaredTask['target'],
    options: OrderOptions & TryOptions,
    shape: Shape & Pick<PlanTask, 'input'>,
  ): string {
    const id = prefix + name;
    const { retry, timeoutMs, deadlineMs } = options;
    const when = options.when === undefined ? null : toExpression(options.when);
    const { input, map = null } = shape;
    const read = [input, map?.over ?? null, when].flatMap(tasksRead);
    const task: DeclaredTask = {
      id,
      target,
      upstream: unique([...read, ...follow(draft, id, options.after ?? [])]),
      triggerRule: options.triggerRule ?? 'all_success',
      when,
      map,
      summary: toExpression(options.summary ?? id),
      branch: null,
      shortCircuit: null,
      setup: false,
      teardown: null,
      updates: options.updates ?? [],
      callbacks: options.callbacks ?? [],
      ...shape,
      tries: {
        ...(retry !== undefined && { retry }),
        ...(timeoutMs !== undefined && { timeoutMs }),
        ...(deadlineMs !== undefined && { deadlineMs }),
      },
    };
    tasks.push(task);
    return id;
  }

  const output = <O>(id: string): Ref<O> => reference({ $task: id, path: [] });

  return {
    params: new Proxy(
      {},
      { get: (_, name) => reference({ $param: String(name), path: [] }) },
    ) as DagBuilder<P>['params'], // every property is a reference to that parameter
    run: {
      partition: reference({ $run: 'partition' }),
      dagRunId: reference({ $run: 'dagRunId' }),
      planHash: reference({ $run: 'planHash' }),
    },
    task: (id, operation, options) =>
      output(add(id, untyped(operation), options, { input: toExpression(options.input) })),
    map: (id, operation, { over, input, summary, width, ...options }) => {
      const item = reference<never>({ $item: true, path: [] });
      return output(
        add(id, untyped(operation), options, {
          input: toExpression(input(item)),
          map: { over: toExpression(over), width: width ?? DEFAULT_WIDTH },
          ...(summary !== undefined && { summary: toExpression(summary(item)) }),
        }),
      );
    },
    branch: (id, chosen, words, options = {}) => {
      const cases = Object.fromEntries(words.map((word) => [word, []]));
      const shape = { input: toExpression(chosen), branch: { cases } };
      const branch = add(id, { kind: 'inline' }, options, shape);
      return { case: (word) => ({ branch, word }) };
    },
    shortCircuit: (id, condition, { ignoreDownstreamTriggerRules = true, ...options } = {}) =>
      output(
        add(id, { kind: 'inline' }, options, {
          input: toExpression(condition),
          shortCircuit: { ignoreDownstreamTriggerRules },
        }),
      ),
    latestOnly: (id, options = {}) => {
      const shape = { input: null, branch: { cases: { [LATEST]: [] } } };
      return { branch: add(id, { kind: 'latest_only' }, options, shape), word: LATEST };
    },
    approval: (id, { question, options: words, expiresMs, onExpiry, ...options }) =>
      output(
        add(
          id,
          {
            kind: 'approval',
            options: words,
            expiresMs: expiresMs ?? null,
            onExpiry: onExpiry ?? null,
          },
          options,
          { input: toExpression(question), summary: toExpression(options.summary ?? question) },
        ),
      ),
    setup: (id, operation, options) =>
      output(
        add(id, untyped(operation), options, { input: toExpression(options.input), setup: true }),
      ),
    teardown: (id, operation, { setups, onFailureFailRun = false, ...options }) => {
      const ids = follow(draft, prefix + id, setups);
      return output(
        add(
          id,
          untyped(operation),
          { ...options, after: [...setups, ...(options.after ?? [])] },
          {
            input: toExpression(options.input),
            triggerRule: 'all_done_setup_success',
            teardown: { setups: ids, onFailureFailRun },
          },
        ),
      );
    },
    group: (id, build, { after = [] } = {}) => {
      const first = tasks.length;
      groups.push(prefix + id);
      const result = build(builder<P>(draft, `${prefix}${id}.`));
      const members = tasks.slice(first);
      const inside = new Set(members.map((task) => task.id));
      for (const [index, task] of members.entries()) {
        if (task.upstream.some((other) => inside.has(other))) continue;
        const upstream = unique([...task.upstream, ...follow(draft, task.id, after)]);
        tasks[first + index] = { ...task, upstream };
      }
      if (members.length === 0) {
        faults.push({
          code: 'DAG_INVALID',
          found: `the group "${prefix}${id}" has no tasks`,
          expected: 'at least one',
          fix: 'declare its tasks with the builder that the group is given, or drop it',
        });
      }
      const followed = new Set(
        members.filter(({ teardown }) => teardown === null).flatMap(({ upstream }) => upstream),
      );
      const leaves = members
        .filter((task) => task.teardown === null && !followed.has(task.id))
        .map((task) => task.id);
      return { group: prefix + id, leaves, result };
    },
  };
}

/** The word of a latest-only task. */
export const LATEST = 'latest';

/** Ids that `after` stands for; a word of a branch learns that `id` follows it. */
function follow({ tasks, faults }: Draft, id: string, after: readonly Upstream[]): string[] {
  return after.flatMap((upstream) => {
    if (!isUpstream(upstream)) {
      faults.push({
        code: 'DAG_UNKNOWN_UPSTREAM',
        found: `"${id}" comes after ${showJson(upstream)}`,
        expected: 'what d.task(), d.group() or the case() of a branch returned',
        fix: 'correct `after`',
      });
      return [];
    }
    if (isGroup(upstream)) return upstream.leaves;
    if (!isCase(upstream)) return tasksRead(toExpression(upstream));
    const { branch, word } = upstream;
    const index = tasks.findIndex((task) => task.id === branch);
    const task = tasks[index];
    if (task?.branch != null) {
      if (!Object.hasOwn(task.branch.cases, word)) {
        faults.push({
          code: 'DAG_UNKNOWN_UPSTREAM',
          found: `"${id}" follows the word "${word}" of the branch "${branch}"`,
          expected: `one of ${Object.keys(task.branch.cases).join(', ')}`,
          fix: `correct the word, or add it to the words of "${branch}"`,
        });
        return [branch];
      }
      const followers = unique([...(task.branch.cases[word] ?? []), id]);
      tasks[index] = { ...task, branch: { cases: { ...task.branch.cases, [word]: followers } } };
    }
    return [branch];
  });
}

/** What a caller without types may get wrong. */
function isUpstream(upstream: unknown): upstream is Upstream {
  if (typeof upstream !== 'object' || upstream === null) return false;
  return isReference(upstream) || 'leaves' in upstream || 'word' in upstream;
}

// a reference answers every property, so what it is not is asked with `in`
function isGroup(upstream: Upstream): upstream is Group<unknown> {
  return 'leaves' in upstream;
}

function isCase(upstream: Upstream): upstream is BranchCase {
  return 'word' in upstream;
}

/** The types of an operation are for the caller only. */
function untyped<I, O>(operation: Operation<I, O>): Operation<unknown, unknown> {
  return operation as Operation<unknown, unknown>;
}

function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}
