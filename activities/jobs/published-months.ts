/**
 * The published month evaluation of CESNET-TLS-Year22: what it trains, on which columns, and what it found.
 *
 * @see month_evaluation_cesnet_tls_year22.ipynb of https://github.com/CESNET/cesnet-tcexamples
 */
import { TABULAR_FEATURES, type TabularFeature } from '../../domain/traffic/features.js';
import { LIGHTGBM_DEFAULTS } from '../../models/lightgbm/settings.js';
import { XGBOOST_DEFAULTS } from '../../models/xgboost/settings.js';

/** Models of the experiment. */
export const REPRODUCED_MODELS = ['lightgbm', 'xgboost'] as const;

/** One of the models above. */
export type ReproducedModel = (typeof REPRODUCED_MODELS)[number];

/** What the publication found with LightGBM on size XS, 180 services. */
export const PUBLISHED_MONTHS = {
  source:
    'CESNET-TLS-Year22 XS, month_evaluation_cesnet_tls_year22.ipynb of CESNET/cesnet-tcexamples',
  model: 'lightgbm',
  train: '2022-06',
  /** Of a random fifth of the training month. */
  randomAccuracy: 0.9415,
  /** Of each later month. */
  accuracy: { '2022-07': 0.892, '2022-08': 0.852, '2022-09': 0.807 } as Readonly<
    Record<string, number>
  >,
} as const;

/** A service is learnt when the training month has so many flows of it, as DataZoo has it. */
export const PUBLISHED_MIN_FLOWS = 100;

/**
 * The columns of a model, in order. LightGBM has the 12 flow statistics beside the packets; XGBoost has no packets, but the
 * histograms. Where a feature of ours is the logarithm of a published one, trees split alike.
 */
export function reproducedFeatures(model: ReproducedModel): readonly TabularFeature[] {
  return TABULAR_FEATURES.filter(
    ({ name }) => STATISTICS.has(name) || (model === 'xgboost' && name.includes('phist_')),
  );
}

/** Settings of a model: those published, all rounds, no class weights. */
export function reproducedSettings(model: ReproducedModel) {
  const { rounds } = model === 'lightgbm' ? LIGHTGBM_DEFAULTS : XGBOOST_DEFAULTS;
  return { rounds, patienceRounds: rounds, classWeightCap: 0, packets: model === 'lightgbm' };
}

const STATISTICS = new Set([
  ...['log1p_bytes', 'log1p_bytes_rev', 'log1p_packets', 'log1p_packets_rev', 'log1p_duration'],
  ...['ppi_len', 'ppi_roundtrips', 'ppi_duration'],
  ...['idle', 'active', 'end', 'other'].map((reason) => `flow_endreason_${reason}`),
]);
