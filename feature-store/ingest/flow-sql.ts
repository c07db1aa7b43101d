/**
 * Raw text to typed flows, in SQL: for every column how it is read and when it is wrong.
 *
 * Values come from `read_csv` as text; `TRY_CAST` turns what does not parse into NULL, and a check on
 * every column turns NULL and values out of range into a rejected row with a reason.
 */
import { quote, quoteName } from '../duckdb.js';
import { duckdbType } from '../delta/schema.js';
import {
  LABEL_COLUMNS,
  RAW_COLUMNS,
  UNLABELLED,
  type FlowHeader,
  type RawColumn,
} from '../sources/flow-columns.js';
import { isMapped, mappedRows } from './mapping-sql.js';
import { MAX_VALUE_CHARACTERS } from './row-scanner.js';
import { PPI_COLUMNS, PPI_LENGTH } from '../tables.js';

/** A condition that a good row meets. */
export interface RowCheck {
  readonly column: string;
  readonly reason: string;
  /** SQL over the typed columns; NULL counts as false. */
  readonly holds: string;
}

/** A segment as text: the row number, then the columns as `textOf` names them; nothing is guessed. */
export function readSegment(segment: string, { names, mapping }: FlowHeader): string {
  const columns = names.map((_, index) => `'c${index}': 'VARCHAR'`);
  const rows = `read_csv(${quote(segment)}, auto_detect = false, header = false, delim = ',', quote = '"',
    escape = '"', new_line = '\\n', strict_mode = true, columns = {'source_row': 'BIGINT', ${columns.join(', ')}})`;
  return mapping === undefined ? rows : mappedRows(rows, names, mapping);
}

/** The rows of a segment as whole lines, with their number: `source_row`, `raw`. */
export function readSegmentLines(segment: string): string {
  // 0x1F cannot stand in a row that reached the segment, so the line stays whole
  return `(SELECT substr(line, 1, strpos(line, ',') - 1)::BIGINT AS source_row,
      left(substr(line, strpos(line, ',') + 1), 65536) AS raw
    FROM read_csv(${quote(segment)}, auto_detect = false, header = false, delim = chr(31), quote = '', escape = '',
      new_line = '\\n', columns = {'line': 'VARCHAR'}))`;
}

/** For each of the rows that `typedSelect` takes, the text that each of `rowChecks` looks at: `source_row`, `text`. */
export function checkedTexts(rows: string, header: FlowHeader): string {
  const texts = RAW_COLUMNS.flatMap((column) => {
    const text = `left(coalesce(${textOf(column, header, 'v')}, ''), ${MAX_VALUE_CHARACTERS})`;
    return checksOf(column).map(() => text);
  });
  return `(SELECT source_row, [${texts.join(', ')}] AS text FROM ${rows})`;
}

/**
 * Typed columns: the stored names, lists still as long as they were, and `ok`.
 *
 * @param rows what to select from: `source_row`, and the columns of the file as `textOf` names them
 * @param header of the file
 */
export function typedSelect(rows: string, header: FlowHeader): string {
  const present = RAW_COLUMNS.map((column) => ({
    column,
    text: textOf(column, header),
  }));
  const typed = present.map(
    ({ column, text }) => `${typedExpression(column, text)} AS ${stored(column)}`,
  );
  const ok = rowChecks()
    .map(({ holds }) => `coalesce(${holds}, false)`)
    .join(' AND ');
  return `SELECT *, ${ok} AS ok FROM (SELECT source_row, ${typed.join(', ')}
    FROM ${rows})`;
}

/** The columns that the file lacks, with the value that they have then, as typed SELECT items. */
export function missingColumns(header: FlowHeader): string[] {
  return RAW_COLUMNS.map((column) => ({ column, text: textOf(column, header) }))
    .filter(({ text }) => text.startsWith('NULL'))
    .map(({ column, text }) => `${typedExpression(column, text)} AS ${stored(column)}`);
}

/** Every check, in the order of the columns: the first that fails is the reason. */
export function rowChecks(): readonly RowCheck[] {
  return RAW_COLUMNS.flatMap((column) => checksOf(column));
}

/** A SQL list that is exactly `PPI_LENGTH` long: packets that were not there are 0. */
export function paddedPpi(): string {
  return PPI_COLUMNS.map((name, index) => {
    // files without a push list (QUIC) give NULL here
    const list = `coalesce(ppi[${index + 1}], [])`;
    return `list_resize(${list}, ${PPI_LENGTH}, 0) AS ${name}`;
  }).join(', ');
}

function stored(column: RawColumn): string {
  return quoteName(column.name.toLowerCase());
}

/** The text of a column, or what is shown of it, in the rows of `readSegment`. */
function textOf(
  column: RawColumn,
  { columns, mapping }: FlowHeader,
  kind: 't' | 'v' = 't',
): string {
  if (mapping !== undefined)
    return isMapped(column, mapping) ? `${kind}${RAW_COLUMNS.indexOf(column)}` : 'NULL::VARCHAR';
  const index = columns.indexOf(column);
  return index < 0 ? 'NULL::VARCHAR' : `c${index}`;
}

function typedExpression(column: RawColumn, text: string): string {
  const type = duckdbType(column.type);
  if (text.startsWith('NULL')) {
    if (column.kind === 'flag') return `0::${type}`;
    if (LABEL_COLUMNS.includes(column.name)) return quote(UNLABELLED);
    return column.name === 'TLS_SNI' ? "'UNKNOWN'" : `NULL::${type}`;
  }
  switch (column.kind) {
    case 'text':
      return column.name === 'TLS_SNI' ? `coalesce(nullif(trim(${text}), ''), 'UNKNOWN')` : text;
    case 'flag':
      return `coalesce(TRY_CAST(${text} AS ${type}), TRY_CAST(TRY_CAST(${text} AS BOOLEAN) AS ${type}))`;
    case 'count':
    case 'decimal':
      return `TRY_CAST(${text} AS ${type})`;
    case 'time':
      // the pattern keeps out dates without a clock and offsets, which a cast would read as something else
      return `CASE WHEN regexp_full_match(${text}, ${quote(TIME_PATTERN)}) THEN TRY_CAST(${text} AS TIMESTAMP) END`;
    case 'ppi':
      return `TRY(from_json(${text}, '[["INTEGER"]]'))`;
    case 'histogram':
      return `TRY(from_json(${text}, '["INTEGER"]'))`;
  }
}

function checksOf(column: RawColumn): RowCheck[] {
  const name = stored(column);
  const check = (holds: string, reason: string) => ({ column: column.name, holds, reason });
  const atMost =
    column.max === undefined
      ? []
      : [check(`${name} <= ${column.max}`, `greater than ${column.max}`)];
  switch (column.kind) {
    case 'text':
      if (column.name === 'APP')
        return [
          check(`${name} <> ''`, 'no value'),
          // the name becomes a folder, percent-encoded, and a folder name has 255 bytes
          check(`length(url_encode(${name})) <= 240`, 'a name longer than a folder name can be'),
        ];
      return column.name === 'CATEGORY' ? [check(`${name} <> ''`, 'no value')] : [];
    case 'count':
      if (column.name === 'ID') return [];
      return [check(`${name} IS NOT NULL`, 'not a count'), ...atMost];
    case 'flag':
      return [check(`${name} BETWEEN 0 AND 1`, 'not 0, 1, true or false')];
    case 'decimal':
      return [check(`${name} >= 0`, 'not a number of seconds'), ...atMost];
    case 'time':
      return [
        check(
          `${name} BETWEEN '0001-01-08' AND '9999-12-31'`,
          'not a time like 2022-06-06T10:00:00.123456',
        ),
      ];
    case 'ppi':
      return PPI_CHECKS.map(([holds, reason]) => check(holds, reason));
    case 'histogram':
      return [check(`len(${name}) = 8 AND list_count(${name}) = 8`, 'not a list of 8 counts')];
  }
}

const TIME_PATTERN = '\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?Z?';

// list order in the files: inter-packet times, directions, sizes, push flags (missing in QUIC)
const PPI_CHECKS: readonly (readonly [holds: string, reason: string])[] = [
  ['len(ppi) IN (3, 4)', 'not JSON of 3 or 4 lists of whole numbers'],
  [`len(ppi[1]) BETWEEN 1 AND ${PPI_LENGTH}`, `not 1 to ${PPI_LENGTH} packets`],
  [
    'len(ppi[2]) = len(ppi[1]) AND len(ppi[3]) = len(ppi[1]) AND (len(ppi) = 3 OR len(ppi[4]) = len(ppi[1]))',
    'lists of different length',
  ],
  ['len(ppi[1]) = ppi_len', 'a length other than PPI_LEN'],
  [
    'list_min(ppi[1]) >= 0 AND list_count(ppi[1]) = len(ppi[1])',
    'a packet time that is no count of ms',
  ],
  [
    'list_min(ppi[2]) >= -1 AND list_max(ppi[2]) <= 1 AND NOT list_contains(ppi[2], 0) AND list_count(ppi[2]) = len(ppi[2])',
    'a direction other than 1 and -1',
  ],
  [
    'list_min(ppi[3]) >= 0 AND list_count(ppi[3]) = len(ppi[3])',
    'a packet size that is no count of bytes',
  ],
  [
    'len(ppi) = 3 OR (list_min(ppi[4]) >= 0 AND list_max(ppi[4]) <= 1 AND list_count(ppi[4]) = len(ppi[4]))',
    'a push flag other than 0 and 1',
  ],
];
