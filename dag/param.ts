/** Parameters of a DAG that say more of their values than a default can. */
import type { Json, JsonObject } from '../contracts/json.js';

declare const VALUE: unique symbol;
const PARAM = Symbol('parameter with a schema');

/** A default and the JSON Schema (draft 2020-12) that every value must satisfy. */
export interface Param<T> {
  readonly [PARAM]: { readonly value: Json; readonly schema: JsonObject };
  readonly [VALUE]?: T;
}

/** Declares a parameter: `param(8, { type: 'integer', minimum: 1, description: 'weeks to look back' })`. */
export function param<T extends Json>(value: T, schema: JsonObject): Param<T> {
  return { [PARAM]: { value, schema } };
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
