/**
 * The values of a task's input as data: a JSON template whose leaves may point at what is known only
 * when the run reaches the task. Written by `declare.ts`, kept in the plan, evaluated by the fold.
 */
import type { Json, JsonObject } from '../contracts/json.js';

/**
 * Where a leaf takes its value from; `path` walks into it, key by key. `$product` is the list of all
 * combinations of its lists' elements, as objects by name; the last list's elements change fastest.
 */
export type Source =
  | { readonly $task: string; readonly path: readonly string[] }
  | { readonly $param: string; readonly path: readonly string[] }
  | { readonly $run: 'partition' | 'dagRunId' | 'planHash' }
  | { readonly $item: true; readonly path: readonly string[] }
  | { readonly $text: readonly Expression[] }
  | { readonly $product: { readonly [name: string]: Expression } };

/** A template; `evaluate` fills it in. */
export type Expression =
  | null
  | boolean
  | number
  | string
  | Source
  | readonly Expression[]
  | { readonly [key: string]: Expression };

/** What an expression may look at. `item` is the element of a mapped task. */
export interface Scope {
  readonly outputs: (task: string) => Json | undefined;
  readonly params: { readonly [name: string]: Json };
  readonly run: {
    readonly partition: string;
    readonly dagRunId: string;
    readonly planHash: string;
  };
  readonly item?: Json;
}

/** Evaluates an expression. A path that leads nowhere is `null`; the task's schema judges that. */
export function evaluate(expression: Expression, scope: Scope): Json {
  if (expression === null || typeof expression !== 'object') return expression;
  if (isList(expression)) return expression.map((element) => evaluate(element, scope));
  if (isSource(expression)) return read(expression, scope);
  return Object.fromEntries(
    Object.entries(expression).map(([key, value]) => [key, evaluate(value, scope)]),
  );
}

/** Ids of the tasks whose outputs an expression reads, without repetition, in order of appearance. */
export function tasksRead(expression: Expression): string[] {
  const ids = sourcesIn(expression).flatMap((of) => ('$task' in of ? [of.$task] : []));
  return [...new Set(ids)];
}

/** All sources in an expression, those inside texts and products as well. */
export function sourcesIn(expression: Expression): Source[] {
  if (expression === null || typeof expression !== 'object') return [];
  if (!isSource(expression)) return Object.values(expression).flatMap(sourcesIn);
  if ('$text' in expression) return [expression, ...expression.$text.flatMap(sourcesIn)];
  if ('$product' in expression) {
    return [expression, ...Object.values(expression.$product).flatMap(sourcesIn)];
  }
  return [expression];
}

/** True for a leaf that points elsewhere. */
export function isSource(expression: object): expression is Source {
  return (
    '$task' in expression ||
    '$param' in expression ||
    '$run' in expression ||
    '$item' in expression ||
    '$text' in expression ||
    '$product' in expression
  );
}

function read(source: Source, scope: Scope): Json {
  if ('$product' in source) return product(source.$product, scope);
  if ('$text' in source) return source.$text.map((part) => asText(evaluate(part, scope))).join('');
  if ('$run' in source) return scope.run[source.$run];
  if ('$task' in source) return walk(scope.outputs(source.$task) ?? null, source.path);
  if ('$param' in source) return walk(scope.params[source.$param] ?? null, source.path);
  return walk(scope.item ?? null, source.path);
}

function product(lists: { readonly [name: string]: Expression }, scope: Scope): Json {
  let combinations: JsonObject[] = [{}];
  for (const [name, list] of Object.entries(lists)) {
    const elements = evaluate(list, scope);
    if (!Array.isArray(elements)) return null;
    combinations = combinations.flatMap((combination) =>
      elements.map((element: Json) => ({ ...combination, [name]: element })),
    );
  }
  return combinations;
}

function walk(value: Json, path: readonly string[]): Json {
  let current = value;
  for (const key of path) {
    if (current === null || typeof current !== 'object') return null;
    // an array is walked by index, an object by key; both are absent as `undefined`
    current = (current as { readonly [key: string]: Json })[key] ?? null;
  }
  return current;
}

function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function isList(expression: Expression): expression is readonly Expression[] {
  return Array.isArray(expression);
}
