/**
 * A plan: the shape of a DAG as canonical JSON. Its hash is its version. A run keeps to the plan it
 * started with, so editing a DAG never touches a run that is under way.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';
import type { JsonObject } from '../contracts/json.js';
import type { Queue } from '../contracts/queues.js';
import type { TriggerRule } from '../contracts/states.js';
import type { Expression } from './expression.js';
import type { PartitionKind } from './partitions.js';
import type { Schedule } from './schedule.js';

/** A compiled DAG. */
export interface Plan {
  readonly format: 1;
  readonly dag: string;
  readonly description: string;
  readonly partitions: PartitionKind;
  readonly schedule: Schedule | null;
  /** Parameters and their defaults; a run may replace values, never add names. */
  readonly params: JsonObject;
  /** Version of the activity code the plan was compiled with. */
  readonly codeVersion: string;
  /** Each task stands after all its upstream tasks. */
  readonly tasks: readonly PlanTask[];
  /** What the run returns. */
  readonly output: Expression;
}

export type { PartitionKind } from './partitions.js';
export type { Schedule } from './schedule.js';

/** A task of a plan; upstream tasks are named by id. */
export interface PlanTask {
  readonly id: string;
  /** An activity by name, or a workflow by type: another DAG, or native code. */
  readonly target: PlanTarget;
  readonly upstream: readonly string[];
  readonly triggerRule: TriggerRule;
  /** The task is skipped when this is present and not true. */
  readonly when: Expression | null;
  readonly input: Expression;
  /** Present on a mapped task: one instance for each element, at most `width` of them at a time. */
  readonly map: { readonly over: Expression; readonly width: number } | null;
  readonly summary: Expression;
}

/** What a task runs. */
export type PlanTarget =
  | {
      readonly kind: 'activity';
      readonly name: string;
      readonly queue: Queue;
      /** Hash of the activity's input and output schema at compile time. */
      readonly contract: string;
      readonly retry: RetryRule;
      readonly timeoutMs: number;
    }
  | { readonly kind: 'workflow'; readonly type: string };

/** When a failed try is repeated. */
export interface RetryRule {
  /** Tries in all, the first included. @minimum 1 */
  readonly maximumAttempts: number;
  /** Wait before the second try. */
  readonly initialIntervalMs: number;
  /** Each wait is this times the one before. @minimum 1 */
  readonly backoffCoefficient: number;
  readonly maximumIntervalMs: number;
}

// a CommonJS function whose type declaration claims an ES module
const serialize = canonicalize as unknown as (value: unknown) => string | undefined;

/** SHA-256 of the plan's RFC 8785 form, 64 hex digits. */
export function planHash(plan: Plan): string {
  return hashJson(plan);
}

/** SHA-256 of any JSON value in RFC 8785 form, 64 hex digits. */
export function hashJson(value: unknown): string {
  const text = serialize(value);
  if (text === undefined) throw new TypeError('only JSON values have a hash');
  return bytesToHex(sha256(utf8ToBytes(text)));
}
