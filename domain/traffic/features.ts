/**
 * The tabular features of a flow: their names, order, units and formulas.
 *
 * A formula is data, so the same list is computed in SQL by the feature store and here in TypeScript
 * for a single flow; a test holds the two together.
 */

/** The numbers of one flow, by stored column name; histograms have 8 counts. */
export type FlowNumbers = Readonly<Record<string, number | readonly number[]>>;

/** How one feature is computed. `of`, `by` and `rest` name stored columns. */
export type FeatureFormula =
  | { readonly kind: 'value'; readonly of: string }
  | { readonly kind: 'log1p'; readonly of: string }
  /** log1p of the sum of a histogram. */
  | { readonly kind: 'log1p_total'; readonly of: string }
  /** log1p(of / (by + 0.001)); the millisecond keeps flows of one packet finite. */
  | { readonly kind: 'log1p_rate'; readonly of: string; readonly by: string }
  /** of / by, 0 when by is 0. */
  | { readonly kind: 'ratio'; readonly of: string; readonly by: string }
  /** of / (of + rest), 0 when both are 0. */
  | { readonly kind: 'part'; readonly of: string; readonly rest: string }
  /** 1 when the column equals the value, else 0. */
  | { readonly kind: 'equals'; readonly of: string; readonly value: number }
  /** Bin `index` (from 0) of a histogram over its sum, 0 when it is empty. */
  | { readonly kind: 'share'; readonly of: string; readonly index: number };

/** One column of the tabular model input. */
export interface TabularFeature {
  readonly name: string;
  readonly unit: string;
  readonly formula: FeatureFormula;
}

/** Changes whenever a feature's name, order or formula does; derived tables are computed again then. */
export const FEATURE_SET_VERSION = 1;

const DIRECTIONS = ['', '_rev'] as const;
const FLAGS = ['cwr', 'ece', 'urg', 'ack', 'psh', 'rst', 'syn', 'fin'] as const;
const END_REASONS = ['idle', 'active', 'end', 'other'] as const;

/** The four histograms, each of 8 logarithmic bins (0-15, 16-31, …, above 1024; bytes or ms). */
export const HISTOGRAM_COLUMNS = [
  'phist_src_sizes',
  'phist_dst_sizes',
  'phist_src_ipt',
  'phist_dst_ipt',
] as const;

/** Every tabular feature, in the order of the model input: F = 73 columns. */
export const TABULAR_FEATURES: readonly TabularFeature[] = [
  ...DIRECTIONS.map((d) => log1p(`bytes${d}`, 'log bytes')),
  ...DIRECTIONS.map((d) => log1p(`packets${d}`, 'log packets')),
  log1p('duration', 'log seconds'),
  log1p('ppi_duration', 'log seconds'),
  ...DIRECTIONS.map((d) => ratio(`bytes_per_packet${d}`, `bytes${d}`, `packets${d}`, 'bytes')),
  part('bytes_part', 'bytes', 'bytes_rev'),
  part('packets_part', 'packets', 'packets_rev'),
  ...['bytes', 'bytes_rev', 'packets', 'packets_rev'].map((of) => rate(of)),
  value('ppi_len', 'packets'),
  value('ppi_duration', 'seconds'),
  value('ppi_roundtrips', 'count'),
  equals('protocol_tcp', 6),
  equals('protocol_udp', 17),
  ...FLAGS.flatMap((flag) => DIRECTIONS.map((d) => value(`flag_${flag}${d}`, '0 or 1'))),
  ...END_REASONS.map((reason) => value(`flow_endreason_${reason}`, '0 or 1')),
  total('phist_src_sizes'),
  total('phist_dst_sizes'),
  ...HISTOGRAM_COLUMNS.flatMap((of) => Array.from({ length: 8 }, (_, index) => share(of, index))),
];

/** Names of the tabular features, in order. */
export const TABULAR_FEATURE_NAMES: readonly string[] = TABULAR_FEATURES.map(({ name }) => name);

/**
 * Columns of `flow_features` that no model may take as input, and why. They serve analysis, drift and grouping.
 */
export const LEAKING_COLUMNS: Readonly<Record<string, string>> = {
  iso_year: 'it tells the week, not the application',
  iso_week: 'it tells the week, not the application',
  source_sha: 'it tells the file, not the application',
  source_row: 'it tells the place in the file, not the application',
  app: 'it is the label',
  category: 'it is a label',
  time_first: 'it tells the week, not the application',
  sni_domain: 'the labels are made from the server name',
  sni_hash: 'the labels are made from the server name',
  ja3_hash: 'it names the client program, which the labels follow; models must work without it',
};

/**
 * The tabular features of one flow.
 *
 * @param features the wanted ones. @default all
 * @returns Float32Array, shape [F], in their order
 */
export function tabularFeatures(
  flow: FlowNumbers,
  features: readonly TabularFeature[] = TABULAR_FEATURES,
): Float32Array {
  return Float32Array.from(features, ({ formula }) => evaluate(formula, flow));
}

/** The stored columns that a formula reads. */
export function columnsOfFormula(formula: FeatureFormula): string[] {
  const others = [
    'by' in formula ? formula.by : undefined,
    'rest' in formula ? formula.rest : undefined,
  ];
  return [formula.of, ...others.filter((name) => name !== undefined)];
}

function evaluate(formula: FeatureFormula, flow: FlowNumbers): number {
  switch (formula.kind) {
    case 'value':
      return scalar(flow, formula.of);
    case 'log1p':
      return Math.log1p(scalar(flow, formula.of));
    case 'log1p_total':
      return Math.log1p(sum(counts(flow, formula.of)));
    case 'log1p_rate':
      return Math.log1p(scalar(flow, formula.of) / (scalar(flow, formula.by) + 0.001));
    case 'ratio':
      return divide(scalar(flow, formula.of), scalar(flow, formula.by));
    case 'part':
      return divide(
        scalar(flow, formula.of),
        scalar(flow, formula.of) + scalar(flow, formula.rest),
      );
    case 'equals':
      return scalar(flow, formula.of) === formula.value ? 1 : 0;
    case 'share': {
      const bins = counts(flow, formula.of);
      return divide(bins[formula.index] ?? 0, sum(bins));
    }
  }
}

function scalar(flow: FlowNumbers, column: string): number {
  const found = flow[column];
  return typeof found === 'number' ? found : 0;
}

function counts(flow: FlowNumbers, column: string): readonly number[] {
  const found = flow[column];
  return typeof found === 'object' ? found : [];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, count) => total + count, 0);
}

function divide(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}

function value(of: string, unit: string): TabularFeature {
  return { name: of, unit, formula: { kind: 'value', of } };
}

function log1p(of: string, unit: string): TabularFeature {
  return { name: `log1p_${of}`, unit, formula: { kind: 'log1p', of } };
}

function rate(of: string): TabularFeature {
  const formula = { kind: 'log1p_rate', of, by: 'duration' } as const;
  return { name: `log1p_${of}_per_second`, unit: 'log 1/s', formula };
}

function ratio(name: string, of: string, by: string, unit: string): TabularFeature {
  return { name, unit, formula: { kind: 'ratio', of, by } };
}

function part(name: string, of: string, rest: string): TabularFeature {
  return { name, unit: '0..1', formula: { kind: 'part', of, rest } };
}

function equals(name: string, protocol: number): TabularFeature {
  return { name, unit: '0 or 1', formula: { kind: 'equals', of: 'protocol', value: protocol } };
}

function total(of: string): TabularFeature {
  return { name: `log1p_${of}_total`, unit: 'log packets', formula: { kind: 'log1p_total', of } };
}

function share(of: string, index: number): TabularFeature {
  return { name: `${of}_share_${index}`, unit: '0..1', formula: { kind: 'share', of, index } };
}
