/** The store's tables: columns, partitions, and where each lies. */
import { TABULAR_FEATURE_NAMES } from '../domain/traffic/features.js';
import type { Column, TableSchema } from './delta/schema.js';
import { RAW_COLUMNS } from './sources/flow-columns.js';

/** Packets of a flow that are kept, and the length of every PPI array. */
export const PPI_LENGTH = 30;

/** The four PPI arrays, in the order of the raw files. */
export const PPI_COLUMNS = ['ppi_ipt_ms', 'ppi_direction', 'ppi_size_bytes', 'ppi_push'] as const;

const ISO_WEEK_COLUMNS: readonly Column[] = [
  { name: 'iso_year', type: 'integer' },
  { name: 'iso_week', type: 'integer' },
];

const SOURCE_COLUMNS: readonly Column[] = [
  { name: 'source_file', type: 'string' },
  { name: 'source_row', type: 'long' },
  { name: 'source_sha', type: 'string' },
];

/** Every flow that parsed: the raw columns typed, PPI as four arrays, and where the row came from. */
export const FLOWS: TableSchema = {
  name: 'flows',
  columns: [
    ...ISO_WEEK_COLUMNS,
    ...RAW_COLUMNS.flatMap(({ name, type }) =>
      name === 'PPI'
        ? PPI_COLUMNS.map((array) => ({ name: array, type }) as const)
        : [{ name: name.toLowerCase(), type }],
    ),
    ...SOURCE_COLUMNS,
  ],
  partitionColumns: ['iso_year', 'iso_week', 'app'],
  statsColumns: ['time_first', 'time_last', 'source_row', 'source_sha', 'bytes', 'bytes_rev'],
};

/** Every row that did not parse. Week 0 of year 0: no row of the file parsed. */
export const FLOWS_REJECTED: TableSchema = {
  name: 'flows_rejected',
  columns: [
    ...ISO_WEEK_COLUMNS,
    ...SOURCE_COLUMNS,
    { name: 'source_column', type: 'string' },
    { name: 'reason', type: 'string' },
    { name: 'raw', type: 'string' },
    { name: 'value', type: 'string' },
  ],
  partitionColumns: ['iso_year', 'iso_week'],
  statsColumns: ['source_row'],
};

const TRAFFIC_COLUMNS: readonly Column[] = [
  { name: 'app', type: 'string' },
  { name: 'category', type: 'string' },
  { name: 'dst_asn', type: 'long' },
  { name: 'flows', type: 'long' },
  { name: 'bytes', type: 'long' },
  { name: 'bytes_rev', type: 'long' },
  { name: 'packets', type: 'long' },
  { name: 'packets_rev', type: 'long' },
];

/** Traffic per hour, application, category and network, both directions. */
export const TRAFFIC_HOURLY: TableSchema = {
  name: 'traffic_hourly',
  columns: [...ISO_WEEK_COLUMNS, { name: 'hour', type: 'timestamp' }, ...TRAFFIC_COLUMNS],
  partitionColumns: ['iso_year', 'iso_week'],
  statsColumns: ['hour', 'flows', 'bytes', 'bytes_rev'],
};

/** Traffic per UTC day, application, category and network, both directions. */
export const TRAFFIC_DAILY: TableSchema = {
  name: 'traffic_daily',
  columns: [...ISO_WEEK_COLUMNS, { name: 'day', type: 'timestamp' }, ...TRAFFIC_COLUMNS],
  partitionColumns: ['iso_year', 'iso_week'],
  statsColumns: ['day', 'flows', 'bytes', 'bytes_rev'],
};

/** One row a flow: keys, what analysis may use, the tabular model input, and the packet arrays. */
export const FLOW_FEATURES: TableSchema = {
  name: 'flow_features',
  columns: [
    ...ISO_WEEK_COLUMNS,
    { name: 'source_sha', type: 'string' },
    { name: 'source_row', type: 'long' },
    { name: 'app', type: 'string' },
    { name: 'category', type: 'string' },
    { name: 'time_first', type: 'timestamp' },
    { name: 'sni_domain', type: 'string' },
    { name: 'sni_hash', type: 'integer' },
    { name: 'ja3_hash', type: 'integer' },
    ...TABULAR_FEATURE_NAMES.map((name) => ({ name, type: 'float' }) as const),
    ...PPI_COLUMNS.map((name) => ({ name, type: 'integer[]' }) as const),
  ],
  partitionColumns: ['iso_year', 'iso_week'],
  statsColumns: ['time_first', 'source_row'],
};

/** Absolute folder of a table, or its `s3://` address when the tables lie in a bucket. */
export function tableFolder(tablesRoot: string, name: string): string {
  return `${tablesRoot}/${name}`;
}

/** `2022-W05` for an ISO year and week. */
export function isoWeekText(isoYear: number, isoWeek: number): string {
  return `${String(isoYear).padStart(4, '0')}-W${String(isoWeek).padStart(2, '0')}`;
}

/** ISO year and week of `2022-W05`; undefined when the text is not one. */
export function parseIsoWeek(text: string): { isoYear: number; isoWeek: number } | undefined {
  const match = /^(\d{4})-W(\d{2})$/.exec(text);
  return match ? { isoYear: Number(match[1]), isoWeek: Number(match[2]) } : undefined;
}
