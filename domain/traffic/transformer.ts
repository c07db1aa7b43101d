/**
 * A transformer: what turns stored columns of a flow into model inputs, fitted once on given weeks.
 *
 * It is one JSON document, used for training, scoring and single flows alike: SQL in the feature store
 * (`feature-store/transform-sql.ts`) and `transformFlow` here give the same numbers; a test holds them together.
 */
import { hashBucket, hashSign } from './hash-bucket.js';
import { isPacketStatistic, packetStatistics } from './packet-statistics.js';
import type { Scaling } from './scaling.js';
import { encodeCategory, type Smoothing, type TargetCounts } from './target-encoding.js';

/** A column that a model tells; both are made from the server name. */
export type Label = 'app' | 'category';

/** A step before it is fitted. `of` names a column of `flow_features` or a packet statistic. */
export type FeatureStep =
  /** `none` leaves the value as it is; `log1p` comes first: ln(1 + x), x >= 0. */
  | {
      readonly kind: 'scale';
      readonly of: string;
      readonly by: 'none' | 'standard' | 'robust';
      readonly log1p: boolean;
    }
  /** The hashing trick: `buckets` columns, of which one is 1 or -1. */
  | { readonly kind: 'hash'; readonly of: string; readonly buckets: number }
  /** One column a class: its smoothed share among the training rows of the category. */
  | {
      readonly kind: 'target';
      readonly of: string;
      readonly label: Label;
      readonly smooth: Smoothing;
    };

/** A step with what was learnt from the training rows. */
export type FittedStep =
  | (Extract<FeatureStep, { kind: 'scale' }> & Scaling)
  | Extract<FeatureStep, { kind: 'hash' }>
  | (Extract<FeatureStep, { kind: 'target' }> & {
      /** [K] */
      readonly classes: readonly string[];
      readonly counts: TargetCounts;
    });

/** The document; its version is the SHA-256 of its RFC 8785 form. */
export interface Transformer {
  /** Version of this format. */
  readonly format: 1;
  /** Name of the feature view whose steps these are. */
  readonly view: string;
  readonly fittedOn: {
    readonly table: string;
    readonly version: number;
    readonly weeks: readonly string[];
    readonly rows: number;
  };
  readonly steps: readonly FittedStep[];
}

/** Stored values of one flow, by column name; PPI arrays may be padded. */
export type FlowValues = Readonly<Record<string, number | string | readonly number[]>>;

/** Names of the columns that a step gives, in order. */
export function columnsOfStep(step: FeatureStep | FittedStep): string[] {
  switch (step.kind) {
    case 'scale':
      return [`${step.by === 'none' ? '' : `${step.by}_`}${step.log1p ? 'log1p_' : ''}${step.of}`];
    case 'hash':
      return Array.from({ length: step.buckets }, (_, bucket) => `${step.of}_${bucket}`);
    case 'target':
      return 'classes' in step
        ? step.classes.map((name) => `${step.of}_is_${name}`)
        : [`${step.of}_is_<${step.label}>`];
  }
}

/**
 * The model inputs of one flow.
 *
 * @returns Float64Array, in the order of `columnsOfStep` over the steps
 */
export function transformFlow({ steps }: Transformer, flow: FlowValues): Float64Array {
  const statistics = steps.some(({ of }) => isPacketStatistic(of))
    ? packetStatistics({
        length: numberOf(flow['ppi_len']),
        sizesBytes: numbersOf(flow['ppi_size_bytes']),
        iptMs: numbersOf(flow['ppi_ipt_ms']),
      })
    : {};
  const values: FlowValues = { ...flow, ...statistics };
  return Float64Array.from(steps.flatMap((step) => apply(step, values[step.of])));
}

/** What FeatureHasher would be given for a value of a column. */
export function hashedText(column: string, value: string): string {
  return `${column}=${value}`;
}

function apply(step: FittedStep, value: FlowValues[string] | undefined): number[] {
  switch (step.kind) {
    case 'scale': {
      const x = numberOf(value);
      return [((step.log1p ? Math.log1p(x) : x) - step.center) / step.scale];
    }
    case 'hash': {
      const text = hashedText(step.of, String(value));
      const place = hashBucket(text, step.buckets);
      return Array.from({ length: step.buckets }, (_, i) => (i === place ? hashSign(text) : 0));
    }
    case 'target':
      return encodeCategory(step.counts, String(value), step.smooth);
  }
}

function numberOf(value: FlowValues[string] | undefined): number {
  return typeof value === 'number' ? value : 0;
}

function numbersOf(value: FlowValues[string] | undefined): readonly number[] {
  return typeof value === 'object' ? value : [];
}
