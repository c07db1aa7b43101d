/** Checks a run's parameters against the plan's defaults: no unknown name, no other JSON type. */
import { PipelineError, type Fault } from '../contracts/errors.js';
import type { Json, JsonObject } from '../contracts/json.js';
import type { Plan } from './plan.js';

/** @throws PipelineError DAG_BAD_PARAM naming the first wrong parameter */
export function checkParams(plan: Plan, params: JsonObject): void {
  const [fault] = Object.entries(params).flatMap(([name, value]) => faultOf(plan, name, value));
  if (fault !== undefined) throw new PipelineError(fault);
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
