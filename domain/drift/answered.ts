/** What a model said of flows, and how that differs from what it said of flows that were held out at its training. */
import { Adwin } from './adwin.js';
import { drawNull, sumBlocks, totalOf, type Chance, type Measured } from './block-bootstrap.js';
import { RELIABILITY_BINS, reliabilityBinOf } from './reliability-bin.js';

/** What the model said of flows that it was not trained with, in order of time. */
export interface Answered {
  readonly n: number;
  /** [N] hour of each flow, any ids */
  readonly blocks: Int32Array;
  /** [N] the answer: a class, by any ids that stay the same from window to window */
  readonly predicted: Int32Array;
  /** [N] 1 right, 0 wrong, -1 when nobody knows */
  readonly right: Int8Array;
  /** [N] calibrated probability of the answer */
  readonly confidence: Float64Array;
  /** [N] 1 where the model does not know the service; null for a model that always answers */
  readonly rejected: Uint8Array | null;
}

/** How much the mean of what `of` reads of each flow rose; null when a side has no flow. */
export function meanRise(
  before: Answered,
  now: Answered,
  of: (answers: Answered, i: number) => number,
  chance: Chance,
): Measured | null {
  return figureRise(before, now, chance, {
    width: 2,
    add(sums, base, answers, i) {
      sums[base]! += of(answers, i); // two sums a block
      sums[base + 1]! += 1;
    },
    of: (sums) => sums[0]! / sums[1]!, // two sums, of one flow or more
  });
}

/**
 * How much the expected calibration error rose: the distance of confidence and accuracy in each of 15 bins, by flows.
 * Few flows have a higher one; so have those that chance draws. Null when a side has no flow.
 */
export function calibrationRise(before: Answered, now: Answered, chance: Chance): Measured | null {
  return figureRise(before, now, chance, {
    width: RELIABILITY_BINS + 1,
    add(sums, base, { confidence, right }, i) {
      sums[base + reliabilityBinOf(confidence[i]!)]! += confidence[i]! - right[i]!; // i < n
      sums[base + RELIABILITY_BINS]! += 1; // the last sum counts
    },
    of(sums) {
      let gaps = 0;
      for (let bin = 0; bin < RELIABILITY_BINS; bin++) gaps += Math.abs(sums[bin]!); // bin < width
      return gaps / sums[RELIABILITY_BINS]!; // the last
    },
  });
}

/** Flows from one check of ADWIN to the next. */
const CHECKED_FLOWS = 32;

/**
 * How far the error since its latest change lies above that of the held-out flows. ADWIN goes through these and then
 * through the window, flow by flow; since the change are the flows of the check that saw it, and all later ones.
 *
 * @returns share of flows; 0 while no change is seen; null when a side has no flow
 */
export function errorChange(before: Answered, now: Answered): number | null {
  if (before.n === 0 || now.n === 0) return null;
  const right = [...before.right, ...now.right];
  const adwin = new Adwin({ clock: CHECKED_FLOWS });
  let since: number | null = null;
  right.forEach((isRight, i) => {
    if (adwin.update(1 - isRight)) since = i + 1 - CHECKED_FLOWS;
  });
  return since === null ? 0 : mean(before.right) - mean(right.slice(since));
}

/** The flows whose label is known. */
export function labelled({ right, predicted, confidence, blocks, rejected }: Answered): Answered {
  const isKnown = (_: number, i: number): boolean => right[i] !== -1;
  return {
    n: right.reduce((known, one) => known + (one === -1 ? 0 : 1), 0),
    blocks: blocks.filter(isKnown),
    predicted: predicted.filter(isKnown),
    right: right.filter(isKnown),
    confidence: confidence.filter(isKnown),
    rejected: rejected && rejected.filter(isKnown),
  };
}

/** A figure of flows that follows from sums over them. */
interface Figure {
  readonly width: number;
  /** Adds flow i to the sums that begin at `base`. */
  readonly add: (sums: Float64Array, base: number, answers: Answered, i: number) => void;
  /** The figure of some flows' sums, [width]. */
  readonly of: (sums: Float64Array) => number;
}

/** Null when a side has no flow. */
function figureRise(
  before: Answered,
  now: Answered,
  { draws, random }: Chance,
  { width, add, of }: Figure,
): Measured | null {
  if (before.n === 0 || now.n === 0) return null;
  const sumsOf = (answers: Answered) =>
    sumBlocks(answers.blocks, width, (sums, base, i) => {
      add(sums, base, answers, i);
    });
  const rise = (current: Float64Array, reference: Float64Array) => of(current) - of(reference);
  const blocks = sumsOf(before);
  const sizes = { current: now.n, reference: before.n };
  return {
    value: rise(totalOf(sumsOf(now)), totalOf(blocks)),
    null: drawNull(blocks, sizes, draws, random, rise),
  };
}

function mean(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!; // i < length
  return total / values.length;
}
