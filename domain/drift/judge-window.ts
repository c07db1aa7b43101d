/**
 * Whether a window of flows still is what its model was trained on: one reading for each signal.
 *
 * Thresholds are what chance does at the sizes of both windows (99 % quantile), with a floor on the effect so that
 * large windows do not call trifles drift. What flows look like is compared within classes, by permutation; shares,
 * errors and confidence by a block bootstrap.
 */
import { PipelineError } from '../../contracts/errors.js';
import type { Reading, Signal } from '../../contracts/signals.js';
import { seededRandom } from '../../contracts/seeded-random.js';
import { calibrationRise, errorChange, labelled, meanRise, type Answered } from './answered.js';
import type { Chance, Measured } from './block-bootstrap.js';
import { causesOf } from './causes.js';
import { quantile } from './distances.js';
import { defaultFeatureWeight } from './feature-weight.js';
import { newServices, type NewService } from './new-services.js';
import { classShift, nameShift } from './share-shifts.js';
import { compareWithinClasses, type ClassedFlows, type WithinClasses } from './within-classes.js';

export type { Answered } from './answered.js';

/** Flows of a window, binned by the edges of the reference. */
export interface WindowFlows extends ClassedFlows {
  /** [D] of the features */
  readonly names: readonly string[];
  /** [D] */
  readonly bins: readonly number[];
  /** [N] registrable domain */
  readonly domains: readonly string[];
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
export const WINDOW_POLICY: WindowPolicy = Object.freeze({
  minRows: 200,
  minClassRows: 30,
  draws: 200,
  floors: {
    feature_severity: 0.04,
    class_severity: 0.03,
    data_quality: 0.1,
    error_rise: 0.02,
    error_change: 0.02,
    ece_rise: 0.01,
    confidence_drop: 0.02,
    reject_rise: 0.03,
    new_service: 0.001,
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
  /** Answers to the current window, flow for flow. */
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
  /** Names that may be new services, by flows. */
  readonly newServices: readonly NewService[];
  /** What may lie behind it, for people. */
  readonly causes: readonly string[];
}

const NULL_QUANTILE = 0.99;
const CALM_QUANTILE = 0.9;
/** Of the floor, below which a reading is calm. */
const CALM_SHARE = 0.8;

const NOT_JUDGED: JudgedWindow = {
  ...{ readings: [], judgedClasses: 0, medianShift: 0 },
  ...{ movedClasses: [], features: [], newServices: [], causes: [] },
};

/**
 * Judges a window.
 *
 * @throws PipelineError DRIFT_SHAPE when the answers are not one for each flow of the window
 */
export function judgeWindow(request: WindowRequest): JudgedWindow {
  const { reference, current, classes, heldOut, answered } = request;
  const policy = { ...WINDOW_POLICY, ...request.policy };
  if (answered.n !== current.n) throw notAnswered(request);
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
  const chance = { draws: policy.draws, random };
  const moved = movedClasses(within, classes, policy);
  const services = newServicesOf(request);
  const measured: (readonly [Signal, Measured | null])[] = [
    ['feature_severity', within.severity],
    ['class_severity', shareOf(moved, within.rows)],
    ['data_quality', within.alone],
    ...answerRises(heldOut, answered, chance),
    ['new_service', services && shareOf(services, current.n)],
    ...(request.withShares
      ? [
          ['class_mix', classShift(reference, current, classes.length, chance)] as const,
          ['sni_kl', nameShift(reference, current, classes.length, chance)] as const,
        ]
      : []),
  ];
  const findings = {
    readings: measured.flatMap(([signal, found]) =>
      found === null ? [] : [readingOf(signal, found, policy.floors[signal])],
    ),
    judgedClasses: within.classes.length,
    medianShift: quantile(within.classes.length > 0 ? shiftsOf(within) : [0], 0.5),
    movedClasses: moved,
    features: [...within.features]
      .map((value, d) => ({ name: reference.names[d] ?? '', value }))
      .sort((a, b) => b.value - a.value)
      .slice(0, 5),
    newServices: services ?? [],
  };
  return { ...findings, causes: causesOf(findings) };
}

function notAnswered({ current, answered }: WindowRequest): PipelineError {
  return new PipelineError({
    code: 'DRIFT_SHAPE',
    found: `${answered.n} answers to the ${current.n} flows of the window`,
    expected: 'one answer for each flow, in the order of the flows',
    fix: 'Answer the flows that are judged.',
  });
}

function readingOf(signal: Signal, { value, null: chance }: Measured, floor: number): Reading {
  return {
    ...{ signal, value },
    threshold: Math.max(quantile(chance, NULL_QUANTILE), floor),
    calm: Math.max(quantile(chance, CALM_QUANTILE), CALM_SHARE * floor),
  };
}

/** What has been held against chance before it is counted; the floor is its threshold. */
function beyondChance(value: number): Measured {
  return { value, null: Float64Array.of(0) };
}

function shareOf(parts: readonly { readonly rows: number }[], n: number): Measured {
  return beyondChance(parts.reduce((sum, { rows }) => sum + rows, 0) / Math.max(1, n));
}

function answerRises(
  heldOut: Answered,
  answered: Answered,
  chance: Chance,
): (readonly [Signal, Measured | null])[] {
  const [before, now] = [labelled(heldOut), labelled(answered)];
  const changed = errorChange(before, now);
  const rejects = heldOut.rejected !== null && answered.rejected !== null;
  return [
    ['error_rise', meanRise(before, now, ({ right }, i) => 1 - right[i]!, chance)], // i < n
    ['error_change', changed === null ? null : beyondChance(changed)],
    ['ece_rise', calibrationRise(before, now, chance)],
    ['confidence_drop', meanRise(heldOut, answered, (of, i) => 1 - of.confidence[i]!, chance)], // i < n
    ['reject_rise', rejects ? meanRise(heldOut, answered, isRejected, chance) : null],
  ];
}

function isRejected({ rejected }: Answered, i: number): number {
  return rejected?.[i] ?? 0;
}

/** Null for a model that always answers. */
function newServicesOf({ reference, current, heldOut, answered }: WindowRequest) {
  if (heldOut.rejected === null || answered.rejected === null) return null;
  return newServices(
    { ...heldOut, rejected: heldOut.rejected },
    new Set(reference.domains),
    current.domains,
    { ...answered, rejected: answered.rejected },
  );
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
