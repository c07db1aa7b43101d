/**
 * Feature views: named sets of features with their entity and event time, as data.
 *
 * A view says what is computed; a transformer holds what was learnt when it was fitted. A view that a
 * model may not use can still be asked for without a label: for analysis, grouping and drift.
 */
import { PipelineError, type Fault } from '../../contracts/errors.js';
import { LEAKING_COLUMNS, TABULAR_FEATURE_NAMES } from './features.js';
import { isPacketStatistic, PACKET_STATISTICS } from './packet-statistics.js';
import type { FeatureStep, Label } from './transformer.js';

/** A named set of features of a flow. */
export interface FeatureView {
  readonly name: string;
  /** One sentence. */
  readonly purpose: string;
  /** Table of the columns. */
  readonly table: 'flow_features';
  /** Columns that name a row for all time. */
  readonly entity: readonly string[];
  /** When a row happened, UTC. */
  readonly eventTime: string;
  readonly steps: readonly FeatureStep[];
}

const OF_FLOWS = {
  table: 'flow_features',
  entity: ['source_sha', 'source_row'],
  eventTime: 'time_first',
} as const;

const scale = (of: string, by: 'none' | 'standard' | 'robust'): FeatureStep => ({
  ...{ kind: 'scale', of, by, log1p: false },
});

/** The views that come with the program. */
export const FEATURE_VIEWS: readonly FeatureView[] = [
  {
    name: 'flow-statistics',
    purpose: 'the tabular model input as it is stored',
    ...OF_FLOWS,
    steps: TABULAR_FEATURE_NAMES.map((name) => scale(name, 'none')),
  },
  {
    name: 'flow-scaled',
    purpose: 'the tabular model input with mean 0 and deviation 1, and robust packet statistics',
    ...OF_FLOWS,
    steps: [
      ...TABULAR_FEATURE_NAMES.map((name) => scale(name, 'standard')),
      ...PACKET_STATISTICS.map((name) => scale(name, 'robust')),
    ],
  },
  {
    name: 'flow-packets',
    purpose: 'moments and rhythm of the first 30 packets',
    ...OF_FLOWS,
    steps: ['ppi_len', ...PACKET_STATISTICS].map((name) => scale(name, 'none')),
  },
  {
    name: 'flow-names',
    purpose: 'server names hashed and as shares of applications: for analysis, never for a model',
    ...OF_FLOWS,
    steps: [
      { kind: 'hash', of: 'sni_domain', buckets: 64 },
      { kind: 'target', of: 'sni_domain', label: 'app', smooth: 'auto' },
    ],
  },
];

/**
 * A view by name.
 *
 * @throws PipelineError FEATURE_VIEW_UNKNOWN
 */
export function featureView(name: string): FeatureView {
  const view = FEATURE_VIEWS.find((known) => known.name === name);
  if (view !== undefined) return view;
  throw new PipelineError({
    code: 'FEATURE_VIEW_UNKNOWN',
    found: JSON.stringify(name),
    expected: FEATURE_VIEWS.map((known) => known.name).join(', '),
    fix: 'name one of these; `sentinel features list` describes them',
  });
}

/** What the models of the pipelines are given beside the packets. Each of them scales for itself what it has to. */
export const MODEL_VIEW = featureView('flow-statistics');

/** Why a model may not use the view, a fault for each column; empty when it may. */
export function leaksOf({ name, steps }: FeatureView): Fault[] {
  const columns = new Set(steps.map(({ of }) => of));
  return [...columns].flatMap((column) => {
    const reason = Object.hasOwn(LEAKING_COLUMNS, column) ? LEAKING_COLUMNS[column] : undefined;
    if (reason === undefined) return [];
    return [
      {
        code: 'FEATURE_LEAKS',
        column,
        found: `the view ${name} has a feature of this column: ${reason}`,
        expected: 'columns that do not follow from the answer',
        fix: 'take a view without it, such as flow-statistics; ask without a label for analysis',
      },
    ];
  });
}

/**
 * Checks that a view may be used for what it is asked for.
 *
 * @param label what a model is to tell; null for analysis, which may see everything
 * @throws PipelineError FEATURE_UNKNOWN, FEATURE_LEAKS
 */
export function requireUsable(view: FeatureView, label: Label | null): void {
  const unknown = view.steps.find(
    ({ of }) =>
      !TABULAR_FEATURE_NAMES.includes(of) &&
      !isPacketStatistic(of) &&
      !Object.hasOwn(LEAKING_COLUMNS, of),
  );
  if (unknown !== undefined)
    throw new PipelineError({
      code: 'FEATURE_UNKNOWN',
      column: unknown.of,
      found: `the view ${view.name} has a feature of a column that is not in ${view.table}`,
      expected: 'a column of docs/data.md, or a packet statistic of docs/features.md',
      fix: 'correct the name in the view',
    });
  const [leak] = label === null ? [] : leaksOf(view);
  if (leak !== undefined) throw new PipelineError(leak);
}
