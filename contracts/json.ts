/** A value that survives JSON unchanged: all that travels between tasks. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json };

/** Where a value lies in another: `$`, `$.files[0].name`, `$["odd key"]`; a symbol stands for any index. */
export function jsonPath(keys: readonly PropertyKey[]): string {
  const steps = keys.map((key) => {
    if (typeof key === 'number') return `[${key}]`;
    if (typeof key === 'symbol') return `[${key.description}]`;
    return /^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
  });
  return `$${steps.join('')}`;
}

/** A value as a message shows it: its JSON, cut after 60 characters, and its type where that is not plain. */
export function showJson(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? typeof value; // a function or symbol has no JSON
  const cut = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  if (Array.isArray(value)) return `${cut} (a list)`;
  return typeof value === 'object' && value !== null ? `${cut} (an object)` : cut;
}

/** Every object and list in a value, itself included, from the outside in. */
export function* objectsIn(value: unknown): Generator<object> {
  if (typeof value !== 'object' || value === null) return;
  yield value;
  for (const inner of Object.values(value)) yield* objectsIn(inner);
}
