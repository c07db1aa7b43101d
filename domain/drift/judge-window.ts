/**
 * Whether a window of flows still is what its model was trained on: one reading for each signal.
 *
 * Thresholds are what chance does at the sizes of both windows (99 % quantile), with a floor on the effect so that
 * large windows do not call trifles drift. What flows look like is compared within classes, by permutation; shares,
 * errors and confidence by a block bootstrap.
 */
import type { Reading, Signal } from '../../contracts/signals.js';
import { seededRandom } from '../../contracts/seeded-random.js';
import { causesOf } from './causes.js';
import { drawNull, sumBlocks, totalOf } from './block-bootstrap.js';
import { klDivergence, quantile } from './distances.js';
import { defaultFeatureWeight } from './feature-weight.js';
import { countNames, mostFrequent } from './named-counts.js';
import { compareWithinClasses, type ClassedFlows, type WithinClasses } from './within-classes.js';

/** Flows of a window, binned by the edges of the reference. */
export interface WindowFlows extends ClassedFlows {
  /** [D] of the features */
  readonly names: readonly string[];
  /** [D] */
  readonly bins: readonly number[];
  /** [N] registrable domain */
  readonly domains: readonly string[];
}

/** What the model said of flows that it was not trained with. */
export interface Answered {
  readonly n: number;
  /** [N] hour of each flow, any ids */
  readonly blocks: Int32Array;
  /** [N] 1 right, 0 wrong, -1 when nobody knows */
  readonly right: Int8Array;
  /** [N] calibrated probability of the answer */
  readonly confidence: Float64Array;
  /** [N] 1 where the model does not know the service; null for a model that always answers */
  readonly rejected: Uint8Array | null;
}

/** Tuning of the judgement. */
export interface WindowPolicy {
  /** Fewer flows on a side are not judged. */
  readonly minRows: number;
  readonly minClassRows: number;
  readonly draws: number;
  readonly floors: Readonly<Record<Signal, number>>;
  /** Deviations of the pooled features that a class must have moved, beyond chance. */
  readonly minClassShift: number;
  readonly seed: number;
}

/** The policy in use. */
const WINDOW_POLICY: WindowPolicy = Object.freeze({
  minRows: 200,
  minClassRows: 30,
  draws: 200,
  floors: {
    feature_severity: 0.04,
    class_severity: 0.03,
    data_quality: 0.1,
    error_rise: 0.02,
    confidence_drop: 0.02,
    reject_rise: 0.03,
    class_mix: 0.02,
    sni_kl: 0.02,
  },
  minClassShift: 0.06,
  seed: 1,
});

/** Both windows and the model's answers. */
export interface WindowRequest {
  /** What the model was trained on. */
  readonly reference: WindowFlows;
  readonly current: WindowFlows;
  readonly classes: readonly string[];
  /** Answers to flows of the time of training that did not train. */
  readonly heldOut: Answered;
  /** Answers to the current window. */
  readonly answered: Answered;
  /** Whether shares of classes and names are compared: days of the week differ in them. */
  readonly withShares: boolean;
  /** @default `WINDOW_POLICY` */
  readonly policy?: Partial<WindowPolicy>;
}

/** A class that moved by itself. */
export interface ClassShift {
  readonly name: string;
  /** Flows in the current window. */
  readonly rows: number;
  /** Deviations of the pooled features beyond chance. */
  readonly shift: number;
}

/** What the readings are, and what moved. */
export interface JudgedWindow {
  readonly readings: readonly Reading[];
  /** Classes with enough flows to be judged by themselves. */
  readonly judgedClasses: number;
  /** Median over these of how far each moved beyond chance, in deviations of the pooled features; 0 without any. */
  readonly medianShift: number;
  /** Those that moved, by flows. */
  readonly movedClasses: readonly ClassShift[];
  /** The five features that moved most. */
  readonly features: readonly { readonly name: string; readonly value: number }[];
  /** What may lie behind it, for people. */
  readonly causes: readonly string[];
}

const NULL_QUANTILE = 0.99;
const CALM_QUANTILE = 0.9;
/** Of the floor, below which a reading is calm. */
const CALM_SHARE = 0.8;

const NOT_JUDGED: JudgedWindow = {
  ...{ readings: [], judgedClasses: 0, medianShift: 0, movedClasses: [], features: [], causes: [] },
};

/** Judges a window. */
export function judgeWindow(request: WindowRequest): JudgedWindow {
  const { reference, current, classes } = request;
  const policy = { ...WINDOW_POLICY, ...request.policy };
  const isJudged = Math.min(reference.n, current.n) >= policy.minRows;
  if (!isJudged) return NOT_JUDGED;
  const random = seededRandom(policy.seed, 'drift', reference.n, current.n);
  const within = compareWithinClasses({
    ...{ reference, current, classCount: classes.length, bins: reference.bins, random },
    weights: featureWeights(reference.names),
    alone: reference.names.indexOf('PPI_LEN'),
    minClassRows: policy.minClassRows,
    draws: policy.draws,
  });
  const reading = (signal: Signal, value: number, chance: Float64Array): Reading => {
    const floor = policy.floors[signal];
    return {
      ...{ signal, value },
      threshold: Math.max(quantile(chance, NULL_QUANTILE), floor),
      calm: Math.max(quantile(chance, CALM_QUANTILE), CALM_SHARE * floor),
    };
  };
  const moved = movedClasses(within, classes, policy);
  const share = moved.reduce((sum, { rows }) => sum + rows, 0) / Math.max(1, within.rows);
  const chance = { draws: policy.draws, random };
  const rise = (signal: Signal, of: (answers: Answered, i: number) => number | null): Reading[] => {
    const found = meanRise(request.heldOut, request.answered, of, chance);
    return found === null ? [] : [reading(signal, found.value, found.null)];
  };
  const shares = (signal: Signal, before: CategoryFlows, now: CategoryFlows): Reading => {
    const found = shareShift(before, now, chance);
    return reading(signal, found.value, found.null);
  };
  const findings = {
    readings: [
      reading('feature_severity', within.severity.value, within.severity.null),
      reading('class_severity', share, Float64Array.of(0)),
      reading('data_quality', within.alone.value, within.alone.null),
      ...rise('error_rise', ({ right }, i) => (right[i] === -1 ? null : 1 - right[i]!)), // i < n
      ...rise('confidence_drop', ({ confidence }, i) => 1 - confidence[i]!), // i < n
      ...rise('reject_rise', ({ rejected }, i) => rejected?.[i] ?? null),
      ...(request.withShares
        ? [
            shares(
              ...(['class_mix', byClass(reference, classes.length)] as const),
              byClass(current, classes.length),
            ),
            shares('sni_kl', ...byDomain(reference, current)),
          ]
        : []),
    ],
    judgedClasses: within.classes.length,
    medianShift: quantile(within.classes.length > 0 ? shiftsOf(within) : [0], 0.5),
    movedClasses: moved,
    features: [...within.features]
      .map((value, d) => ({ name: reference.names[d] ?? '', value }))
      .sort((a, b) => b.value - a.value)
      .slice(0, 5),
  };
  return { ...findings, causes: causesOf(findings) };
}

/** Shares of the features in a severity. */
function featureWeights(names: readonly string[]): number[] {
  const counts = names.map(defaultFeatureWeight);
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => count / total);
}

function shiftsOf({ classes }: WithinClasses): number[] {
  return classes.map(({ severity, expected }) => severity - expected);
}

function movedClasses(
  { classes: judged, greatestZ }: WithinClasses,
  names: readonly string[],
  { minClassShift }: WindowPolicy,
): ClassShift[] {
  const least = quantile(greatestZ, NULL_QUANTILE);
  return judged
    .map(({ index, rows, severity, expected, z }) => ({
      ...{ name: names[index] ?? '', rows, shift: severity - expected, z },
    }))
    .filter(({ shift, z }) => z > least && shift > minClassShift)
    .map(({ name, rows, shift }) => ({ name, rows, shift }))
    .sort((a, b) => b.rows - a.rows || (a.name < b.name ? -1 : 1));
}

interface Chance {
  readonly draws: number;
  readonly random: ReturnType<typeof seededRandom>;
}

/** How much a mean rose since the held-out flows; null when a side has no value. */
function meanRise(
  before: Answered,
  now: Answered,
  of: (answers: Answered, i: number) => number | null,
  { draws, random }: Chance,
): { value: number; null: Float64Array } | null {
  const sumsOf = (answers: Answered) =>
    sumBlocks(answers.blocks, 2, (sums, base, i) => {
      const value = of(answers, i);
      if (value === null) return;
      sums[base]! += value; // two sums a block
      sums[base + 1]! += 1;
    });
  const rise = (current: Float64Array, reference: Float64Array): number =>
    current[0]! / Math.max(1, current[1]!) - reference[0]! / Math.max(1, reference[1]!); // two sums
  const blocks = sumsOf(before);
  const [reference, current] = [totalOf(blocks), totalOf(sumsOf(now))];
  if (reference[1] === 0 || current[1] === 0) return null;
  const sizes = { current: now.n, reference: before.n };
  return { value: rise(current, reference), null: drawNull(blocks, sizes, draws, random, rise) };
}

/** Flows by category. */
interface CategoryFlows {
  readonly blocks: Int32Array;
  /** [N] -1 is left out */
  readonly category: Int32Array;
  readonly count: number;
}

/** KL divergence of the shares now from those before, in nats. */
function shareShift(
  before: CategoryFlows,
  now: CategoryFlows,
  { draws, random }: Chance,
): { value: number; null: Float64Array } {
  const sumsOf = ({ blocks, category, count }: CategoryFlows) =>
    sumBlocks(blocks, count, (sums, base, i) => {
      const k = category[i]!; // i < n
      if (k >= 0) sums[base + k]! += 1; // k < count
    });
  const blocks = sumsOf(before);
  const sizes = { current: now.category.length, reference: before.category.length };
  return {
    value: klDivergence(totalOf(sumsOf(now)), totalOf(blocks)),
    null: drawNull(blocks, sizes, draws, random, (current, reference) =>
      klDivergence(current, reference),
    ),
  };
}

function byClass({ blocks, classes }: WindowFlows, count: number): CategoryFlows {
  return { blocks, category: classes, count };
}

/** Domains that are counted by name; all others are one. */
const TOP_DOMAINS = 500;
/** Rarer domains of the reference are among the others, so that "never seen" has a share in both windows. */
const MIN_DOMAIN_ROWS = 5;

function byDomain(reference: WindowFlows, current: WindowFlows): [CategoryFlows, CategoryFlows] {
  const frequent = mostFrequent(countNames(reference.domains), TOP_DOMAINS, MIN_DOMAIN_ROWS);
  const index = new Map(frequent.map((name, k) => [name, k]));
  const of = ({ blocks, domains }: WindowFlows): CategoryFlows => ({
    blocks,
    category: Int32Array.from(domains, (name) => index.get(name) ?? index.size),
    count: index.size + 1,
  });
  return [of(reference), of(current)];
}
