/** What the code says of each activity, for compiling plans: queue, timeout, retries, contract hash. */
import { z } from 'zod';
import type { JsonObject } from '../contracts/json.js';
import { taskContracts, type TaskName } from '../contracts/schemas/tasks.js';
import type { ActivityCatalogue } from '../dag/compile.js';
import { hashJson } from '../dag/plan-hash.js';
import { DEFAULT_RETRY, type RetryRule } from '../dag/plan.js';

/** Doubling from one second to a minute: five tries within half a minute, enough for a restarted server. */
const RETRY: RetryRule = { ...DEFAULT_RETRY, maximumAttempts: 5 };

/** The catalogue of this code. */
export function activityCatalogue(): ActivityCatalogue {
  return CATALOGUE;
}

/** Hash of a task's input and output schema. */
export function contractHash(name: TaskName): string {
  const { input, output } = taskContracts[name];
  return hashJson({ input: z.toJSONSchema(input), output: z.toJSONSchema(output) });
}

// one object for all: checks remember what they have made of a schema
const CATALOGUE: ActivityCatalogue = Object.fromEntries(
  Object.entries(taskContracts).map(([name, { queue, timeoutMs, input, output }]) => [
    name,
    {
      queue,
      timeoutMs,
      retry: RETRY,
      contract: contractHash(name as TaskName), // its own keys
      input: z.toJSONSchema(input, { io: 'input' }) as JsonObject, // a schema is JSON
      output: z.toJSONSchema(output) as JsonObject, // likewise
    },
  ]),
);
