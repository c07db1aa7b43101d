/**
 * Whether a window of flows has drifted from a reference window.
 *
 * The threshold of every statistic comes from the reference itself: blocks of hours are drawn with
 * replacement into two windows of the same two sizes, and the 99 % quantile of the statistic over
 * such pairs is what chance does. A floor on the effect keeps large windows from calling trifles drift.
 *
 * @see MFWDD, doi 10.23919/CNSM62983.2024.10814630 (severity = weighted mean of scaled Wasserstein distances)
 */
import { PipelineError } from '../../contracts/errors.js';
import { seededRandom } from '../../contracts/seeded-random.js';
import { drawPairs, sumBlocks } from './block-bootstrap.js';
import { klDivergence, quantile, scaledWassersteinOfCounts } from './distances.js';
import { defaultFeatureWeight } from './feature-weight.js';
import { countNames, mostFrequent } from './named-counts.js';

/** One side of the comparison: n flows, D binned features. */
export interface DriftWindow {
  readonly n: number;
  /** Hour of each flow, shape [n]: flows of one hour stay together when resampled. Any ids. */
  readonly blocks: Int32Array;
  /** Codes, shape [n, D] row-major; feature d has codes 0 .. bins[d] - 1. */
  readonly binned: Uint8Array;
  readonly names: readonly string[];
  readonly bins: readonly number[];
  /** Importance of each feature for the model, shape [D], >= 0; the reference's are used. @default `defaultFeatureWeight` */
  readonly weights?: Float64Array;
  /** Registrable domain per flow, shape [n]. */
  readonly sniDomains: readonly string[];
}

/** The statistics; `sni_kl` in nats, severities in pooled standard deviations of the binned features. */
const DRIFT_STATISTICS = ['sni_kl', 'ppi_severity', 'size_severity', 'histogram_severity'] as const;
type DriftStatistic = (typeof DRIFT_STATISTICS)[number];

type DriftVerdict = 'drifted' | 'stable' | 'not_judged';

/** One statistic, judged. */
export interface DriftScore {
  readonly statistic: DriftStatistic;
  readonly value: number;
  /** max(q99 of the null, floor); null when not judged. */
  readonly threshold: number | null;
  /** q99 of the null at these sizes; null when not judged. */
  readonly nullQ99: number | null;
  readonly verdict: DriftVerdict;
  /** What moved most, largest first, at most five. */
  readonly top: readonly { readonly feature: string; readonly value: number }[];
}

/** Tuning of the judgement. */
export interface DriftPolicy {
  /** Fewer flows than this on a side: not judged. */
  readonly minRows: number;
  /** Pairs of windows drawn for the null. */
  readonly resamples: number;
  /** Quantile of the null that is the threshold. */
  readonly nullQuantile: number;
  /** Least value of each statistic that counts as drift. */
  readonly floors: Readonly<Record<DriftStatistic, number>>;
  /** Domains counted by name; all others are one. */
  readonly topDomains: number;
  /** Rarer domains of the reference are among the others, so that "never seen" has a share in both windows. */
  readonly minDomainRows: number;
  readonly seed: number;
}

/**
 * The policy in use. Floors come from ten generated worlds (40 apps, 4,000 flows a week, reference two
 * weeks): natural change over three weeks reaches .046 in PPI, .058 in sizes, .051 in histograms; a
 * change of the exporter starts at .101 and .118. Histograms hardly see the exporter (.038 to .070).
 */
const DRIFT_POLICY: DriftPolicy = Object.freeze({
  minRows: 200,
  resamples: 200,
  nullQuantile: 0.99,
  floors: { sni_kl: 0.02, ppi_severity: 0.07, size_severity: 0.085, histogram_severity: 0.08 },
  topDomains: 500,
  minDomainRows: 5,
  seed: 1,
});

/**
 * Judges every statistic.
 *
 * @param reference the window the model knows
 * @param current   the window in question, binned like the reference
 * @param policy    parts of the policy to change. @default DRIFT_POLICY
 * @throws PipelineError DRIFT_SHAPE when arrays do not fit n and D, or the sides differ in features
 */
export function judgeDrift(options: {
  readonly reference: DriftWindow;
  readonly current: DriftWindow;
  readonly policy?: Partial<DriftPolicy>;
}): DriftScore[] {
  const { reference, current } = options;
  const policy = { ...DRIFT_POLICY, ...options.policy };
  checkWindow(reference, reference);
  checkWindow(current, reference);

  const layout = layOut(reference, current, policy);
  const referenceCounts = countRows(reference, layout);
  const currentCounts = countRows(current, layout);
  const judged = reference.n >= policy.minRows && current.n >= policy.minRows;
  const nulls = judged ? drawNulls(reference, current.n, layout, policy) : null;

  return layout.groups.map((group) => {
    const value = statisticOf(group, layout, currentCounts, referenceCounts);
    const top = topOf(group, layout, currentCounts, referenceCounts);
    const null_ = nulls?.get(group.statistic);
    if (null_ === undefined) {
      const unjudged = { threshold: null, nullQ99: null, verdict: 'not_judged' } as const;
      return { statistic: group.statistic, value, ...unjudged, top };
    }
    const nullQ99 = quantile(null_, policy.nullQuantile);
    const threshold = Math.max(nullQ99, policy.floors[group.statistic]);
    const verdict = value > threshold ? 'drifted' : 'stable';
    return { statistic: group.statistic, value, threshold, nullQ99, verdict, top };
  });
}

/** Where the counts of each feature stand in one long table of counts; domains come last. */
interface Layout {
  readonly names: readonly string[];
  readonly bins: readonly number[];
  /** First count of feature d. */
  readonly offsets: readonly number[];
  readonly domains: ReadonlyMap<string, number>;
  readonly domainNames: readonly string[];
  readonly domainOffset: number;
  readonly length: number;
  readonly groups: readonly StatisticGroup[];
}

interface StatisticGroup {
  readonly statistic: DriftStatistic;
  readonly features: readonly { readonly index: number; readonly weight: number }[];
}

function layOut(reference: DriftWindow, current: DriftWindow, policy: DriftPolicy): Layout {
  const offsets: number[] = [];
  let length = 0;
  for (const bins of reference.bins) {
    offsets.push(length);
    length += bins;
  }
  const domainNames = mostFrequent(
    countNames(reference.sniDomains),
    policy.topDomains,
    policy.minDomainRows,
  );
  const weights = reference.weights ?? current.weights;
  return {
    names: reference.names,
    bins: reference.bins,
    offsets,
    domains: new Map(domainNames.map((name, index) => [name, index])),
    domainNames: [...domainNames, '__other__'],
    domainOffset: length,
    length: length + domainNames.length + 1,
    groups: DRIFT_STATISTICS.map((statistic) => ({
      statistic,
      features: featuresOf(statistic, reference.names, weights),
    })),
  };
}

const FEATURE_PATTERNS: Readonly<Record<DriftStatistic, RegExp | null>> = {
  sni_kl: null,
  ppi_severity: /^(SIZE|DIR|IPT)_\d+$|^PPI_LEN$/,
  size_severity: /^SIZE_\d+$/,
  histogram_severity: /^PHIST_/,
};

/** The features of a statistic with their shares; all alike where the model uses none of them. */
function featuresOf(
  statistic: DriftStatistic,
  names: readonly string[],
  weights: Float64Array | undefined,
): { readonly index: number; readonly weight: number }[] {
  const pattern = FEATURE_PATTERNS[statistic];
  if (pattern === null) return [];
  const chosen = names.flatMap((name, index) =>
    pattern.test(name) ? [{ index, weight: weights?.[index] ?? defaultFeatureWeight(name) }] : [],
  );
  const total = chosen.reduce((sum, feature) => sum + feature.weight, 0);
  return chosen.map(({ index, weight }) => ({
    index,
    weight: total > 0 ? weight / total : 1 / chosen.length,
  }));
}

function statisticOf(
  group: StatisticGroup,
  layout: Layout,
  current: Float64Array,
  reference: Float64Array,
): number {
  if (group.statistic === 'sni_kl') {
    return klDivergence(
      current.subarray(layout.domainOffset),
      reference.subarray(layout.domainOffset),
    );
  }
  let severity = 0;
  for (const { index, weight } of group.features) {
    severity += weight * featureDistance(index, layout, current, reference);
  }
  return severity;
}

function featureDistance(
  index: number,
  layout: Layout,
  current: Float64Array,
  reference: Float64Array,
): number {
  const offset = layout.offsets[index]!; // one offset per feature
  return scaledWassersteinOfCounts(current, reference, offset, layout.bins[index]); // one per feature
}

function topOf(
  group: StatisticGroup,
  layout: Layout,
  current: Float64Array,
  reference: Float64Array,
): { feature: string; value: number }[] {
  const all =
    group.statistic === 'sni_kl'
      ? domainTerms(layout, current, reference)
      : group.features.map(({ index }) => ({
          feature: layout.names[index]!, // one name per feature
          value: featureDistance(index, layout, current, reference),
        }));
  return all.sort((a, b) => b.value - a.value || (a.feature < b.feature ? -1 : 1)).slice(0, 5);
}

/** How far each domain's share moved, in shares of all flows. */
function domainTerms(
  layout: Layout,
  current: Float64Array,
  reference: Float64Array,
): { feature: string; value: number }[] {
  const share = (counts: Float64Array, k: number, n: number): number =>
    n === 0 ? 0 : counts[layout.domainOffset + k]! / n; // k counts the domains
  const n = (counts: Float64Array): number =>
    counts.subarray(layout.domainOffset).reduce((sum, count) => sum + count, 0);
  const [currentN, referenceN] = [n(current), n(reference)];
  return layout.domainNames.map((feature, k) => ({
    feature,
    value: Math.abs(share(current, k, currentN) - share(reference, k, referenceN)),
  }));
}

function countRows(window: DriftWindow, layout: Layout): Float64Array {
  const counts = new Float64Array(layout.length);
  for (let i = 0; i < window.n; i++) countRow(window, i, layout, counts, 0);
  return counts;
}

function countRow(
  window: DriftWindow,
  i: number,
  layout: Layout,
  counts: Float64Array,
  base: number,
): void {
  const D = layout.bins.length;
  for (let d = 0; d < D; d++) {
    counts[base + layout.offsets[d]! + window.binned[i * D + d]!]!++; // codes are checked at the border
  }
  const domain = layout.domains.get(window.sniDomains[i]!) ?? layout.domains.size; // i < n
  counts[base + layout.domainOffset + domain]!++; // inside the domains
}

/** Draws pairs of windows from the reference and returns each statistic's values over the pairs. */
function drawNulls(
  reference: DriftWindow,
  currentN: number,
  layout: Layout,
  policy: DriftPolicy,
): Map<DriftStatistic, Float64Array> {
  const blocks = sumBlocks(reference.blocks, layout.length, (sums, base, i) => {
    countRow(reference, i, layout, sums, base);
  });
  const random = seededRandom(policy.seed, 'drift-null', reference.n, currentN);
  const nulls = new Map(
    layout.groups.map(({ statistic }) => [statistic, new Float64Array(policy.resamples)]),
  );
  const sizes = [reference.n, currentN] as const;
  drawPairs(blocks, sizes, policy.resamples, random, (before, now, draw) => {
    for (const group of layout.groups) {
      nulls.get(group.statistic)![draw] = statisticOf(group, layout, now, before); // set above
    }
  });
  return nulls;
}

function checkWindow(window: DriftWindow, reference: DriftWindow): void {
  const D = reference.names.length;
  const faults = [
    { what: 'blocks', found: window.blocks.length, expected: window.n },
    { what: 'sniDomains', found: window.sniDomains.length, expected: window.n },
    { what: 'binned', found: window.binned.length, expected: window.n * D },
    { what: 'bins', found: window.bins.length, expected: D },
    { what: 'weights', found: window.weights?.length ?? D, expected: D },
  ].filter(({ found, expected }) => found !== expected);
  const sameFeatures =
    window.names.join() === reference.names.join() && window.bins.join() === reference.bins.join();
  if (faults.length > 0 || !sameFeatures) {
    throw new PipelineError({
      code: 'DRIFT_SHAPE',
      found:
        faults.map(({ what, found }) => `${found} ${what}`).join(', ') || 'other features or bins',
      expected:
        faults.map(({ what, expected }) => `${expected} ${what}`).join(', ') ||
        'the features and bins of the reference',
      fix: 'Bin both windows with the bins that were fitted on the reference.',
    });
  }
  for (let at = 0; at < window.binned.length; at++) {
    const d = at % D;
    if (window.binned[at]! < reference.bins[d]!) continue; // at < length, d < D
    throw new PipelineError({
      code: 'DRIFT_SHAPE',
      row: Math.floor(at / D) + 1,
      column: reference.names[d]!, // d < D
      found: `code ${window.binned[at]}`,
      expected: `below ${reference.bins[d]}`,
      fix: 'Bin both windows with the bins that were fitted on the reference.',
    });
  }
}
