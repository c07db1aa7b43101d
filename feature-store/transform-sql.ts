/** Transformers in SQL: the formulas of `domain/traffic/transformer.ts` over any SELECT of `flow_features`. */
import { hashBucket, hashSign } from '../domain/traffic/hash-bucket.js';
import { isPacketStatistic, type PacketStatistic } from '../domain/traffic/packet-statistics.js';
import {
  encodeCategory,
  withoutFold,
  type TargetCounts,
} from '../domain/traffic/target-encoding.js';
import {
  columnsOfStep,
  hashedText,
  type FeatureStep,
  type FittedStep,
  type Transformer,
} from '../domain/traffic/transformer.js';
import { quote, quoteName, type Session } from './duckdb.js';

/** Counts of each fold by step; a row is then encoded from the folds that it is not in. */
export type FoldCounts = ReadonlyMap<FittedStep, readonly TargetCounts[]>;

/**
 * A SELECT of the transformer's columns, DOUBLE each, after small look-up tables are made in the session.
 *
 * @param rows a SELECT of `flow_features`
 * @param keep expressions over the columns of `rows` to select as well, before the features
 * @param folds for training rows: then `rows` has a column `fold`, from 0
 */
export async function selectTransformed(
  session: Session,
  { steps }: Pick<Transformer, 'steps'>,
  rows: string,
  keep: readonly string[] = [],
  folds?: FoldCounts,
): Promise<string> {
  const joins: string[] = [];
  const columns: string[] = [];
  for (const [index, step] of steps.entries()) {
    const lookup = quoteName(`lookup_${index}`);
    columns.push(
      ...valuesOf(step, lookup).map(
        (sql, k) => `${sql} AS ${quoteName(columnsOfStep(step)[k] ?? '')}`,
      ),
    );
    if (step.kind === 'scale') continue;
    const counts = folds?.get(step);
    await makeLookup(session, lookup, await lookupRows(session, step, rows, counts));
    const sameFold = counts === undefined ? '' : ` AND ${lookup}.fold = flows.fold`;
    joins.push(
      `LEFT JOIN ${lookup} ON ${lookup}.value = flows.${quoteName(step.of)}::VARCHAR${sameFold}`,
    );
  }
  return `SELECT ${[...keep, ...columns].join(', ')}
    FROM (${withPacketStatistics(rows, steps)}) AS flows ${joins.join(' ')}`;
}

/** `rows` with a column for each packet statistic; as it is where no step needs one. */
export function withPacketStatistics(rows: string, steps: readonly FeatureStep[]): string {
  if (!steps.some(({ of }) => isPacketStatistic(of))) return rows;
  const statistics = Object.entries(STATISTICS_SQL).map(
    ([name, sql]) => `coalesce(${sql}, 0) AS ${quoteName(name)}`,
  );
  // by nesting, each list is made once a row
  const lists = `SELECT *, list_transform(ppi_size_bytes[1:ppi_len::INTEGER], lambda x: x::DOUBLE) AS x,
    list_transform(ppi_ipt_ms[2:ppi_len::INTEGER], lambda x: x::DOUBLE) AS d FROM (${rows})`;
  const centred = `SELECT *, list_transform(x, lambda v: v - x_mean) AS x_c, list_transform(d, lambda v: v - d_mean) AS d_c
    FROM (SELECT *, list_avg(x) AS x_mean, list_avg(d) AS d_mean FROM (${lists}))`;
  const moments = ['x', 'd'].flatMap((of) => [
    `list_avg(list_transform(${of}_c, lambda c: c * c)) AS ${of}_m2`,
    `list_avg(list_transform(${of}_c, lambda c: c * c * c)) AS ${of}_m3`,
    `list_avg(list_transform(${of}_c, lambda c: c * c * (c * c))) AS ${of}_m4`,
  ]);
  return `SELECT * EXCLUDE (${WORKING_COLUMNS.join(', ')}), ${statistics.join(', ')}
    FROM (SELECT *, ${moments.join(', ')} FROM (${centred}))`;
}

/** The value that a `scale` step scales, DOUBLE. */
export function inputOf(step: Extract<FeatureStep, { kind: 'scale' }>): string {
  const column = `${quoteName(step.of)}::DOUBLE`;
  return step.log1p ? `ln(1 + ${column})` : column;
}

function valuesOf(step: FittedStep, lookup: string): string[] {
  switch (step.kind) {
    case 'scale': {
      const value = inputOf(step);
      if (step.by === 'none') return [value];
      return [`(${value} - ${literal(step.center)}) / ${literal(step.scale)}`];
    }
    case 'hash':
      return Array.from(
        { length: step.buckets },
        (_, i) => `CASE WHEN ${lookup}.bucket = ${i} THEN ${lookup}.sign ELSE 0 END::DOUBLE`,
      );
    case 'target': {
      const unseen = encodeCategory({ ...step.counts, categories: {} }, '', step.smooth);
      return unseen.map((share, k) => `coalesce(${lookup}.shares[${k + 1}], ${literal(share)})`);
    }
  }
}

interface LookupRow {
  readonly value: string;
  readonly fold?: number;
  readonly bucket?: number;
  readonly sign?: number;
  readonly shares?: readonly number[];
}

/** What each distinct value of a column becomes: few for millions of flows. */
async function lookupRows(
  session: Session,
  step: Exclude<FittedStep, { kind: 'scale' }>,
  rows: string,
  folds: readonly TargetCounts[] | undefined,
): Promise<LookupRow[]> {
  if (step.kind === 'hash') {
    const values = await session.rows<{ value: string }>(
      `SELECT DISTINCT ${quoteName(step.of)}::VARCHAR AS value FROM (${rows})`,
    );
    return values.map(({ value }) => {
      const text = hashedText(step.of, value);
      return { value, bucket: hashBucket(text, step.buckets), sign: hashSign(text) };
    });
  }
  const categories = Object.keys(step.counts.categories);
  const encoded = (counts: TargetCounts, fold = 0): LookupRow[] =>
    categories.map((value) => ({
      value,
      fold,
      shares: encodeCategory(counts, value, step.smooth),
    }));
  if (folds === undefined) return encoded(step.counts);
  return folds.flatMap((own, fold) => encoded(withoutFold(step.counts, own), fold));
}

async function makeLookup(session: Session, name: string, rows: LookupRow[]): Promise<void> {
  const type =
    '[{"value":"VARCHAR","fold":"INTEGER","bucket":"INTEGER","sign":"INTEGER","shares":["DOUBLE"]}]';
  await session.run(`CREATE OR REPLACE TEMP TABLE ${name} AS
    SELECT unnest(from_json(${quote(JSON.stringify(rows))}, ${quote(type)}), recursive := true)`);
}

/** A number as DuckDB reads it to the last bit; without the exponent it would be a DECIMAL. */
function literal(value: number): string {
  return `${value.toExponential()}::DOUBLE`;
}

/** x, d as in `packet-statistics.ts`; NULL stands for what is undefined. */
const STATISTICS_SQL: Record<PacketStatistic, string> = {
  size_mean: 'x_mean',
  size_sd: 'sqrt(x_m2)',
  size_skewness: 'x_m3 / nullif(x_m2 * sqrt(x_m2), 0)',
  size_kurtosis: 'x_m4 / nullif(x_m2 * x_m2, 0)',
  size_switching_ratio:
    'list_sum(list_transform(x, lambda v, i: CASE WHEN i > 1 AND v <> x[i - 1] THEN 1 ELSE 0 END)) / nullif(0.5::DOUBLE * (len(x) - 1), 0)',
  ipt_mean: 'd_mean',
  ipt_sd: 'sqrt(d_m2)',
  ipt_skewness: 'd_m3 / nullif(d_m2 * sqrt(d_m2), 0)',
  ipt_kurtosis: 'd_m4 / nullif(d_m2 * d_m2, 0)',
  ipt_burstiness: '(sqrt(d_m2) - d_mean) / nullif(sqrt(d_m2) + d_mean, 0)',
  ipt_time_distribution:
    'list_avg(list_transform(d_c, lambda c: abs(c))) / nullif(0.5::DOUBLE * (list_max(d) - list_min(d)), 0)',
};

const WORKING_COLUMNS = ['x', 'd'].flatMap((of) =>
  ['', '_mean', '_c', '_m2', '_m3', '_m4'].map((part) => `${of}${part}`),
);
