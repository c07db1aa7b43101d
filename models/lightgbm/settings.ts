/** Settings of LightGBM's trees. */
import type { BoostingSettings, TreeTask } from '../boosting/trees.js';

/** How to grow the trees; every field has a default in `LIGHTGBM_DEFAULTS`. */
export interface LightgbmSettings extends BoostingSettings {
  /** Most leaves of a tree (`num_leaves`). */
  readonly leaves: number;
  /** Least rows in a leaf (`min_data_in_leaf`). */
  readonly minRowsPerLeaf: number;
}

/** Those of the published TLS-Year22 baseline (month_evaluation_cesnet_tls_year22 of cesnet-tcexamples), which trains unweighted. */
export const LIGHTGBM_DEFAULTS: LightgbmSettings = {
  rounds: 20,
  learningRate: 0.1,
  leaves: 320,
  minRowsPerLeaf: 20,
  maxBins: 255,
  columnShare: 0.8,
  rowShare: 1,
  l2: 4,
  patienceRounds: 5,
  classWeightCap: 20,
  packets: true,
  threads: 2,
};

/** The settings in the library's words; its Python package takes the same. */
export function lightgbmParameters({
  classCount,
  settings,
  seed,
  positiveWeight,
}: Omit<TreeTask<LightgbmSettings>, 'train' | 'validation'>): Record<
  string,
  string | number | boolean
> {
  const objective =
    classCount === 2
      ? { objective: 'binary', metric: 'binary_logloss', scale_pos_weight: positiveWeight }
      : { objective: 'multiclass', metric: 'multi_logloss', num_class: classCount };
  return {
    ...objective,
    learning_rate: settings.learningRate,
    num_leaves: settings.leaves,
    min_data_in_leaf: settings.minRowsPerLeaf,
    max_bin: settings.maxBins,
    feature_fraction: settings.columnShare,
    bagging_fraction: settings.rowShare,
    bagging_freq: settings.rowShare < 1 ? 1 : 0,
    lambda_l2: settings.l2,
    num_threads: settings.threads,
    seed,
    // the same trees whatever the load of the machine: else it tries which order is faster
    deterministic: true,
    force_col_wise: true,
    is_provide_training_metric: true,
    verbosity: -1,
  };
}
