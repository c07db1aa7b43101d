/**
 * The border of every task: input and output are held against the task's schema, the contract against
 * the plan's, and what is thrown becomes a Temporal failure with code, place and mend.
 */
import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import type { z } from 'zod';
import { ERROR_CODES, PipelineError, type ErrorCode } from '../contracts/errors.js';
import type { TaskContext } from '../contracts/engine.js';
import { taskContracts, type TaskName, type Tasks } from '../contracts/schemas/tasks.js';
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
      const parsed = parse(name, 'TASK_INPUT_INVALID', input, value);
      const result = await withHeartbeats(() => code(parsed, run));
      return parse(name, 'TASK_OUTPUT_INVALID', output, result);
    } catch (error) {
      throw toFailure(error);
    }
  };
}

function parse(name: TaskName, code: ErrorCode, schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.map(
    (issue) => `$${issue.path.map((key) => `[${JSON.stringify(key)}]`).join('')}: ${issue.message}`,
  );
  throw new PipelineError({
    code,
    found: `${name} ${faults.join('; ')}`,
    fix: 'correct the edge in the DAG that feeds this value, or the schema in contracts/schemas/tasks.ts',
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
