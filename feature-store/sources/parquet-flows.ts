/**
 * Flows that lie in Parquet: its columns by name, as the text that the raw files have.
 *
 * As text they take the way of the raw files from there on, with the same checks and reasons. The PPI may be
 * one column (JSON or a list of lists) or the four arrays of our own table `flows`.
 */
import { PipelineError } from '../../contracts/errors.js';
import { FeatureDb, quote, quoteName, type Session } from '../duckdb.js';
import { headerOf, type FlowHeader, type RawKind } from './flow-columns.js';

/** A Parquet file as flows. */
export interface ParquetFlows {
  readonly header: FlowHeader;
  /** Columns whose type cannot hold what they are named after. */
  readonly wrongTypes: readonly {
    readonly name: string;
    readonly type: string;
    readonly expected: string;
  }[];
  /** A SELECT of `source_row` (from 1) and the columns of the header as text: `c0`, `c1`, … */
  readonly rows: string;
  /** The same of what a column has that it may not have, which is NULL in `rows`. */
  readonly shownRows: string;
  /** A SELECT of `source_row` and the row as JSON, cut at 64 KiB: `raw`. */
  readonly rawRows: string;
}

/**
 * Looks at the footer of a Parquet file; values of partition folders (`app=x/`) count as columns.
 *
 * @throws PipelineError FLOW_FILE_DAMAGED
 */
export async function openParquet(session: Session, file: string): Promise<ParquetFlows> {
  // DuckDB takes the name for a pattern; in brackets a character stands for itself
  const literal = file.replace(/[*?[]/g, '[$&]');
  const from = `read_parquet(${quote(literal)}, file_row_number = true, hive_partitioning = true, hive_types_autocast = false)`;
  const found = await damagedWhenUnread(file, () =>
    session.rows<{ column_name: string; column_type: string }>(`DESCRIBE SELECT * FROM ${from}`),
  );
  const columns = withPpi(
    found
      .filter(({ column_name: name }) => name !== ROW_NUMBER)
      .map(({ column_name: name, column_type: type }) => ({ name, type, value: quoteName(name) })),
  );
  const header = headerOf(columns.map(({ name }) => name));
  const texts: string[] = [];
  const shown: string[] = [];
  const wrongTypes: { name: string; type: string; expected: string }[] = [];
  columns.forEach(({ name, type, value }, index) => {
    const kind = header.columns[index]?.kind;
    const { types, pattern } = kind === undefined ? ANYTHING : FORMS[kind];
    if (kind !== undefined && !types.test(type))
      wrongTypes.push({ name, type, expected: EXPECTED[kind] });
    const text = kind === undefined ? 'NULL' : textOf(value, type);
    shown.push(`${text} AS c${index}`);
    texts.push(`${pattern === undefined ? text : matching(text, pattern)} AS c${index}`);
  });
  const row = `${ROW_NUMBER} + 1 AS source_row`;
  return {
    header,
    wrongTypes,
    rows: `(SELECT ${[row, ...texts].join(', ')} FROM ${from})`,
    shownRows: `(SELECT ${[row, ...shown].join(', ')} FROM ${from})`,
    rawRows: `(SELECT ${row}, left(to_json(flow)::VARCHAR, 65536) AS raw FROM ${from} AS flow)`,
  };
}

/** The first TIME_FIRST of a Parquet file; undefined when it has none. */
export async function firstParquetTime(file: string): Promise<string | undefined> {
  return withSession(async (session) => {
    const { header, rows } = await openParquet(session, file);
    const index = header.columns.findIndex((column) => column?.name === 'TIME_FIRST');
    if (index < 0) return undefined;
    const [first] = await session.rows<{ time: string }>(
      `SELECT c${index} AS time FROM ${rows} LIMIT 1`,
    );
    return first?.time;
  });
}

/** A look at one file needs no more than a thread. */
export async function withSession<T>(use: (session: Session) => Promise<T>): Promise<T> {
  const db = await FeatureDb.open({ threads: 1, memoryLimit: '256MB' });
  try {
    return await db.session(use);
  } finally {
    db.close();
  }
}

/**
 * What DuckDB could not read of a Parquet file is the file's fault, unless memory or disk had run out.
 *
 * @throws PipelineError FLOW_FILE_DAMAGED
 */
export async function damagedWhenUnread<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof PipelineError) || cause.code !== 'STORE_QUERY_FAILED') throw cause;
    if (/out of memory|no space left/i.test(cause.fault.found)) throw cause;
    throw new PipelineError(
      {
        code: 'FLOW_FILE_DAMAGED',
        file,
        found: `broken Parquet data (${cause.fault.found.split('\n', 1)[0]})`,
        expected: 'a complete Parquet file',
        fix: 'copy or export the file again',
      },
      { cause },
    );
  }
}

interface ParquetColumn {
  readonly name: string;
  readonly type: string;
  /** SQL of its value. */
  readonly value: string;
}

/** The arrays of `flows`, padded there, as the one column that raw files have; as it is when there is one. */
function withPpi(columns: readonly ParquetColumn[]): readonly ParquetColumn[] {
  const named = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
  const arrays = PPI_ARRAYS.map((name) => named.get(name)).filter((array) => array !== undefined);
  const length = named.get('ppi_len');
  const complete = PPI_ARRAYS.slice(0, 3).every((name) => named.has(name)); // QUIC has no push flags
  if (named.has('ppi') || !complete || length === undefined) return columns;
  const lists = arrays.map(({ value }) => `list_slice(${value}, 1, ${length.value})`);
  const type = arrays.every((array) => INTEGERS.test(array.type)) ? 'INTEGER[][]' : 'other lists';
  return [
    ...columns.filter((column) => !arrays.includes(column)),
    { name: 'PPI', type, value: `[${lists.join(', ')}]` },
  ];
}

function textOf(value: string, type: string): string {
  if (type.endsWith('[]')) return `to_json(${value})::VARCHAR`;
  return type.startsWith('TIMESTAMP')
    ? `strftime(${value}::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f')`
    : `${value}::VARCHAR`;
}

function matching(text: string, pattern: string): string {
  return `CASE WHEN regexp_full_match(${text}, ${quote(pattern)}) THEN ${text} END`;
}

const ROW_NUMBER = 'file_row_number';
// the names and order of PPI_COLUMNS in tables.ts, which is made from this folder
const PPI_ARRAYS = ['ppi_ipt_ms', 'ppi_direction', 'ppi_size_bytes', 'ppi_push'];
const INTEGERS = /^(U?(TINY|SMALL|BIG)INT|U?INTEGER)\[\]$/;
const ANYTHING = { types: /./, pattern: undefined };

/** Per kind: the types that can hold it, and what its text must be like, as the bytes of a raw file must. */
const FORMS: Readonly<Record<RawKind, { types: RegExp; pattern: string | undefined }>> = {
  text: { types: /^VARCHAR$/, pattern: '(?s).+' }, // an empty text is none, as in a raw file
  count: { types: /^(VARCHAR|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER)$/, pattern: '[0-9]+' },
  flag: {
    types: /^(VARCHAR|BOOLEAN|U?(TINY|SMALL|BIG)INT|U?INTEGER)$/,
    pattern: '(?i)[01]|true|false',
  },
  decimal: {
    types: /^(VARCHAR|FLOAT|DOUBLE|DECIMAL\(.*\)|U?(TINY|SMALL|BIG)INT|U?INTEGER)$/,
    pattern: '[-+0-9.eE]+',
  },
  time: {
    types: /^(VARCHAR|TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE)$/,
    pattern: undefined,
  },
  ppi: {
    types: /^(VARCHAR|(U?(TINY|SMALL|BIG)INT|U?INTEGER)\[\]\[\])$/,
    pattern: '[-0-9\\[\\], ]*',
  },
  histogram: {
    types: /^(VARCHAR|(U?(TINY|SMALL|BIG)INT|U?INTEGER)\[\])$/,
    pattern: '[0-9\\[\\], ]*',
  },
};

const EXPECTED: Readonly<Record<RawKind, string>> = {
  text: 'text',
  count: 'whole numbers',
  flag: 'booleans or whole numbers',
  decimal: 'numbers',
  time: 'timestamps, or text such as 2022-06-06T10:00:00.123456',
  ppi: 'lists of lists of whole numbers, or JSON text',
  histogram: 'lists of whole numbers, or JSON text',
};
