/**
 * The columns of a raw flow file (CESNET-TLS-Year22, CESNET-QUIC22): name, what bytes a value may
 * hold, and the type it is stored with.
 *
 * A file may have them in any order; columns that are not listed are reported and left out.
 */
import type { FlowMapping } from '../../contracts/schemas/mapping.js';
import type { ColumnType } from '../delta/schema.js';

/** What a value may consist of; decides its bytes, its parser and its range. */
export type RawKind = 'text' | 'count' | 'flag' | 'decimal' | 'time' | 'ppi' | 'histogram';

/** One column of the raw files. */
export interface RawColumn {
  /** As the header writes it. */
  readonly name: string;
  readonly kind: RawKind;
  /** Stored type; PPI and histograms become arrays. */
  readonly type: ColumnType;
  /** Whether a file without it is no flow file. */
  readonly required: boolean;
  /** Other names of the same column, as in CESNET-QUIC22. */
  readonly aliases?: readonly string[];
  /** Largest value allowed, inclusive: a row beyond it is rejected. @default what the type holds */
  readonly max?: number;
}

/** What a flow is called by; a file to be classified may lack them. */
export const LABEL_COLUMNS: readonly string[] = ['APP', 'CATEGORY'];

/** Application and category of a flow in a file without labels. */
export const UNLABELLED = 'unknown';

/** Whether a file without labels is a fault. */
export type Labels = 'required' | 'optional';

/** 116 days; exporters cut a record after minutes. */
const MAX_SECONDS = 10_000_000;
/** 1 PiB: what no single connection carries, and what sums and floats of many rows still hold. */
const MAX_VOLUME = 2 ** 50;

const FLAG_NAMES = ['CWR', 'ECE', 'URG', 'ACK', 'PSH', 'RST', 'SYN', 'FIN'].flatMap((flag) => [
  `FLAG_${flag}`,
  `FLAG_${flag}_REV`,
]);
const END_REASONS = ['IDLE', 'ACTIVE', 'END', 'OTHER'].map((reason) => `FLOW_ENDREASON_${reason}`);
const HISTOGRAMS = ['SRC_SIZES', 'DST_SIZES', 'SRC_IPT', 'DST_IPT'].map((name) => `PHIST_${name}`);

/** All columns in the order of the TLS-Year22 files; 45 names. */
export const RAW_COLUMNS: readonly RawColumn[] = [
  { name: 'ID', kind: 'count', type: 'long', required: false },
  { name: 'SRC_IP', kind: 'text', type: 'string', required: true },
  { name: 'DST_IP', kind: 'text', type: 'string', required: true },
  { name: 'DST_ASN', kind: 'count', type: 'long', required: true, max: 2 ** 32 - 1 },
  { name: 'DST_PORT', kind: 'count', type: 'integer', required: true, max: 65_535 },
  { name: 'PROTOCOL', kind: 'count', type: 'short', required: true, max: 255 },
  { name: 'TLS_SNI', kind: 'text', type: 'string', required: false, aliases: ['QUIC_SNI'] },
  { name: 'TLS_JA3', kind: 'text', type: 'string', required: false },
  { name: 'TIME_FIRST', kind: 'time', type: 'timestamp', required: true },
  { name: 'TIME_LAST', kind: 'time', type: 'timestamp', required: true },
  { name: 'DURATION', kind: 'decimal', type: 'double', required: true, max: MAX_SECONDS },
  { name: 'BYTES', kind: 'count', type: 'long', required: true, max: MAX_VOLUME },
  { name: 'BYTES_REV', kind: 'count', type: 'long', required: true, max: MAX_VOLUME },
  { name: 'PACKETS', kind: 'count', type: 'long', required: true, max: MAX_VOLUME },
  { name: 'PACKETS_REV', kind: 'count', type: 'long', required: true, max: MAX_VOLUME },
  { name: 'PPI_LEN', kind: 'count', type: 'integer', required: true, max: 30 },
  { name: 'PPI_DURATION', kind: 'decimal', type: 'double', required: true, max: MAX_SECONDS },
  { name: 'PPI_ROUNDTRIPS', kind: 'count', type: 'integer', required: true, max: 65_535 },
  { name: 'APP', kind: 'text', type: 'string', required: true },
  { name: 'CATEGORY', kind: 'text', type: 'string', required: true },
  ...FLAG_NAMES.map((name) => ({ name, kind: 'flag', type: 'short', required: false }) as const),
  ...END_REASONS.map((name) => ({ name, kind: 'flag', type: 'short', required: false }) as const),
  { name: 'PPI', kind: 'ppi', type: 'integer[]', required: true },
  ...HISTOGRAMS.map(
    (name) => ({ name, kind: 'histogram', type: 'integer[]', required: true }) as const,
  ),
];

/** A header as read: for each column of the file, the raw column it is, or undefined. */
export interface FlowHeader {
  readonly columns: readonly (RawColumn | undefined)[];
  readonly names: readonly string[];
  readonly missing: readonly string[];
  readonly unknown: readonly string[];
  readonly repeated: readonly string[];
  /** How the file is read when it is another exporter's. */
  readonly mapping?: FlowMapping;
}

/** The names of a header line, without quotes and byte-order mark. */
export function headerNames(line: string): string[] {
  return line
    .replace(/^\uFEFF/, '')
    .trimEnd()
    .split(',')
    .map((name) => name.trim().replace(/^"(.*)"$/, '$1'));
}

/** Reads the header line of a flow file. */
export function parseHeader(line: string): FlowHeader {
  return headerOf(headerNames(line));
}

/** The header with these names; letter case does not matter. */
export function headerOf(names: readonly string[]): FlowHeader {
  const columns = names.map((name) => BY_NAME.get(name.toUpperCase()));
  const found = columns.filter((column) => column !== undefined);
  return {
    columns,
    names,
    missing: RAW_COLUMNS.filter((column) => column.required && !found.includes(column)).map(
      ({ name }) => name,
    ),
    unknown: names.filter((_, index) => columns[index] === undefined),
    repeated: found
      .filter((column, index) => found.indexOf(column) !== index)
      .map(({ name }) => name),
  };
}

/** How many columns a file must have to be a flow file. */
export const REQUIRED_COLUMN_COUNT = RAW_COLUMNS.filter((column) => column.required).length;

const BY_NAME: ReadonlyMap<string, RawColumn> = new Map(
  RAW_COLUMNS.flatMap((column) =>
    [column.name, ...(column.aliases ?? [])].map((name) => [name, column] as const),
  ),
);
