/** Parameters of a run: the plan's defaults, overlaid by those of the installation, then by those of the run. */
import { PipelineError, type Fault } from '../contracts/errors.js';
import type { Json, JsonObject } from '../contracts/json.js';
import type { Plan } from './plan.js';

/**
 * All parameters of a run.
 *
 * @param installation defaults of this installation; names that the plan does not declare are left out
 * @param given by whoever starts the run
 * @throws PipelineError DAG_BAD_PARAM for an unknown name or another JSON type in `given`
 */
export function resolveParams(plan: Plan, installation: JsonObject, given: JsonObject): JsonObject {
  const [fault] = Object.entries(given).flatMap(([name, value]) => faultOf(plan, name, value));
  if (fault !== undefined) throw new PipelineError(fault);
  const names = Object.keys(plan.params);
  return Object.fromEntries(
    names.map((name) => [name, given[name] ?? installation[name] ?? plan.params[name] ?? null]),
  );
}

function faultOf(plan: Plan, name: string, value: Json): Fault[] {
  const known = plan.params[name];
  const names = Object.keys(plan.params).join(', ') || 'none';
  if (known === undefined) {
    const found = `"${plan.dag}" has no parameter "${name}"`;
    return [
      { code: 'DAG_BAD_PARAM', found, expected: `one of: ${names}`, fix: 'correct the name' },
    ];
  }
  // a default of null says only that the parameter exists
  if (known === null || jsonType(known) === jsonType(value)) return [];
  return [
    {
      code: 'DAG_BAD_PARAM',
      found: `parameter "${name}" is ${jsonType(value)}`,
      expected: jsonType(known),
      fix: 'correct the value',
    },
  ];
}

function jsonType(value: Json): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
