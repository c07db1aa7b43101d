/** A plan written to a file by `sentinel dags show --plan`, or by hand with only what matters. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { PipelineError, type ErrorCode } from '../contracts/errors.js';
import { QUEUES } from '../contracts/queues.js';
import { TRIGGER_RULES } from '../contracts/states.js';
import type { TaskOutcome } from '../dag/outcomes.js';
import { readPlan, type Plan, type PlanDocument } from '../dag/plan.js';

const expression = z.json();
const count = z.int().min(1);
const ms = z.number().positive();
const callback = z.strictObject({
  on: z.array(z.enum(['success', 'failed', 'skipped', 'upstream_failed', 'cancelled'])),
  notify: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('webhook'), url: z.url() }),
    z.strictObject({ kind: z.literal('command'), command: z.array(z.string()).min(1) }),
  ]),
});
const target = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('activity'),
    name: z.string(),
    queue: z.enum(QUEUES),
    contract: z.string(),
    retry: z.strictObject({
      maximumAttempts: z.int().min(0),
      initialIntervalMs: z.number().min(0),
      backoffCoefficient: z.number().min(1),
      maximumIntervalMs: z.number().min(0),
      jitter: z.number().min(0).max(1).optional(),
      attemptsByCode: z.record(z.string(), count).optional(),
    }),
    timeoutMs: ms,
    deadlineMs: ms.nullish(),
  }),
  z.strictObject({ kind: z.literal('workflow'), type: z.string() }),
  z.strictObject({ kind: z.literal('inline') }),
  z.strictObject({ kind: z.literal('latest_only') }),
  z.strictObject({
    kind: z.literal('approval'),
    options: z.array(z.string()).min(1),
    expiresMs: ms.nullable(),
    onExpiry: z.string().nullable(),
  }),
]);
const task = z.strictObject({
  id: z.string().min(1),
  target: target.optional(),
  upstream: z.array(z.string()).optional(),
  triggerRule: z.enum(TRIGGER_RULES).optional(),
  when: expression.optional(),
  input: expression.optional(),
  map: z.strictObject({ over: expression, width: count.default(16) }).nullish(),
  summary: expression.optional(),
  branch: z
    .strictObject({ cases: z.record(z.string(), z.array(z.string())).default({}) })
    .nullish(),
  shortCircuit: z
    .strictObject({ ignoreDownstreamTriggerRules: z.boolean().default(true) })
    .nullish(),
  setup: z.boolean().optional(),
  teardown: z
    .strictObject({
      setups: z.array(z.string()).default([]),
      onFailureFailRun: z.boolean().default(false),
    })
    .nullish(),
  updates: z.array(z.string()).optional(),
  callbacks: z.array(callback).optional(),
});
const plan = z.strictObject({
  format: z.union([z.literal(1), z.literal(2)]),
  dag: z.string().min(1),
  description: z.string().optional(),
  partitions: z.json().optional(),
  schedule: z.json().optional(),
  params: z.record(z.string(), z.json()).optional(),
  paramSchemas: z.record(z.string(), z.json()).optional(),
  codeVersion: z.string().optional(),
  reads: z.array(z.string()).optional(),
  timeoutMs: ms.nullish(),
  callbacks: z.array(callback).optional(),
  tasks: z.array(task),
  output: expression.optional(),
});

const outcome = z.enum(['success', 'failed', 'skipped']);
const outcomes = z.record(
  z.string(),
  z.union([
    outcome,
    // a condition, or the outcomes of a map, or the choice of a branch: by the kind of the task
    z.boolean(),
    z.array(outcome),
    z.array(z.string()),
    z.strictObject({ choice: z.union([z.string(), z.array(z.string()), z.null()]) }),
    z.strictObject({ condition: z.boolean() }),
    z.strictObject({ map: z.array(outcome) }),
    z.strictObject({ length: z.int().min(0) }),
    z.string(),
  ]),
);

/**
 * The plan in a file, with defaults filled in.
 *
 * @throws PipelineError INPUT_NOT_FOUND, PLAN_INVALID with every fault
 */
export async function readPlanFile(file: string): Promise<Plan> {
  const document = (await readJson(file, plan, 'PLAN_INVALID')) as PlanDocument; // by its schema
  const complete = readPlan(withoutAbsent(document));
  const ids = complete.tasks.map(({ id }) => id);
  const unknown = complete.tasks.flatMap(({ id, upstream }) =>
    upstream.filter((other) => !ids.includes(other)).map((other) => `"${id}" follows "${other}"`),
  );
  const repeated = ids.filter((id, index) => ids.indexOf(id) < index).map((id) => `two "${id}"`);
  const faults = [...repeated, ...unknown];
  if (faults.length === 0) return complete;
  throw invalid('PLAN_INVALID', file, faults.join('; '));
}

/**
 * The outcomes in a file, for the tasks of a plan.
 *
 * @throws PipelineError INPUT_NOT_FOUND, OUTCOMES_INVALID
 */
export async function readOutcomesFile(
  file: string,
  { tasks }: Plan,
): Promise<{ [id: string]: TaskOutcome }> {
  const given = (await readJson(file, outcomes, 'OUTCOMES_INVALID')) as z.infer<typeof outcomes>; // by its schema
  return Object.fromEntries(
    Object.entries(given).map(([id, value]): [string, TaskOutcome] => {
      const isBranch = tasks.some((of) => of.id === id && of.branch !== null);
      if (typeof value === 'boolean') return [id, { condition: value }];
      if (Array.isArray(value)) {
        return [id, isBranch ? { choice: value } : { map: value as ('success' | 'failed')[] }]; // by its schema
      }
      if (typeof value === 'object' && 'choice' in value) {
        const { choice } = value;
        return [id, { choice: choice === null ? [] : [choice].flat() }];
      }
      if (typeof value === 'string' && !outcome.safeParse(value).success) {
        return [id, { choice: [value] }];
      }
      return [id, value]; // by its schema
    }),
  );
}

async function readJson(file: string, schema: z.ZodType, code: ErrorCode): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new PipelineError(
      { code: 'INPUT_NOT_FOUND', file, found: 'no such file', fix: 'correct the path' },
      { cause },
    );
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(code, file, `no JSON: ${String(cause)}`);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.map(
    ({ path, message }) => `$${path.map((key) => `[${JSON.stringify(key)}]`).join('')}: ${message}`,
  );
  throw invalid(code, file, faults.join('; '));
}

function invalid(code: ErrorCode, file: string, found: string): PipelineError {
  return new PipelineError({
    code,
    file,
    found,
    fix: 'correct the file; docs/dag.md has the format, and `sentinel dags show DAG --plan` writes a plan',
  });
}

/** zod hands on a property that is absent as `undefined`, which would hide a default. */
function withoutAbsent<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T; // what `undefined` stood for is gone, the rest is JSON
}
