/**
 * Rows of a mapped file as the text that a flow file would have, in SQL; checks and types come after it.
 *
 * A value that cannot be understood becomes NULL, which every check refuses. Packet lists are kept as
 * microseconds since the first packet, directions, sizes and push flags until they are written as PPI.
 */
import type { FlowMapping, MappedValue } from '../../contracts/schemas/mapping.js';
import { quote } from '../duckdb.js';
import { RAW_COLUMNS, type RawColumn } from '../sources/flow-columns.js';
import { PPI_LENGTH } from '../tables.js';

/**
 * A relation of `source_row` and, for each raw column n of `RAW_COLUMNS` that the mapping gives, `t<n>`: the text as
 * a flow file has it, and `v<n>`: what stands in the file.
 *
 * @param rows a relation of `source_row` and the columns of the file as `c0`, `c1`, … in the order of `names`
 */
export function mappedRows(rows: string, names: readonly string[], mapping: FlowMapping): string {
  const cell = (name: string): string => `c${names.indexOf(name)}`;
  const outputs = RAW_COLUMNS.flatMap((column, index) => {
    if (!isMapped(column, mapping)) return [];
    const value = mapping.columns[column.name];
    const text = value === undefined ? ppiText(mapping) : valueText(column, value, mapping, cell);
    return [`${text} AS t${index}`, `${shownText(value, mapping, cell)} AS v${index}`];
  });
  return `(SELECT source_row, ${outputs.join(', ')} FROM ${withPackets(rows, mapping, cell)})`;
}

/** True when the mapping gives this column. */
export function isMapped({ name, kind }: RawColumn, { columns, ppi }: FlowMapping): boolean {
  return name in columns || (kind === 'ppi' && ppi !== undefined);
}

type Cell = (name: string) => string;

function valueText(
  column: RawColumn,
  value: MappedValue,
  mapping: FlowMapping,
  cell: Cell,
): string {
  if (typeof value === 'string')
    return column.kind === 'histogram' || column.kind === 'ppi'
      ? listText(cell(value), mapping)
      : guarded(column, cell(value));
  if ('constant' in value) return quote(value.constant);
  if ('from' in value)
    return value.from === 'times' ? durationText(mapping, cell) : fromPackets(column.name);
  const text = cell(value.column);
  const orEmpty = (given: string): string =>
    value.empty === undefined
      ? given
      : `CASE WHEN coalesce(${text}, '') = '' THEN ${quote(value.empty)} ELSE ${given} END`;
  if (value.unit !== undefined)
    return orEmpty(
      column.kind === 'time' ? epochText(text, US[value.unit]) : secondsText(text, US[value.unit]),
    );
  if (value.bit !== undefined) return orEmpty(bitText(text, value.bit));
  if (value.positive) return orEmpty(`(${whole(text)} > 0)::INTEGER::VARCHAR`);
  if (value.values !== undefined) return orEmpty(wordText(text, value.values, value.otherwise));
  return orEmpty(guarded(column, text));
}

/** SQL would read `1.5` as a count of 2; a flow file with it has the row rejected before. */
function guarded({ kind }: RawColumn, text: string): string {
  return kind === 'count'
    ? `CASE WHEN regexp_full_match(${text}, '[0-9]*') THEN ${text} END`
    : text;
}

function wordText(
  text: string,
  values: Readonly<Record<string, string>>,
  otherwise?: string,
): string {
  const cases = Object.entries(values).map(([from, to]) => `WHEN ${quote(from)} THEN ${quote(to)}`);
  return `CASE ${text} ${cases.join(' ')} ELSE ${otherwise === undefined ? text : quote(otherwise)} END`;
}

function epochText(text: string, us: number): string {
  return `strftime(TRY(make_timestamp(${scaled(text, us)})), '%Y-%m-%dT%H:%M:%S.%f')`;
}

function secondsText(text: string, us: number): string {
  return `(${scaled(text, us)} / 1e6)::VARCHAR`;
}

function durationText(mapping: FlowMapping, cell: Cell): string {
  const [first, last] = ['TIME_FIRST', 'TIME_LAST'].map((name) => {
    const column = RAW_COLUMNS.find((candidate) => candidate.name === name);
    const value = mapping.columns[name];
    const text = column && value ? valueText(column, value, mapping, cell) : 'NULL';
    return `epoch_us(TRY_CAST(${text} AS TIMESTAMP))`;
  });
  return `((${last} - ${first}) / 1e6)::VARCHAR`;
}

function bitText(text: string, bit: number): string {
  return `((${whole(text)} >> ${bit}) & 1)::VARCHAR`;
}

function whole(text: string): string {
  return `CASE WHEN regexp_full_match(${text}, '[0-9]{1,18}') THEN ${text}::BIGINT END`;
}

/** A number of some unit as whole microseconds. */
function scaled(text: string, us: number): string {
  return `CASE WHEN regexp_full_match(${text}, '[0-9]{1,18}(\\.[0-9]+)?') THEN TRY_CAST(round(${text}::DOUBLE * ${us}) AS BIGINT) END`;
}

/** The relation with `p_gaps` (ms), `p_directions`, `p_sizes` and `p_push` beside the columns of the file. */
function withPackets(rows: string, mapping: FlowMapping, cell: Cell): string {
  const { ppi } = mapping;
  if (ppi === undefined) return rows;
  const items = (name: string): string => listItems(cell(name), mapping);
  const numbers = (list: {
    column: string;
    values?: Record<string, string> | undefined;
  }): string => {
    const word = list.values === undefined ? 'x' : wordText('x', list.values);
    return `list_transform(${items(list.column)}, lambda x: CASE WHEN regexp_full_match(${word}, '-?[0-9]{1,18}') THEN (${word})::BIGINT END)`;
  };
  const at =
    ppi.times.as === 'times'
      ? `list_transform(${items(ppi.times.column)}, lambda x: epoch_us(TRY_CAST(x AS TIMESTAMP)))`
      : `list_transform(${items(ppi.times.column)}, lambda x: ${scaled('x', US[ppi.times.unit])})`;
  const push = ppi.push && items(ppi.push.column);
  const bit = ppi.push?.bit;
  const pushed =
    push === undefined
      ? 'NULL::BIGINT[]'
      : `list_transform(${push}, lambda x: ${bit === undefined ? whole('x') : `(${whole('x')} >> ${bit}) & 1`})`;
  const lists = `SELECT *, ${at} AS q_times, ${numbers(ppi.directions)} AS p_directions0,
    ${numbers(ppi.sizes)} AS p_sizes0, ${pushed} AS p_push0 FROM ${rows}`;
  const instants =
    ppi.times.as === 'times'
      ? 'q_times'
      : 'list_transform(q_times, lambda x, i: list_sum(q_times[:i])::BIGINT)';
  const same = ['p_directions0', 'p_sizes0', 'coalesce(p_push0, q_times)'].map(
    (list) => `len(${list}) = len(q_times)`,
  );
  const kept = ppi.withoutEmpty === true ? 'coalesce(p_sizes0[i] <> 0, true)' : 'true';
  // lists of different length stay as they are: the row is rejected for it
  const placed = `SELECT *, ${instants} AS q_at, CASE WHEN ${same.join(' AND ')}
    THEN list_filter(range(1, len(q_times) + 1), lambda i: ${kept})[:${PPI_LENGTH}] END AS q_keep FROM (${lists})`;
  const kept30 = (list: string): string =>
    `CASE WHEN q_keep IS NULL THEN ${list} ELSE list_transform(q_keep, lambda i: ${list}[i]) END`;
  const chosen = `SELECT *, ${kept30('q_at')} AS p_at, ${kept30('p_directions0')} AS p_directions,
    ${kept30('p_sizes0')} AS p_sizes, ${kept30('p_push0')} AS p_push FROM (${placed})`;
  return `(SELECT *, list_transform(p_at, lambda x, i: CASE WHEN i = 1 THEN 0 ELSE round((x - p_at[i - 1]) / 1e3)::BIGINT END)
    AS p_gaps FROM (${chosen}))`;
}

function ppiText({ ppi }: FlowMapping): string {
  const lists = ['p_gaps', 'p_directions', 'p_sizes', ...(ppi?.push ? ['p_push'] : [])];
  return `to_json([${lists.join(', ')}])::VARCHAR`;
}

/** Columns that follow from the first packets. */
function fromPackets(name: string): string {
  if (name === 'PPI_LEN') return 'len(p_gaps)::VARCHAR';
  if (name === 'PPI_DURATION') return '(coalesce(list_sum(p_gaps), 0) / 1e3)::VARCHAR';
  const direction = name.startsWith('PHIST_SRC') ? 1 : -1;
  const ofDirection = `list_filter(range(1, len(p_directions) + 1), lambda i: p_directions[i] = ${direction})`;
  if (name.endsWith('_SIZES'))
    return binned(`list_transform(${ofDirection}, lambda i: p_sizes[i])`);
  if (name.endsWith('_IPT')) {
    const at = `list_transform(${ofDirection}, lambda i: p_at[i])`;
    return binned(
      `list_transform(range(2, len(${at}) + 1), lambda i: round((${at}[i] - ${at}[i - 1]) / 1e3))`,
    );
  }
  // PPI_ROUNDTRIPS: turns from the client to the server
  return `len(list_filter(range(2, len(p_directions) + 1), lambda i: p_directions[i - 1] = 1 AND p_directions[i] = -1))::VARCHAR`;
}

/** Counts in the bins of PHIST: 0-15, 16-31, …, from 1024. */
function binned(values: string): string {
  const bins = `list_transform(${values}, lambda x: CASE WHEN x < 16 THEN 0 ELSE least(7, floor(log2(x)) - 3)::BIGINT END)`;
  return `to_json(list_transform(range(0, 8), lambda b: len(list_filter(${bins}, lambda x: x = b))))::VARCHAR`;
}

function listText(text: string, { lists }: FlowMapping): string {
  return lists.separator === ',' ? text : `replace(${text}, ${quote(lists.separator)}, ',')`;
}

function listItems(text: string, { lists }: FlowMapping): string {
  const inner = `trim(coalesce(${text}, ''), '[]() ')`;
  const items = `list_transform(string_split(${inner}, ${quote(lists.separator)}), lambda x: trim(x))`;
  const filled =
    lists.padding === undefined
      ? items
      : `list_filter(${items}, lambda x: x <> ${quote(lists.padding)})`;
  return `CASE WHEN ${inner} = '' THEN [] ELSE ${filled} END`;
}

/** What a person finds in the file. */
function shownText(value: MappedValue | undefined, { ppi }: FlowMapping, cell: Cell): string {
  if (typeof value === 'string') return cell(value);
  if (value !== undefined && 'column' in value) return cell(value.column);
  if (value !== undefined && 'constant' in value) return quote(value.constant);
  if (ppi === undefined || (value !== undefined && 'from' in value && value.from === 'times'))
    return "''";
  return [ppi.times, ppi.directions, ppi.sizes]
    .map(({ column }) => `coalesce(${cell(column)}, '')`)
    .join(` || ' ' || `);
}

const US = { us: 1, ms: 1e3, s: 1e6 } as const;
