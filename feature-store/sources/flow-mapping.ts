/** Mapping files: read, checked against the raw columns, and held against the header of a file. */
import { readFile } from 'node:fs/promises';
import { errorOf, PipelineError, type Fault } from '../../contracts/errors.js';
import {
  flowMapping,
  type FlowMapping,
  type MappedValue,
} from '../../contracts/schemas/mapping.js';
import { hashJson } from '../../dag/plan-hash.js';
import { headerNames, RAW_COLUMNS, type FlowHeader, type RawColumn } from './flow-columns.js';

/**
 * Reads and checks a mapping file.
 *
 * @throws PipelineError INPUT_NOT_FOUND, MAPPING_INVALID with the JSON path of each fault as its column
 */
export async function readMapping(file: string): Promise<FlowMapping> {
  const invalid = (found: string, place?: string): Fault => ({
    code: 'MAPPING_INVALID',
    file,
    ...(place !== undefined && place !== '' && { column: place }),
    found,
    expected: 'a mapping as docs/exporters.md describes it',
    fix: 'correct the file; mappings/ holds examples',
  });
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new PipelineError(
      { code: 'INPUT_NOT_FOUND', file, found: cause.message, fix: 'check the path of the mapping' },
      { cause },
    );
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new PipelineError(invalid(cause instanceof Error ? cause.message : 'no JSON'), { cause });
  }
  const parsed = flowMapping.safeParse(json);
  const faults = parsed.success
    ? columnFaults(parsed.data).map(([found, place]) => invalid(found, place))
    : parsed.error.issues.map(({ message, path }) => invalid(message, path.join('.')));
  const [first, ...others] = faults;
  if (first !== undefined) throw errorOf('MAPPING_INVALID', [first, ...others]);
  if (!parsed.success) throw parsed.error; // a failure has issues, told above
  return parsed.data;
}

/** The header of a mapped file: no column may hold only certain bytes, for units and lists are the mapping's. */
export function mappedHeader(line: string, mapping: FlowMapping): FlowHeader {
  const names = headerNames(line);
  const known = names.map((name) =>
    mapping.header === 'typed' ? (name.split(' ').at(-1) ?? '') : name,
  );
  const used = usedColumns(mapping);
  return {
    columns: names.map(() => undefined),
    names: known,
    missing: used.filter((name) => !known.includes(name)),
    unknown: [],
    repeated: used.filter((name) => known.indexOf(name) !== known.lastIndexOf(name)),
    mapping,
  };
}

/** How many columns a mapping takes from a file. */
export function usedColumnCount(mapping: FlowMapping): number {
  return usedColumns(mapping).length;
}

/** What a file is known by: its hash, and the mapping it was read with. 64 hex digits. */
export function sourceIdentity(sha256: string, mapping: FlowMapping | undefined): string {
  return mapping === undefined ? sha256 : hashJson({ sha256, mapping });
}

function usedColumns({ columns, ppi }: FlowMapping): string[] {
  const values = Object.values(columns).flatMap((value) => columnOf(value) ?? []);
  const lists = ppi ? [ppi.times, ppi.directions, ppi.sizes, ppi.push] : [];
  return [...new Set([...values, ...lists.flatMap((list) => list?.column ?? [])])];
}

function columnOf(value: MappedValue): string | undefined {
  if (typeof value === 'string') return value;
  return 'column' in value ? value.column : undefined;
}

/** What the schema cannot say: which raw columns there are, and what each can be made from. */
function columnFaults({ columns, ppi }: FlowMapping): [found: string, place: string][] {
  const raw = new Map(RAW_COLUMNS.map((column) => [column.name, column]));
  const faults: [string, string][] = [];
  for (const [name, value] of Object.entries(columns)) {
    const column = raw.get(name);
    const fault =
      column === undefined
        ? 'no column of a flow file'
        : valueFault(column, value, ppi !== undefined);
    if (fault !== undefined) faults.push([fault, `columns.${name}`]);
  }
  if (ppi !== undefined && 'PPI' in columns) faults.push(['columns.PPI says the same', 'ppi']);
  for (const { name, required } of RAW_COLUMNS)
    if (required && !(name in columns) && !(name === 'PPI' && ppi !== undefined))
      faults.push(['nothing, and flows must have it', `columns.${name}`]);
  return faults;
}

function valueFault(
  { name, kind }: RawColumn,
  value: MappedValue,
  hasPpi: boolean,
): string | undefined {
  if (typeof value === 'string' || 'constant' in value) return undefined;
  if ('from' in value) {
    if (value.from === 'times')
      return name === 'DURATION' ? undefined : 'only DURATION follows from the times';
    if (!hasPpi) return '"from": "ppi" without "ppi"';
    return FROM_PPI.test(name) ? undefined : 'it does not follow from the packets';
  }
  const ways = [value.unit, value.bit, value.positive, value.values].filter(
    (way) => way !== undefined,
  );
  if (ways.length > 1) return 'more than one of unit, bit, positive and values';
  if (value.unit !== undefined && kind !== 'time' && kind !== 'decimal')
    return 'a unit, but it is no time';
  if ((value.bit ?? value.positive) !== undefined && kind !== 'flag')
    return 'bit or positive, but it is no flag';
  return undefined;
}

const FROM_PPI = /^(PPI_LEN|PPI_DURATION|PPI_ROUNDTRIPS|PHIST_.*)$/;
