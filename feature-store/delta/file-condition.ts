/**
 * DuckDB's filters on the columns of a scan as a condition on the files: false only where, by partition values
 * or statistics, no row of the file can pass. A filter of another kind says nothing, so its files are read.
 */
import { quote } from '../duckdb.js';

/** A filter as DuckDB's serialized plans write it; what the other kinds hold is of no use here. */
export interface ColumnFilter {
  readonly filter_type: string;
  readonly comparison_type?: string;
  readonly constant?: FilterValue;
  readonly values?: readonly FilterValue[];
  readonly child_filter?: ColumnFilter;
  readonly child_filters?: readonly ColumnFilter[];
}

interface FilterValue {
  readonly type: { readonly id: string };
  readonly is_null: boolean;
  readonly value?: unknown;
}

/**
 * SQL over `add`, a struct as `AddAction` has it; never NULL. `true` when the filter says nothing of files.
 *
 * @param isPartition whether the column is one of the table's partition columns
 */
export function fileCondition(column: string, isPartition: boolean, filter: ColumnFilter): string {
  const recurse = (inner: ColumnFilter): string => fileCondition(column, isPartition, inner);
  const { constant, values = [], child_filter, child_filters = [] } = filter;
  switch (filter.filter_type) {
    case 'CONSTANT_COMPARISON':
      return constant === undefined ? 'true' : compared(filter.comparison_type, constant);
    case 'IN_FILTER':
      return either(values.map((value) => compared('COMPARE_EQUAL', value)));
    case 'CONJUNCTION_AND':
      return allOf(child_filters.map(recurse));
    case 'CONJUNCTION_OR':
      return either(child_filters.map(recurse));
    case 'OPTIONAL_FILTER':
      return child_filter === undefined ? 'true' : recurse(child_filter);
    default:
      return 'true';
  }

  function compared(comparison: string | undefined, value: FilterValue): string {
    const bound = literal(value);
    if (bound === undefined) return 'true';
    // a bound that the log does not have, or has as NULL, keeps the file
    const holds = (side: 'min' | 'max', operator: string): string =>
      `coalesce(TRY_CAST(${boundOf(side)} AS ${value.type.id}) ${operator} ${bound}, true)`;
    switch (comparison) {
      case 'COMPARE_EQUAL':
        return isPartition ? holds('min', '=') : allOf([holds('min', '<='), holds('max', '>=')]);
      case 'COMPARE_LESSTHAN':
        return holds('min', '<');
      case 'COMPARE_LESSTHANOREQUALTO':
        return holds('min', '<=');
      case 'COMPARE_GREATERTHAN':
        return holds('max', '>');
      case 'COMPARE_GREATERTHANOREQUALTO':
        return holds('max', '>=');
      case undefined:
      default:
        return 'true';
    }
  }

  function boundOf(side: 'min' | 'max'): string {
    return isPartition
      ? `add.partitionValues[${quote(column)}]`
      : `(add.stats ->> ${quote(`$.${side}Values."${column}"`)})`;
  }
}

/** Conjunction of conditions, `true` for none. */
export function allOf(conditions: readonly string[]): string {
  const said = conditions.filter((condition) => condition !== 'true');
  return said.length === 0 ? 'true' : `(${said.join(' AND ')})`;
}

/** Disjunction of conditions; `true` for none. */
export function either(conditions: readonly string[]): string {
  if (conditions.length === 0 || conditions.includes('true')) return 'true';
  return `(${conditions.join(' OR ')})`;
}

/**
 * SQL of a constant; undefined for one that JSON may not have carried exactly, and for floating point: the bounds of a
 * file leave out NaN, which is above all numbers.
 */
function literal({ type: { id }, is_null, value }: FilterValue): string | undefined {
  if (is_null) return undefined;
  switch (id) {
    case 'VARCHAR':
      return typeof value === 'string' ? quote(value) : undefined;
    case 'SMALLINT':
    case 'INTEGER':
    case 'BIGINT':
      return Number.isSafeInteger(value) ? `CAST(${String(value)} AS ${id})` : undefined;
    case 'TIMESTAMP WITH TIME ZONE':
      return Number.isSafeInteger(value) ? `make_timestamptz(${String(value)})` : undefined;
    default:
      return undefined;
  }
}
