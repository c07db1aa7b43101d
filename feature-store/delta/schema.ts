/** Column types of our tables, in Delta's words, and the same in DuckDB's. */
import { PipelineError } from '../../contracts/errors.js';
import { quoteName } from '../duckdb.js';

/** Delta types that we use. There are no unsigned ones, and times are always UTC instants. */
export type ColumnType =
  | 'string'
  | 'long'
  | 'integer'
  | 'short'
  | 'double'
  | 'float'
  | 'boolean'
  | 'timestamp'
  | 'integer[]'
  | 'double[]'
  | 'string[]';

/** A column of a table. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

/** A table: its columns (partition columns too), what it is cut by, and which columns carry statistics. */
export interface TableSchema {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly partitionColumns: readonly string[];
  /** Columns whose minimum, maximum and null count stand in the log. @default none */
  readonly statsColumns?: readonly string[];
  /** Order of the rows within a partition. @default every column that is no array */
  readonly sortColumns?: readonly string[];
}

/** ORDER BY expressions: the partition columns, so that a partition's rows lie together, then the rows' order. */
export function rowOrder({ columns, partitionColumns, sortColumns }: TableSchema): string {
  const all = columns.filter(({ type }) => !type.endsWith('[]')).map(({ name }) => name);
  return [...new Set([...partitionColumns, ...(sortColumns ?? all)])].map(quoteName).join(', ');
}

/** Delta's `schemaString` for these columns. */
export function toSchemaString(columns: readonly Column[]): string {
  return JSON.stringify({
    type: 'struct',
    fields: columns.map(({ name, type }) => ({
      name,
      type: type.endsWith('[]')
        ? { type: 'array', elementType: type.slice(0, -2), containsNull: true }
        : type,
      nullable: true,
      metadata: {},
    })),
  });
}

/**
 * The columns of a `schemaString`.
 *
 * @throws PipelineError DELTA_LOG_BROKEN for a type that none of our tables has
 */
export function fromSchemaString(schemaString: string, table: string): Column[] {
  // written by toSchemaString or by another Delta writer; an unknown type is refused below
  const schema = JSON.parse(schemaString) as {
    fields: { name: string; type: string | { type: string; elementType?: string } }[];
  };
  return schema.fields.map(({ name, type }) => {
    const text = typeof type === 'string' ? type : `${String(type.elementType)}[]`;
    if (!(text in DUCKDB_TYPES))
      throw new PipelineError({
        code: 'DELTA_LOG_BROKEN',
        file: table,
        column: name,
        found: `type ${JSON.stringify(type)}`,
        expected: Object.keys(DUCKDB_TYPES).join(', '),
        fix: 'another program changed this table; restore its log from a backup',
      });
    return { name, type: text as ColumnType }; // membership checked above
  });
}

/** DuckDB's name of a column type. */
export function duckdbType(type: ColumnType): string {
  return DUCKDB_TYPES[type];
}

const DUCKDB_TYPES: Record<ColumnType, string> = {
  string: 'VARCHAR',
  long: 'BIGINT',
  integer: 'INTEGER',
  short: 'SMALLINT',
  double: 'DOUBLE',
  float: 'FLOAT',
  boolean: 'BOOLEAN',
  timestamp: 'TIMESTAMPTZ',
  'integer[]': 'INTEGER[]',
  'double[]': 'DOUBLE[]',
  'string[]': 'VARCHAR[]',
};
