/**
 * The border of every task: input and output are held against the task's schema, the contract against
 * the plan's, and what is thrown becomes a Temporal failure with code, place and mend.
 */
import { activityInfo, ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import type { z } from 'zod';
import { ERROR_CODES, errorOf, PipelineError } from '../contracts/errors.js';
import type { RetryRule, TaskContext } from '../contracts/engine.js';
import { jsonPath, showJson } from '../contracts/json.js';
import { taskContracts, type TaskName, type Tasks } from '../contracts/schemas/tasks.js';
import { retryDelayMs, triesFor } from '../dag/retry.js';
import { contractHash } from './catalogue.js';
import { withHeartbeats } from './heartbeats.js';

/** A task's code: plain data in, plain data out. */
export type TaskCode<K extends TaskName> = (
  input: Tasks[K]['input'],
  run: TaskContext,
) => Promise<Tasks[K]['output']>;

/** The code of each task, by name. */
export type TaskCodes = { readonly [K in TaskName]: TaskCode<K> };

/** The activities that a worker serves, each behind its schemas. */
export function checkedActivities(codes: Partial<TaskCodes>): Record<string, UntypedCode> {
  return Object.fromEntries(
    Object.entries(codes).map(([name, code]) => [
      name,
      checked(name as TaskName, code as UntypedCode), // parsed before the call
    ]),
  );
}

type UntypedCode = (input: unknown, run: TaskContext) => Promise<unknown>;

function checked(name: TaskName, code: UntypedCode): UntypedCode {
  const { input, output } = taskContracts[name];
  const contract = contractHash(name);
  return async (value, run) => {
    try {
      if (run.contract !== contract) {
        throw new PipelineError({
          code: 'TASK_CONTRACT_CHANGED',
          found: `${name} has contract ${contract.slice(0, 12)}`,
          expected: `${run.contract.slice(0, 12)}, which the plan was compiled against`,
          fix: 'start the run anew on the latest plan, or bring back workers of the old version',
        });
      }
      const parsed = parse(name, 'input', input, value);
      const result = await withHeartbeats(() => code(parsed, run));
      return parse(name, 'output', output, result);
    } catch (error) {
      throw withNextTry(toFailure(error), run.retry);
    }
  };
}

function parse(
  name: TaskName,
  side: keyof typeof SIDES,
  schema: z.ZodType,
  value: unknown,
): unknown {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const { code, fix } = SIDES[side];
  const task = `${side} of task "${activityInfo().activityId}" (${name})`;
  const [first, ...others] = result.error.issues.map((issue) => ({
    code,
    found: `${task} at ${jsonPath(issue.path)}: ${showJson(issue.input)}`,
    expected: expectedBy(issue),
    fix,
  }));
  throw errorOf(code, [first!, ...others]); // what fails has an issue
}

const SIDES = {
  input: {
    code: 'TASK_INPUT_INVALID',
    fix: 'correct the edge in the DAG that feeds this value, or the schema in contracts/schemas/tasks.ts',
  },
  output: {
    code: 'TASK_OUTPUT_INVALID',
    fix: "correct the task's code, or the schema in contracts/schemas/tasks.ts",
  },
} as const;

/** What the schema wants in place of what it refused. */
function expectedBy(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.expected === 'int' ? 'a whole number' : issue.expected;
    case 'invalid_value':
      return issue.values.map((one) => showJson(one)).join(' or ');
    case 'too_small':
      return `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`;
    case 'too_big':
      return `${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`;
    case 'unrecognized_keys':
      return `no ${issue.keys.join(', ')}`;
    case 'invalid_format':
    case 'not_multiple_of':
    case 'invalid_union':
    case 'invalid_key':
    case 'invalid_element':
    case 'custom':
      return issue.message;
  }
}

/**
 * A failure that says whether and when its task is tried again, where the error's code or chance decides.
 *
 * @see https://docs.temporal.io/retry-policies: `nextRetryDelay` overrides the policy's interval
 */
function withNextTry(failure: unknown, retry: RetryRule | undefined): unknown {
  if (retry === undefined || failure instanceof CancelledFailure) return failure;
  const known = failure instanceof ApplicationFailure ? failure : undefined;
  const code = known?.type ?? 'INTERNAL';
  const { attempt } = activityInfo();
  const message = failure instanceof Error ? failure.message : String(failure);
  const tries = triesFor(retry, code);
  return ApplicationFailure.create({
    message,
    type: code,
    nonRetryable: (known?.nonRetryable ?? false) || (tries > 0 && attempt >= tries),
    nextRetryDelay: retryDelayMs(retry, attempt, Math.random()),
    details: known?.details ?? [],
    ...(failure instanceof Error && { cause: failure }),
  });
}

/** Type = code, so that retry rules can list codes; the table of codes says what is final. */
export function toFailure(error: unknown): unknown {
  if (error instanceof CancelledFailure || error instanceof ApplicationFailure) return error;
  if (error instanceof PipelineError) {
    return ApplicationFailure.create({
      message: error.message,
      type: error.code,
      nonRetryable: ERROR_CODES[error.code] === 'final',
      details: [error.fault],
      cause: error,
    });
  }
  return error;
}
