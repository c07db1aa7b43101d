/**
 * What is known of a value before it exists, from a JSON Schema or a template: its alternatives. Two
 * shapes conflict where no value can have both; what is not known never conflicts.
 */
import { jsonPath, showJson, type Json, type JsonObject } from '../contracts/json.js';
import { schemaFaults } from './schema-check.js';

/** All that a value may be. */
export interface Shape {
  readonly alternatives: readonly Alternative[];
  /** Where the value comes from, for messages: `output $.files of "list"`. */
  readonly origin?: string;
}

/** One thing that a value may be. */
export interface Alternative {
  /** Undefined for any type. */
  readonly types: readonly JsonType[] | undefined;
  /** All values it may have, where they can be listed. */
  readonly values?: readonly Json[];
  /** Keys that an object always has. */
  readonly required: readonly string[];
  /** Keys of an object that are known by name. */
  readonly keys: readonly string[];
  /** The value under a key; undefined when there can be none. */
  readonly property: (key: string) => Shape | undefined;
  /** The element at an index, of any index without one; undefined when there can be none. */
  readonly element: (index?: number) => Shape | undefined;
  /** Elements of a list that is written out. */
  readonly length?: number;
  /** The schema it was made from, for limits of scalars. */
  readonly schema?: JsonObject;
}

type JsonType = 'null' | 'boolean' | 'number' | 'integer' | 'string' | 'array' | 'object';

/** Two shapes that no value can have both of. */
export interface Conflict {
  /** Where, seen from the value as a whole. */
  readonly path: string;
  readonly found: string;
  readonly expected: string;
  readonly origin: string | undefined;
}

/** Nothing is known. */
export const ANY: Shape = {
  alternatives: [
    { types: undefined, required: [], keys: [], property: () => ANY, element: () => ANY },
  ],
};

/** The shape that a JSON Schema describes; keywords that say nothing of types are left to run time. */
export function shapeOf(schema: Json | undefined, root: Json | undefined = schema): Shape {
  return { alternatives: alternativesOf(schema, root, 0) };
}

/** The shape of exactly this value. */
export function shapeOfValue(value: Json): Shape {
  if (Array.isArray(value)) return listShape(value.map((element: Json) => shapeOfValue(element)));
  if (typeof value === 'object' && value !== null) {
    return objectShape(
      Object.fromEntries(Object.entries(value).map(([key, part]) => [key, shapeOfValue(part)])),
    );
  }
  return one({ types: [typeOf(value)], values: [value] });
}

/** A list that is written out. */
export function listShape(elements: readonly Shape[]): Shape {
  return one({
    types: ['array'],
    length: elements.length,
    element: (index) => (index === undefined ? union(elements) : elements[index]),
  });
}

/** An object that is written out. */
export function objectShape(properties: { readonly [key: string]: Shape }): Shape {
  const keys = Object.keys(properties);
  return one({
    types: ['object'],
    keys,
    required: keys,
    property: (key) => (Object.hasOwn(properties, key) ? properties[key] : undefined),
  });
}

/** A list of any length. */
export function listOf(element: Shape): Shape {
  return one({ types: ['array'], element: () => element });
}

/** Any of these. */
export function union(shapes: readonly Shape[]): Shape {
  return { alternatives: shapes.flatMap(({ alternatives }) => alternatives) };
}

/** What lies at a path, undefined when nothing can: `null` on the way is passed over. */
export function shapeAt(shape: Shape, path: readonly string[]): Shape | undefined {
  let current = shape;
  for (const key of path) {
    const next = current.alternatives.flatMap((alternative) => {
      const { types } = alternative;
      if (types === undefined) return [ANY];
      const inList =
        types.includes('array') && /^\d+$/.test(key) ? alternative.element(Number(key)) : undefined;
      const inObject = types.includes('object') ? alternative.property(key) : undefined;
      return [inList, inObject].filter((found) => found !== undefined);
    });
    if (next.length === 0) return undefined;
    current = union(next);
  }
  return current;
}

/** The elements of what must be a list; undefined when it cannot be one. */
export function elementsOf(shape: Shape): Shape | undefined {
  const lists = shape.alternatives.filter(({ types }) => types?.includes('array') !== false);
  if (lists.length === 0) return undefined;
  return union(lists.map((list) => list.element()).filter((element) => element !== undefined));
}

/** True when the value is always one of these JSON types. */
export function isOnly(shape: Shape, ...of: readonly JsonType[]): boolean {
  return shape.alternatives.every(({ types }) => types?.every((type) => of.includes(type)));
}

/** All values that the shape allows, undefined when they cannot be listed. */
export function valuesOf(shape: Shape): readonly Json[] | undefined {
  const lists = shape.alternatives.map(({ types, values }) =>
    types?.length === 1 && types[0] === 'null' ? [null] : values,
  );
  return lists.every((list) => list !== undefined) ? lists.flat() : undefined;
}

/** Why no value of shape `from` can have shape `to`; empty when one can. */
export function conflicts(from: Shape, to: Shape): Conflict[] {
  return between(from, to, [], from.origin);
}

/** Schemas may refer to themselves; what lies deeper is left to run time. */
const MAX_DEPTH = 24;

function between(
  from: Shape,
  to: Shape,
  path: readonly PropertyKey[],
  above: string | undefined,
): Conflict[] {
  const origin = from.origin ?? above;
  if (path.length > MAX_DEPTH) return [];
  const clash: Conflict = {
    path: jsonPath(path),
    found: describeShape(from),
    expected: describeShape(to),
    origin,
  };
  // two values that may both be null are meant to agree in what else they may be
  const [theirs, ours] = [withoutNull(from), withoutNull(to)];
  const both = theirs.length > 0 && ours.length > 0;
  let least: Conflict[] | undefined;
  for (const mine of both ? ours : to.alternatives) {
    for (const one of both ? theirs : from.alternatives) {
      const found = ofPair(one, mine, path, origin, clash);
      if (found.length === 0) return [];
      const isBetter = least === undefined || least.includes(clash) || found.length < least.length;
      if (isBetter && (least === undefined || !found.includes(clash))) least = found;
    }
  }
  return least ?? [];
}

function ofPair(
  from: Alternative,
  to: Alternative,
  path: readonly PropertyKey[],
  origin: string | undefined,
  clash: Conflict,
): Conflict[] {
  if (from.types === undefined || to.types === undefined) return [];
  const common = from.types.filter((type) => to.types?.some((other) => overlap(type, other)));
  if (common.length === 0) return [clash];
  if (from.values !== undefined) {
    const { schema } = to;
    const fits = (value: Json): boolean => {
      if (schema === undefined) return to.values?.includes(value) ?? true;
      const isScalar = !('properties' in schema || 'items' in schema);
      return !isScalar || schemaFaults(schema, value).length === 0;
    };
    if (!from.values.some(fits)) return [clash];
  }
  if (common.some((type) => type !== 'object' && type !== 'array')) return [];
  return common.flatMap((type) =>
    type === 'object' ? ofObjects(from, to, path, origin) : ofLists(from, to, path, origin),
  );
}

function ofObjects(
  from: Alternative,
  to: Alternative,
  path: readonly PropertyKey[],
  origin: string | undefined,
): Conflict[] {
  const shared = from.keys.filter((key) => !to.required.includes(key));
  return [...to.required, ...shared].flatMap((key): Conflict[] => {
    const [there, here] = [from.property(key), to.property(key)];
    const at = [...path, key];
    if (there === undefined) {
      const expected = here === undefined ? 'a value' : describeShape(here);
      return [{ path: jsonPath(at), found: 'nothing', expected, origin }];
    }
    if (here !== undefined) return between(there, here, at, origin);
    if (!from.required.includes(key)) return [];
    const expected = `only ${to.keys.join(', ') || 'an empty object'}`;
    return [{ path: jsonPath(at), found: describeShape(there), expected, origin }];
  });
}

/** Stands for any index in a path: `$.files[*].name`. */
const EVERY = Symbol('*');

function ofLists(
  from: Alternative,
  to: Alternative,
  path: readonly PropertyKey[],
  origin: string | undefined,
): Conflict[] {
  const at = (index?: number): Conflict[] => {
    const [there, here] = [from.element(index), to.element(index)];
    if (there === undefined || here === undefined) return [];
    return between(there, here, [...path, index ?? EVERY], origin);
  };
  if (from.length === undefined) return at();
  const { minItems, maxItems } = to.schema ?? {};
  if (typeof minItems === 'number' && from.length < minItems) {
    return [tooMany(path, from.length, `at least ${minItems}`, origin)];
  }
  if (typeof maxItems === 'number' && from.length > maxItems) {
    return [tooMany(path, from.length, `at most ${maxItems}`, origin)];
  }
  return Array.from({ length: from.length }, (_, index) => at(index)).flat();
}

function tooMany(
  path: readonly PropertyKey[],
  found: number,
  expected: string,
  origin: string | undefined,
): Conflict {
  return { path: jsonPath(path), found: `${found} elements`, expected, origin };
}

function withoutNull(shape: Shape): Alternative[] {
  return shape.alternatives.flatMap((alternative) => {
    const types = alternative.types?.filter((type) => type !== 'null');
    if (types?.length === 0) return [];
    return [types === undefined ? alternative : { ...alternative, types }];
  });
}

function overlap(a: JsonType, b: JsonType): boolean {
  const numeric = (type: JsonType): boolean => type === 'number' || type === 'integer';
  return a === b || (numeric(a) && numeric(b));
}

/** A shape in words: `string`, `"demo" | "full"`, `list of integer`, `object {name, bytes}`. */
export function describeShape(shape: Shape): string {
  return [...new Set(shape.alternatives.flatMap(describeAlternative))].join(' | ') || 'no value';
}

function describeAlternative(alternative: Alternative): string[] {
  const { types, values, keys, schema = {} } = alternative;
  if (values !== undefined) return values.map(showJson);
  if (types === undefined) return ['any value'];
  return types.map((type) => {
    if (type === 'object') return keys.length === 0 ? 'object' : `object {${keys.join(', ')}}`;
    if (type === 'array') return listText(alternative);
    const limits = Object.entries(schema).filter(
      ([name, limit]) => LIMITS.test(name) && isNear(limit),
    );
    return [type, ...limits.map(([name, limit]) => `${name} ${JSON.stringify(limit)}`)].join(' ');
  });
}

/** Limits of scalars that are worth a word; the bounds of whole numbers as such are not. */
const LIMITS = /^(minimum|maximum|exclusiveM\w+|multipleOf|minLength|maxLength|pattern)$/;

function isNear(limit: Json): boolean {
  return typeof limit !== 'number' || Math.abs(limit) < Number.MAX_SAFE_INTEGER;
}

function listText(list: Alternative): string {
  const element = list.element();
  return element === undefined || element.alternatives.every(({ types }) => types === undefined)
    ? 'list'
    : `list of ${describeShape(element)}`;
}

function one(alternative: Partial<Alternative> & Pick<Alternative, 'types'>): Shape {
  return {
    alternatives: [
      {
        required: [],
        keys: [],
        property: () => undefined,
        element: () => undefined,
        ...alternative,
      },
    ],
  };
}

function alternativesOf(
  schema: Json | undefined,
  root: Json | undefined,
  depth: number,
): readonly Alternative[] {
  if (schema === false) return [];
  if (!isObject(schema) || depth > MAX_DEPTH) return ANY.alternatives;
  const { $ref, anyOf, oneOf, allOf, ...rest } = schema;
  const inner = (part: Json | undefined): readonly Alternative[] =>
    alternativesOf(part, root, depth + 1);
  if (typeof $ref === 'string') return inner(resolve($ref, root));
  const choices = anyOf ?? oneOf;
  if (isList(choices)) return choices.flatMap(inner);
  if (isList(allOf)) return inner(merged([rest, ...allOf], root));
  const values = 'const' in schema ? [schema['const'] ?? null] : schema['enum'];
  const listed = isList(values) ? values : undefined;
  const types = typesOf(schema, listed);
  if (types === undefined) return ANY.alternatives;
  const { properties, required, additionalProperties, items, prefixItems } = schema;
  const known = isObject(properties) ? properties : {};
  return [
    {
      types,
      schema,
      ...(listed !== undefined && { values: listed }),
      keys: Object.keys(known),
      required: isList(required) ? required.filter((key) => typeof key === 'string') : [],
      property: (key) => {
        if (Object.hasOwn(known, key)) return shapeOf(known[key], root);
        return additionalProperties === false ? undefined : shapeOf(additionalProperties, root);
      },
      element: (index) => {
        const first = isList(prefixItems) ? prefixItems : [];
        if (index !== undefined && index < first.length) return shapeOf(first[index], root);
        if (index !== undefined || first.length === 0) {
          return items === false ? undefined : shapeOf(items, root);
        }
        const others = items === false ? [] : [shapeOf(items, root)];
        return union([...first.map((element) => shapeOf(element, root)), ...others]);
      },
    },
  ];
}

/** All parts of an `allOf` as one schema; of two parts that speak of the same key the last is heard. */
function merged(parts: readonly Json[], root: Json | undefined): JsonObject {
  const objects = parts.filter(isObject).map((part) => {
    const target = typeof part['$ref'] === 'string' ? resolve(part['$ref'], root) : part;
    return isObject(target) ? target : {};
  });
  const { additionalProperties: _, ...all } = Object.assign({}, ...objects) as JsonObject; // of JSON objects
  return {
    ...all,
    properties: Object.assign(
      {},
      ...objects.map(({ properties }) => properties ?? {}),
    ) as JsonObject, // likewise
    required: objects.flatMap(({ required }) => (isList(required) ? required : [])),
  };
}

/** The target of a reference into the same schema. */
function resolve($ref: string, root: Json | undefined): Json | undefined {
  let current = root;
  for (const step of $ref.replace(/^#\/?/, '').split('/').filter(Boolean)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    current = isObject(current) ? current[key] : undefined;
  }
  return current;
}

function typesOf(schema: JsonObject, values: readonly Json[] | undefined): JsonType[] | undefined {
  const { type } = schema;
  if (typeof type === 'string') return [type as JsonType]; // what JSON Schema allows
  if (isList(type)) return type as JsonType[]; // likewise
  return values === undefined ? undefined : [...new Set(values.map(typeOf))];
}

function typeOf(value: Json): JsonType {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value as 'boolean' | 'string' | 'object'; // the other types of JSON
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
