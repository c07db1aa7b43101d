/** DuckDB's values as JSON can hold them without loss: where no JSON number is exact, text is. */
import {
  DuckDBArrayValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBValue,
} from '@duckdb/node-api';

/** What `JSON.stringify` writes as it is. */
export type ExactJson =
  string | number | boolean | null | ExactJson[] | { [name: string]: ExactJson };

/**
 * - whole numbers: numbers up to 2^53 - 1 on either side of 0, text beyond
 * - decimals: numbers up to 15 digits, text beyond; `NaN`, `Infinity`, `-Infinity` as text
 * - times: ISO 8601 in UTC with three digits of a second, or six when there are more
 * - lists as lists, structs as objects, maps as lists of `{ key, value }`; the rest, such as dates, as DuckDB writes it
 */
export function exactJson(value: DuckDBValue): ExactJson {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'bigint')
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimestampValue)
    return isoTime(value.micros) ?? value.toString();
  if (value instanceof DuckDBDecimalValue) {
    const text = value.toString();
    return text.replace(/[^\d]/g, '').length <= 15 ? Number(text) : text;
  }
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue)
    return value.items.map(exactJson);
  if (value instanceof DuckDBStructValue)
    return Object.fromEntries(
      Object.entries(value.entries).map(([name, inner]) => [name, exactJson(inner)]),
    );
  if (value instanceof DuckDBMapValue)
    return value.entries.map((entry) => ({
      key: exactJson(entry.key),
      value: exactJson(entry.value),
    }));
  return value.toString();
}

/** Undefined for infinity, and beyond the years that Date knows. */
function isoTime(micros: bigint): string | undefined {
  const below = ((micros % 1_000n) + 1_000n) % 1_000n;
  const date = new Date(Number((micros - below) / 1_000n));
  if (Number.isNaN(date.getTime())) return undefined;
  const text = date.toISOString();
  return below === 0n ? text : text.replace('Z', `${String(below).padStart(3, '0')}Z`);
}
