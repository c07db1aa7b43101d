/**
 * ADWIN: a window over a stream that grows while its mean stays and is cut where its mean changes.
 *
 * The window is kept as buckets of 2^row values, each a sum and M2 (the sum of squared deviations from the bucket's
 * mean), oldest first in a row; a row that is one over `maxBuckets` merges its two oldest into the next row. A cut
 * lies between two buckets whose sides differ in mean by more than chance at `delta` allows.
 *
 * Flag for flag as river 0.26.1 (`river.drift.ADWIN`), down to the order of additions.
 *
 * @see Bifet and Gavalda, "Learning from time-changing data with adaptive windowing", SDM 2007
 * @see docs/drift.md#adwin; golden vectors: test/golden/adwin.json
 */
import { PipelineError } from '../../contracts/errors.js';

/** Tuning of ADWIN. */
export interface AdwinOptions {
  /** Chance of a false alarm at a check, in (0, 1). @default 0.002 */
  readonly delta?: number;
  /** Values from one check to the next, >= 1. @default 32 */
  readonly clock?: number;
  /** Buckets of one size at most, >= 2. @default 5 */
  readonly maxBuckets?: number;
  /** Values on either side of a cut at least, >= 1. @default 5 */
  readonly minWindowLength?: number;
  /** No check before the window holds more values than this, >= 0. @default 10 */
  readonly gracePeriod?: number;
}

/** All of an `Adwin` as plain JSON: `Adwin.fromState` goes on to the same bits. */
export interface AdwinState {
  readonly options: Required<AdwinOptions>;
  readonly driftDetected: boolean;
  readonly tick: number;
  readonly width: number;
  readonly total: number;
  readonly variance: number;
  /** Row i: sum, M2, sum, M2 … of its buckets of 2^i values, oldest first. */
  readonly rows: readonly (readonly number[])[];
}

const DEFAULTS: Required<AdwinOptions> = Object.freeze({
  delta: 0.002,
  clock: 32,
  maxBuckets: 5,
  minWindowLength: 5,
  gracePeriod: 10,
});

/** A window of 2^48 values needs no more. */
const ROWS = 48;

/** A drift detector for a stream of numbers, such as a model's errors as 0 and 1. */
export class Adwin {
  readonly #options: Required<AdwinOptions>;
  /** Sum and M2 of bucket k of row i at 2 (i (maxBuckets + 1) + k). */
  readonly #buckets: Float64Array;
  /** Buckets of each row. */
  readonly #held = new Int32Array(ROWS);
  #rows = 1;
  #width = 0;
  #total = 0;
  #variance = 0;
  #tick = 0;
  #driftDetected = false;

  /** @throws PipelineError DRIFT_INPUT when an option is outside its range */
  constructor(options: AdwinOptions = {}) {
    this.#options = { ...DEFAULTS, ...options };
    requireOptions(this.#options);
    this.#buckets = new Float64Array(2 * ROWS * (this.#options.maxBuckets + 1));
  }

  /** Values in the window. */
  get width(): number {
    return this.#width;
  }

  /** Sum of the values in the window. */
  get total(): number {
    return this.#total;
  }

  /** Mean of the window, 0 when it is empty. */
  get mean(): number {
    return this.#width === 0 ? 0 : this.#total / this.#width;
  }

  /** What river calls so: the sum of squared deviations from the mean; over `width` it is the variance. */
  get variance(): number {
    return this.#variance;
  }

  /** Whether the latest value brought a drift to light. */
  get driftDetected(): boolean {
    return this.#driftDetected;
  }

  /**
   * Takes the next value; says whether the mean has changed. The update after a drift starts with an empty window, as
   * river does.
   *
   * @throws PipelineError DRIFT_INPUT when the value is not finite
   */
  update(value: number): boolean {
    if (value - value !== 0) throw notFinite(value);
    if (this.#driftDetected) this.#reset();
    this.#insert(value);
    this.#tick += 1;
    const checks =
      this.#tick % this.#options.clock === 0 && this.#width > this.#options.gracePeriod;
    while (checks && this.#isCut()) {
      this.#driftDetected = true;
      this.#dropOldest();
    }
    return this.#driftDetected;
  }

  /** The whole detector as plain JSON. */
  toState(): AdwinState {
    const rows = Array.from(this.#held.subarray(0, this.#rows), (held, row) => {
      const at = this.#at(row);
      return [...this.#buckets.subarray(at, at + 2 * held)];
    });
    return {
      options: this.#options,
      driftDetected: this.#driftDetected,
      tick: this.#tick,
      width: this.#width,
      total: this.#total,
      variance: this.#variance,
      rows,
    };
  }

  /**
   * The detector of a state.
   *
   * @throws PipelineError DRIFT_INPUT when an option is outside its range or the rows do not hold `width` values
   */
  static fromState(state: AdwinState): Adwin {
    const adwin = new Adwin(state.options);
    requireRows(state);
    state.rows.forEach((row, i) => {
      adwin.#buckets.set(row, adwin.#at(i));
      adwin.#held[i] = row.length / 2;
    });
    adwin.#rows = state.rows.length;
    adwin.#width = state.width;
    adwin.#total = state.total;
    adwin.#variance = state.variance;
    adwin.#tick = state.tick;
    adwin.#driftDetected = state.driftDetected;
    return adwin;
  }

  #at(row: number): number {
    return 2 * row * (this.#options.maxBuckets + 1);
  }

  #reset(): void {
    this.#held.fill(0);
    this.#rows = 1;
    this.#width = 0;
    this.#total = 0;
    this.#variance = 0;
    this.#tick = 0;
    this.#driftDetected = false;
  }

  #insert(value: number): void {
    const buckets = this.#buckets;
    const held = this.#held;
    const at = 2 * held[0]!; // row 0 is always there
    buckets[at] = value;
    buckets[at + 1] = 0;
    held[0]!++;
    const before = this.#width;
    this.#width = before + 1;
    if (before > 0) {
      const deviation = value - this.#total / before;
      this.#variance += (before * deviation * deviation) / this.#width;
    }
    this.#total += value;
    const full = this.#options.maxBuckets + 1;
    for (let row = 0, n = 1; held[row] === full; row++, n *= 2) this.#mergeOldest(row, n);
  }

  /** Makes one bucket of the next row out of the two oldest of a row of buckets of n values. */
  #mergeOldest(row: number, n: number): void {
    const buckets = this.#buckets;
    const held = this.#held;
    const at = this.#at(row);
    const into = this.#at(row + 1) + 2 * held[row + 1]!; // ROWS are more than can fill
    const sum0 = buckets[at]!; // a full row has two and more
    const sum1 = buckets[at + 2]!;
    const apart = sum0 / n - sum1 / n;
    buckets[into] = sum0 + sum1;
    buckets[into + 1] = buckets[at + 1]! + buckets[at + 3]! + n * 0.5 * apart * apart; // of the two
    const end = at + 2 * held[row]!;
    for (let i = at + 4; i < end; i++) buckets[i - 4] = buckets[i]!; // inside the row
    held[row]! -= 2;
    held[row + 1]! += 1;
    if (row + 1 === this.#rows) this.#rows += 1;
  }

  #dropOldest(): void {
    const buckets = this.#buckets;
    const row = this.#rows - 1;
    const at = this.#at(row);
    const n = 2 ** row;
    const sum = buckets[at]!; // the highest row is never empty
    this.#width -= n;
    this.#total -= sum;
    const apart = sum / n - this.#total / this.#width;
    this.#variance -= buckets[at + 1]! + (n * this.#width * apart * apart) / (n + this.#width);
    const held = --this.#held[row]!;
    for (let i = at; i < at + 2 * held; i++) buckets[i] = buckets[i + 2]!; // inside the row
    if (held === 0) this.#rows -= 1;
  }

  /** Whether the window has a cut; looks from the oldest bucket on. */
  #isCut(): boolean {
    const buckets = this.#buckets;
    const { delta, minWindowLength } = this.#options;
    const width = this.#width;
    const logarithm = Math.log((2 * Math.log(width)) / delta);
    const linear = (2 / 3) * logarithm;
    const variance = this.#variance / width;
    let n0 = 0;
    let sum0 = 0;
    let n1 = width;
    let sum1 = this.#total;
    for (let row = this.#rows - 1, n = 2 ** row; row >= 0; row--, n /= 2) {
      const at = this.#at(row);
      const end = at + 2 * this.#held[row]!; // row < #rows
      for (let i = at; i < end; i += 2) {
        const sum = buckets[i]!; // inside the row
        n0 += n;
        n1 -= n;
        sum0 += sum;
        sum1 -= sum;
        if (n0 < minWindowLength || n1 < minWindowLength) continue;
        const inverse = 1 / (n0 - minWindowLength + 1) + 1 / (n1 - minWindowLength + 1);
        const chance = Math.sqrt(2 * inverse * variance * logarithm) + linear * inverse;
        if (Math.abs(sum0 / n0 - sum1 / n1) > chance) return true;
      }
    }
    return false;
  }
}

/** Least value of each option that is a count. */
const LEAST = { clock: 1, maxBuckets: 2, minWindowLength: 1, gracePeriod: 0 } as const;

function requireOptions(options: Required<AdwinOptions>): void {
  const { delta } = options;
  const faults = delta > 0 && delta < 1 ? [] : [`delta ${delta}, expected between 0 and 1`];
  for (const [name, least] of Object.entries(LEAST)) {
    const value = options[name as keyof typeof LEAST]; // its keys
    if (Number.isSafeInteger(value) && value >= least) continue;
    faults.push(`${name} ${value}, expected whole and at least ${least}`);
  }
  if (faults.length === 0) return;
  throw new PipelineError({
    code: 'DRIFT_INPUT',
    found: faults.join('; '),
    fix: 'Correct the options of ADWIN.',
  });
}

function requireRows({ rows, width, options }: AdwinState): void {
  const held = rows.reduce((sum, row, i) => sum + (row.length / 2) * 2 ** i, 0);
  const fits = rows.every(
    ({ length }) =>
      length % 2 === 0 && length <= 2 * options.maxBuckets && (length > 0 || width === 0),
  );
  if (held === width && fits && rows.length > 0 && rows.length <= ROWS) return;
  throw new PipelineError({
    code: 'DRIFT_INPUT',
    found: `${rows.length} rows that hold ${held} values`,
    expected: `the ${width} values of the window, at most ${options.maxBuckets} buckets a row`,
    fix: 'Pass a state as toState gave it.',
  });
}

function notFinite(value: number): PipelineError {
  return new PipelineError({
    code: 'DRIFT_INPUT',
    found: `the value ${value}`,
    expected: 'a finite number',
    fix: 'Leave out what has no value, or say what it counts as.',
  });
}
