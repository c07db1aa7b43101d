/** Values held against JSON Schemas (draft 2020-12). Never inside the workflow sandbox: ajv writes functions. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { jsonPath, showJson, type Json, type JsonObject } from '../contracts/json.js';

/** What is wrong with a value, and where. */
export interface SchemaFault {
  /** `$` is the value as a whole. */
  readonly path: string;
  readonly found: string;
  readonly expected: string;
}

// a misspelled keyword is refused, since it would let every value pass
const ajv = new Ajv2020({
  allErrors: true,
  verbose: true,
  strict: true,
  strictTypes: false,
  strictTuples: false,
  validateFormats: false,
  addUsedSchema: false,
  logger: false,
});

const compiled = new WeakMap<JsonObject, ValidateFunction>();

/** Every fault of a value, none when the schema allows it. */
export function schemaFaults(schema: JsonObject, value: Json): SchemaFault[] {
  const validate = compiled.get(schema) ?? ajv.compile(schema);
  compiled.set(schema, validate);
  if (validate(value)) return [];
  const errors = validate.errors ?? [];
  return errors.filter((error) => !errors.some((other) => explains(other, error))).map(toFault);
}

/** Why this is no schema, undefined when it is one. */
export function schemaProblem(schema: JsonObject): string | undefined {
  try {
    ajv.compile(schema);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A choice of schemas says what all of its parts say. */
function explains(choice: ErrorObject, part: ErrorObject): boolean {
  return (
    (choice.keyword === 'anyOf' || choice.keyword === 'oneOf') &&
    part.schemaPath.startsWith(`${choice.schemaPath}/`)
  );
}

function toFault({ instancePath, keyword, params, message, data }: ErrorObject): SchemaFault {
  const keys = instancePath
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((key) => (/^\d+$/.test(key) ? Number(key) : key));
  const { missingProperty, additionalProperty, allowedValues, allowedValue, type } = params as {
    readonly [name: string]: Json;
  }; // ajv's parameters are JSON
  if (typeof missingProperty === 'string') {
    return { path: jsonPath([...keys, missingProperty]), found: 'nothing', expected: 'a value' };
  }
  if (typeof additionalProperty === 'string') {
    const found = showJson((data as JsonObject)[additionalProperty]); // only objects have keys too many
    return { path: jsonPath([...keys, additionalProperty]), found, expected: 'no such key' };
  }
  const expected = Array.isArray(allowedValues)
    ? `one of ${allowedValues.map(showJson).join(', ')}`
    : keyword === 'const'
      ? showJson(allowedValue)
      : type !== undefined
        ? (typeof type === 'string' ? [type] : (type as readonly string[])).join(' or ') // of ajv
        : (message ?? keyword).replace(/^must (be )?/, '');
  return { path: jsonPath(keys), found: showJson(data), expected };
}
