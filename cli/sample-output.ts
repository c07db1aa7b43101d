/** Made-up values for a run in memory: they satisfy the schemas of outputs and parameters, the same for a seed. */
import { generateSync, type JsonSchema } from 'json-schema-faker';
import { z } from 'zod';
import type { Json, JsonObject } from '../contracts/json.js';
import { taskContracts, type TaskName } from '../contracts/schemas/tasks.js';
import type { SeededRandom } from '../contracts/seeded-random.js';
import type { Plan, PlanTask } from '../dag/plan.js';

const schemas = new Map<string, JsonSchema>();

/** A value that the task could return; null for what is no activity of this code. */
export function sampleOutput({ target }: PlanTask, random: SeededRandom): Json {
  if (target.kind !== 'activity' || !(target.name in taskContracts)) return null;
  const known = schemas.get(target.name);
  const { output } = taskContracts[target.name as TaskName]; // just looked up
  const schema = known ?? (z.toJSONSchema(output) as JsonSchema); // the same drafts
  schemas.set(target.name, schema);
  return generateSync(schema, { seed: random.nextUint32(), ...SHAPE }) as Json; // of a JSON Schema
}

/** Values for the parameters that have a schema and no default. */
export function sampleParams({ params, paramSchemas }: Plan, seed: number): JsonObject {
  const missing = Object.entries(paramSchemas).filter(([name]) => params[name] === null);
  return Object.fromEntries(
    missing.map(([name, schema]) => [
      name,
      generateSync(schema as JsonSchema, { seed, ...SHAPE }) as Json, // of a JSON Schema
    ]),
  );
}

/** Everything that may be there is; lists are short but not empty. */
const SHAPE = { alwaysFakeOptionals: true, minItems: 1, maxItems: 3 };
