/** What both boosting libraries offer. N rows, F columns, K classes; G = K outputs per row, or 1 where K = 2. */
import type { LabelledRows } from './matrix-rows.js';

/** G for K classes. */
export function outputsOf(classCount: number): number {
  return classCount === 2 ? 1 : classCount;
}

/** Settings that mean the same in both libraries. */
export interface BoostingSettings {
  /** Most rounds; a round is one tree per output. */
  readonly rounds: number;
  /** Shrinkage of each tree. */
  readonly learningRate: number;
  /** Histogram bins per column. */
  readonly maxBins: number;
  /** Share of the columns each tree may use, (0, 1]. */
  readonly columnShare: number;
  /** Share of the rows each round samples, (0, 1]. */
  readonly rowShare: number;
  /** L2 penalty of the leaf values. */
  readonly l2: number;
  /** Training ends after this many rounds without a lower validation logloss. */
  readonly patienceRounds: number;
  /** Cap of the balanced class weights (of `scale_pos_weight` where there are two classes); 0 trains unweighted. */
  readonly classWeightCap: number;
  /** Whether the 90 packet columns are read, or flow statistics and histograms alone. */
  readonly packets: boolean;
  readonly threads: number;
}

/** What the training of either library is given. */
export interface TreeTask<Settings extends BoostingSettings> {
  readonly train: LabelledRows;
  readonly validation: LabelledRows;
  /** K */
  readonly classCount: number;
  readonly settings: Settings;
  readonly seed: number;
  /** Weight of the second class where K = 2. */
  readonly positiveWeight: number;
}

/** A booster while it grows; holds native memory. */
export interface GrowingTrees {
  /** Grows one round and blocks the thread meanwhile; false when no further split helps. */
  grow(): boolean;
  /** Mean logloss over the training rows (or a sample of many), weighted as in training, and over the validation rows. */
  losses(): readonly [train: number, validation: number];
  /** The first `rounds` rounds, apart from the data. */
  keep(rounds: number): Trees;
  dispose(): void;
}

/** A grown booster; holds native memory. */
export interface Trees {
  /** Rounds in it; each has G trees. */
  readonly rounds: number;
  /**
   * Probabilities.
   *
   * @param values [N, F] row-major; NaN is missing
   * @returns [N, G] row-major
   */
  predict(values: Float32Array): ArrayLike<number>;
  /**
   * SHAP values (Lundberg et al. 2018) of the margins.
   *
   * @param values [N, F] row-major
   * @returns [N, G, F + 1] row-major; the last column is the expected margin
   */
  contributions(values: Float32Array): ArrayLike<number>;
  /** [F] average gain of the splits on each column, 0 for one without splits. */
  gains(): readonly number[];
  /** In the library's own format, which its Python package reads. */
  toBytes(): Uint8Array;
  dispose(): void;
}
