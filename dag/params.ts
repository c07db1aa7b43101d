/**
 * Parameters of a run: the plan's defaults, overlaid by those of the installation, then by those of the
 * run, and all of them held against their schemas. Never inside the workflow sandbox.
 */
import { errorOf, type Fault } from '../contracts/errors.js';
import type { Json, JsonObject } from '../contracts/json.js';
import { describeShape, shapeOf } from './json-shape.js';
import type { Plan } from './plan.js';
import { schemaFaults } from './schema-check.js';

/** What of a plan says which parameters a run may have. */
export type ParamPlan = Pick<Plan, 'dag' | 'params' | 'paramSchemas'>;

/**
 * All parameters of a run.
 *
 * @param installation defaults of this installation; names that the plan does not declare are left out
 * @param given by whoever starts the run; null stands for the default
 * @throws PipelineError DAG_BAD_PARAM naming every unknown name, value of a wrong type, and missing value
 */
export function resolveParams(
  plan: ParamPlan,
  installation: JsonObject,
  given: JsonObject,
): JsonObject {
  const values = overlayParams(plan, installation, given);
  refuse([...unknownNames(plan, given), ...faultsOf(plan, values)]);
  return values;
}

/** The same without a check, where no run is to be started: a value that is missing is null. */
export function overlayParams(
  plan: ParamPlan,
  installation: JsonObject,
  given: JsonObject,
): JsonObject {
  return Object.fromEntries(
    Object.entries(plan.params).map(([name, fallback]) => [
      name,
      given[name] ?? installation[name] ?? fallback,
    ]),
  );
}

/**
 * Refuses what a run is given before it starts. What is left out may still come from the installation.
 *
 * @throws PipelineError DAG_BAD_PARAM naming every unknown name and value of a wrong type
 */
export function checkGiven(plan: ParamPlan, given: JsonObject): void {
  const values = Object.entries(given).filter(
    ([name, value]) => name in plan.params && value !== null,
  );
  refuse([...unknownNames(plan, given), ...faultsOf(plan, Object.fromEntries(values))]);
}

function refuse([first, ...others]: readonly Fault[]): void {
  if (first !== undefined) throw errorOf('DAG_BAD_PARAM', [first, ...others]);
}

function unknownNames({ dag, params }: ParamPlan, given: JsonObject): Fault[] {
  const names = Object.keys(params);
  return Object.keys(given)
    .filter((name) => !names.includes(name))
    .map((name) => ({
      code: 'DAG_BAD_PARAM',
      file: dag,
      found: `no parameter "${name}"`,
      expected: `one of ${names.join(', ') || 'no parameters at all'}`,
      fix: 'correct the name',
    }));
}

function faultsOf({ dag, params, paramSchemas }: ParamPlan, values: JsonObject): Fault[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const schema = (paramSchemas[name] ?? schemaOfDefault(params[name] ?? null)) as JsonObject; // both are objects
    if (value === null && schema !== NO_LIMITS && schemaFaults(schema, null).length > 0) {
      const fix = `give it: --param ${name}=…`;
      const expected = 'a value';
      return [
        {
          code: 'DAG_BAD_PARAM',
          file: dag,
          found: `parameter "${name}" is missing`,
          expected,
          fix,
        },
      ] as const;
    }
    return schemaFaults(schema, value).map(({ path, found, expected }) => ({
      code: 'DAG_BAD_PARAM' as const,
      file: dag,
      found: `parameter "${name}" at ${path}: ${found}`,
      expected,
      fix: 'correct the value',
    }));
  });
}

const NO_LIMITS: JsonObject = {};

/** A default allows values of its own JSON type; null allows any. */
function schemaOfDefault(value: Json): JsonObject {
  if (value === null) return NO_LIMITS;
  return SCHEMA_OF_TYPE[Array.isArray(value) ? 'array' : typeof value] ?? NO_LIMITS;
}

const SCHEMA_OF_TYPE: { readonly [type: string]: JsonObject } = Object.fromEntries(
  ['array', 'boolean', 'number', 'object', 'string'].map((type) => [type, { type }]),
);

/** A table's lines for the parameters of a plan: name, default, schema, description. */
export function paramRows({ params, paramSchemas }: ParamPlan): string[][] {
  return Object.entries(params).map(([name, value]) => {
    const schema = paramSchemas[name] as JsonObject | undefined; // a schema is an object
    const { description, title } = schema ?? {};
    const limits = schema === undefined ? '' : describeShape(shapeOf(schema));
    const says = description ?? title;
    return [name, JSON.stringify(value), limits, typeof says === 'string' ? says : ''];
  });
}
