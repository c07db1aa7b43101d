/** Settings of LightGBM's trees. */
import type { BoostingSettings } from '../boosting/trees.js';

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
