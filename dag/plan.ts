/**
 * A plan: the shape of a DAG as canonical JSON. Its hash is its version. A run keeps to the plan it
 * started with, so editing a DAG never touches a run that is under way.
 */
import type { RetryRule } from '../contracts/engine.js';
import type { Json, JsonObject } from '../contracts/json.js';
import type { Queue } from '../contracts/queues.js';
import type { TriggerRule } from '../contracts/states.js';
import type { Expression } from './expression.js';
import type { PartitionKind } from './partitions.js';
import type { Schedule } from './schedule.js';

/** A compiled DAG. */
export interface Plan {
  readonly format: 2;
  readonly dag: string;
  readonly description: string;
  readonly partitions: PartitionKind;
  readonly schedule: Schedule | null;
  /** Parameters and their defaults; a run may replace values, never add names. */
  readonly params: JsonObject;
  /** JSON Schema of each parameter that declares one. */
  readonly paramSchemas: JsonObject;
  /** Version of the activity code the plan was compiled with. */
  readonly codeVersion: string;
  /** Assets whose change makes a run of this DAG stale. */
  readonly reads: readonly string[];
  /** A run that lasts longer is ended as failed; null for no limit. */
  readonly timeoutMs: number | null;
  readonly callbacks: readonly Callback[];
  /** Each task stands after all its upstream tasks. */
  readonly tasks: readonly PlanTask[];
  /** What the run returns. */
  readonly output: Expression;
}

export type { PartitionKind } from './partitions.js';
export type { Schedule } from './schedule.js';

/** A task of a plan; other tasks are named by id. */
export interface PlanTask {
  /** With the ids of its groups in front: `prepare.load`. */
  readonly id: string;
  readonly target: PlanTarget;
  readonly upstream: readonly string[];
  readonly triggerRule: TriggerRule;
  /** The task is skipped when this is present and not true. */
  readonly when: Expression | null;
  readonly input: Expression;
  /** Present on a mapped task: one instance for each element, at most `width` of them at a time. */
  readonly map: { readonly over: Expression; readonly width: number } | null;
  readonly summary: Expression;
  readonly branch: Branch | null;
  readonly shortCircuit: ShortCircuit | null;
  /** Makes what a teardown takes away; see `teardown`. */
  readonly setup: boolean;
  readonly teardown: Teardown | null;
  /** Assets that the task's success brings up to date. */
  readonly updates: readonly string[];
  readonly callbacks: readonly Callback[];
}

/** The task's output names the direct downstream tasks that go on; the others are skipped. */
export interface Branch {
  /** Tasks by the word that chooses them; a word that is not here is the id of a downstream task. */
  readonly cases: { readonly [word: string]: readonly string[] };
}

/** Unless the task's output is true (not false, null, 0 or empty), what is downstream is skipped. */
export interface ShortCircuit {
  /** True skips all that is downstream; false the direct downstream, and trigger rules say the rest. */
  readonly ignoreDownstreamTriggerRules: boolean;
}

/** Runs once all before it has ended, if a setup of it has succeeded; also when the run is cancelled. */
export interface Teardown {
  readonly setups: readonly string[];
  /** By default a teardown that fails does not fail the run. */
  readonly onFailureFailRun: boolean;
}

/** What a task runs. */
export type PlanTarget =
  | ActivityTarget
  /** A workflow by type: another DAG, or native code. */
  | { readonly kind: 'workflow'; readonly type: string }
  /** Nothing: the output is the input. */
  | { readonly kind: 'inline' }
  /** Nothing runs until a person has chosen an option. */
  | ApprovalTarget
  /** The word `latest` for the newest partition that has ended when the run starts, no word for others. */
  | { readonly kind: 'latest_only' };

/** An activity by name. */
export interface ActivityTarget {
  readonly kind: 'activity';
  readonly name: string;
  readonly queue: Queue;
  /** Hash of the activity's input and output schema at compile time. */
  readonly contract: string;
  readonly retry: RetryRule;
  /** Limit of one try. */
  readonly timeoutMs: number;
  /** Limit of all tries together, waits included; null for none. */
  readonly deadlineMs: number | null;
}

/** A question to a person; the output is an `Approval` of contracts/engine.ts. */
export interface ApprovalTarget {
  readonly kind: 'approval';
  readonly options: readonly string[];
  readonly expiresMs: number | null;
  /** The option taken when it expires; null fails the task. */
  readonly onExpiry: string | null;
}

export type { RetryRule };

/** What is told to the outside, once, when a task or the run comes to one of these states. */
export interface Callback {
  readonly on: readonly ('success' | 'failed' | 'skipped' | 'upstream_failed' | 'cancelled')[];
  readonly notify:
    | { readonly kind: 'webhook'; readonly url: string }
    /** The notice is its standard input, as JSON. */
    | { readonly kind: 'command'; readonly command: readonly string[] };
}

/** A plan as it is stored, or written by hand: format 1 had fewer fields, and defaults may be left out. */
export interface PlanDocument extends Partial<Omit<Plan, 'format' | 'tasks'>> {
  readonly format: 1 | 2;
  readonly dag: string;
  readonly tasks: readonly (Partial<PlanTask> & Pick<PlanTask, 'id'>)[];
}

/** Retries of a target that declares none. */
export const DEFAULT_RETRY: RetryRule = {
  maximumAttempts: 1,
  initialIntervalMs: 1_000,
  backoffCoefficient: 2,
  maximumIntervalMs: 60_000,
  jitter: 0,
  attemptsByCode: {},
};

/** Instances of a mapped task at a time, where the DAG does not say. */
export const DEFAULT_WIDTH = 16;

/** A stored plan of any format with everything filled in. */
export function readPlan(document: PlanDocument): Plan {
  const { tasks, ...shape } = document;
  return {
    description: '',
    partitions: 'none',
    schedule: null,
    params: {},
    paramSchemas: {},
    codeVersion: '',
    reads: [],
    timeoutMs: null,
    callbacks: [],
    output: null,
    ...shape,
    format: 2,
    tasks: tasks.map(readTask),
  };
}

function readTask(task: PlanDocument['tasks'][number]): PlanTask {
  const { target } = task;
  return {
    upstream: [],
    triggerRule: task.teardown == null ? 'all_success' : 'all_done_setup_success',
    when: null,
    input: null,
    map: null,
    summary: task.id,
    branch: null,
    shortCircuit: null,
    setup: false,
    teardown: null,
    updates: [],
    callbacks: [],
    ...task,
    target:
      target?.kind === 'activity'
        ? {
            ...target,
            retry: { ...DEFAULT_RETRY, ...target.retry },
            deadlineMs: (target as Partial<ActivityTarget>).deadlineMs ?? null, // not in format 1
          }
        : (target ?? { kind: 'inline' }),
  };
}

/** True as a condition: not false, null, zero, or empty. */
export function isTruthy(value: Json): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}
