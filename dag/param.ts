/**
 * Parameters of a DAG that say more of their values than a default can. Their schemas are part of the
 * plan, so a wrong value is refused before a run starts.
 */
import type { Json, JsonObject } from '../contracts/json.js';

declare const VALUE: unique symbol;
const PARAM = Symbol('parameter with a schema');

/** A default and the JSON Schema (draft 2020-12) that every value must satisfy. */
export interface Param<T> {
  readonly [PARAM]: { readonly value: Json; readonly schema: JsonObject };
  readonly [VALUE]?: T;
}

/** What is shown of any parameter. */
export interface Described {
  readonly title?: string;
  readonly description?: string;
}

/** What a number may be told to satisfy; `type: 'integer'` allows whole numbers only. */
export interface NumberSchema extends Described {
  readonly type?: 'integer' | 'number';
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly enum?: readonly number[];
}

/** What a text may be told to satisfy. */
export interface StringSchema extends Described {
  readonly type?: 'string';
  readonly minLength?: number;
  readonly maxLength?: number;
  /** A regular expression that must match somewhere. */
  readonly pattern?: string;
}

/** What a list may be told to satisfy. */
export interface ListSchema extends Described {
  readonly type?: 'array';
  /** Schema of each element. */
  readonly items?: JsonObject;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
}

/** What an object may be told to satisfy. */
export interface ObjectSchema extends Described {
  readonly type?: 'object';
  readonly properties?: { readonly [key: string]: JsonObject };
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonObject;
}

/** Declares a parameter with a default: `param(8, { type: 'integer', minimum: 1 })`. */
export function param<T>(value: T, schema: SchemaOf<T>): Param<T> {
  const type = Array.isArray(value) ? 'array' : typeof value;
  return { [PARAM]: { value: value as Json, schema: { type, ...(schema as JsonObject) } } }; // JSON by contract
}

/** What the values of a parameter may be told to satisfy. */
export type SchemaOf<T> = T extends number
  ? NumberSchema
  : T extends string
    ? StringSchema
    : T extends boolean
      ? Described
      : T extends readonly unknown[]
        ? ListSchema
        : ObjectSchema;

/** Declares a parameter that is one of these words, by default the first. */
export function oneOf<const T extends string>(
  words: readonly [T, ...T[]],
  described: Described = {},
): Param<T> {
  return { [PARAM]: { value: words[0], schema: { enum: words, ...described } } };
}

/**
 * Declares a parameter without a default: whoever starts a run, or the installation, gives it. `T` is
 * the type that the schema describes.
 */
export function required<T>(schema: JsonObject): Param<T> {
  return { [PARAM]: { value: null, schema } };
}

/** The default of a declared parameter. */
export function paramDefault(declared: unknown): Json {
  return isParam(declared) ? declared[PARAM].value : (declared as Json); // plain data by contract
}

/** The schema of a declared parameter, if it has one. */
export function paramSchema(declared: unknown): JsonObject[] {
  return isParam(declared) ? [declared[PARAM].schema] : [];
}

function isParam(declared: unknown): declared is Param<Json> {
  return typeof declared === 'object' && declared !== null && PARAM in declared;
}
