/** Training settings by the name that results and saved models carry. */
import { CNN_DEFAULTS, type CnnSettings } from './tensorflow/cnn/train.js';
import { LSTM_DEFAULTS, type LstmSettings } from './tensorflow/lstm/train.js';
import { XGBOOST_DEFAULTS, type XgboostSettings } from './xgboost/settings.js';

/** Names of the presets. */
export const PRESET_NAMES = ['demo', 'full'] as const;

export type PresetName = (typeof PRESET_NAMES)[number];

/** How much is trained, and how. */
export interface TrainingPreset {
  /** Most training flows per model; more are sampled down. */
  readonly trainRows: number;
  /** Most validation flows. */
  readonly validationRows: number;
  readonly xgboost: XgboostSettings;
  readonly lstm: LstmSettings;
  readonly cnn: CnnSettings;
}

/**
 * `demo` trains two boosters, an LSTM and a CNN on 40 apps in about a minute on two cores; `full`
 * is for real weeks.
 */
export const PRESETS: Readonly<Record<PresetName, TrainingPreset>> = {
  demo: {
    trainRows: 8_000,
    validationRows: 4_000,
    xgboost: {
      ...XGBOOST_DEFAULTS,
      rounds: 100,
      learningRate: 0.1, // .05 has not converged after 100 rounds
      maxBins: 64,
      patienceRounds: 8,
    },
    lstm: { ...LSTM_DEFAULTS, epochs: 10 },
    cnn: { ...CNN_DEFAULTS, epochs: 10 },
  },
  full: {
    trainRows: 500_000,
    validationRows: 100_000,
    xgboost: XGBOOST_DEFAULTS,
    lstm: LSTM_DEFAULTS,
    cnn: CNN_DEFAULTS,
  },
};
