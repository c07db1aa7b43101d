/**
 * Typed references: what a declaration holds in place of values that exist only at run time. `Ref<T>`
 * has the properties of `T`, each again a reference, so `parsed.source.sha` reads like a value and a
 * wrong edge fails `tsc`.
 */
import type { Expression, Source } from './expression.js';
import type { Ref as Value } from './ref-value.js';

const SOURCE = Symbol('source of a reference');

/** Stands for a `T` that the run will produce. */
export type Ref<T> = Value<T> &
  (T extends readonly unknown[]
    ? unknown
    : T extends object
      ? { readonly [K in keyof T]-?: Ref<Exclude<T[K], undefined>> }
      : unknown);

/**
 * A `T` in which any part may be a reference. Where `T` is an object, a reference to one has the same
 * properties; left out of the choice, it does not hide from messages which property is wrong.
 */
export type Bindable<T> = [T] extends [object]
  ? [Extract<T, readonly unknown[]>] extends [never]
    ? Parts<T>
    : Ref<T> | Parts<T>
  : Ref<T> | Parts<T>;

type Parts<T> = T extends readonly (infer E)[]
  ? readonly Bindable<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Bindable<T[K]> }
    : T;

/** What a value with references in it becomes once they are filled in. */
export type Unbound<B> =
  B extends Value<infer T>
    ? T
    : B extends readonly (infer E)[]
      ? Unbound<E>[]
      : B extends object
        ? { -readonly [K in keyof B]: Unbound<B[K]> }
        : B;

/** A reference to `source`; reading a property extends its path. */
export function reference<T>(source: Source): Ref<T> {
  const extend = (key: string): Source =>
    'path' in source ? { ...source, path: [...source.path, key] } : source;
  return new Proxy(
    {},
    {
      get: (_, key) =>
        key === SOURCE ? source : typeof key === 'string' ? reference(extend(key)) : undefined,
      has: (_, key) => key === SOURCE,
    },
  ) as Ref<T>; // the proxy answers every property of T with a reference
}

/** Says that the value will be there; if it is not, the schema of the task that takes it refuses it. */
export function present<T>(ref: Ref<T | null>): Ref<T> {
  return ref as unknown as Ref<T>; // the same source; only `tsc` sees the difference
}

/**
 * All combinations of lists' elements, to be mapped over: `product({ model: models, week: weeks })` has
 * elements `{ model, week }`; the last list's elements change fastest.
 */
export function product<T extends { readonly [name: string]: unknown }>(lists: {
  readonly [K in keyof T]: Ref<readonly T[K][]> | readonly Bindable<T[K]>[];
}): Ref<{ [K in keyof T]: T[K] }[]> {
  return reference({
    $product: Object.fromEntries(
      Object.entries(lists).map(([name, list]) => [name, toExpression(list)]),
    ),
  });
}

/** Text with references in it: `` text`parse ${file.name}` ``. */
export function text(
  strings: TemplateStringsArray,
  ...values: readonly Bindable<string | number>[]
): Ref<string> {
  const parts = strings.flatMap((part, index) => {
    const value = values[index];
    return value === undefined ? [part] : [part, toExpression(value)];
  });
  return reference({ $text: parts.filter((part) => part !== '') });
}

/** The plan's form of a bound value. */
export function toExpression(value: unknown): Expression {
  if (value === null || typeof value !== 'object') return value as Expression; // JSON leaf by type
  const source = sourceOf(value);
  if (source !== undefined) return source;
  if (Array.isArray(value)) return value.map(toExpression);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => part !== undefined)
      .map(([key, part]) => [key, toExpression(part)]),
  );
}

/** True for what `reference` has made. */
export function isReference(value: object): boolean {
  return sourceOf(value) !== undefined;
}

/** The source behind a reference, undefined for anything else. */
function sourceOf(value: object): Source | undefined {
  return SOURCE in value ? (value as { [SOURCE]: Source })[SOURCE] : undefined; // checked by `in`
}
