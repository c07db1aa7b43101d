/** Trains boosted trees by a preset, and draws what they look at. */
import type { ModelSpec, Preset } from '../../contracts/schemas/values.js';
import type { BoostedModel } from '../../models/boosting/model.js';
import type { BoostingRound } from '../../models/boosting/train.js';
import { plotImportance } from '../../models/evaluation/importance-plot.js';
import { findLightgbmLibrary } from '../../models/lightgbm/bindings.js';
import { LIGHTGBM_DEFAULTS } from '../../models/lightgbm/settings.js';
import { trainLightgbm } from '../../models/lightgbm/train.js';
import { selectFlows, type FlowSet, type TrainingRequest } from '../../models/model.js';
import { findXgboostLibrary } from '../../models/xgboost/bindings.js';
import { XGBOOST_DEFAULTS } from '../../models/xgboost/settings.js';
import { trainXgboost } from '../../models/xgboost/train.js';

/** How the job runs the training. */
export interface TreeFit {
  readonly setupDir: string;
  readonly threads: number;
  readonly onRound: (round: BoostingRound) => void;
}

/**
 * Trains the booster that the specification names. XGBoost's size is the preset's; LightGBM keeps the
 * published one, since its leaf-wise trees are of another measure.
 *
 * @returns the training's result and the settings it had
 */
export async function fitTrees(
  spec: Omit<ModelSpec, 'kind'> & { readonly kind: 'xgboost' | 'lightgbm' },
  request: TrainingRequest,
  boosting: Preset['boosting'],
  { setupDir, threads, onRound }: TreeFit,
) {
  const common = {
    threads,
    patienceRounds: boosting.earlyStoppingRounds,
    packets: spec.packets ?? true,
  };
  if (spec.kind === 'lightgbm') {
    const settings = { ...LIGHTGBM_DEFAULTS, ...common };
    const libraryPath = findLightgbmLibrary(setupDir);
    return { settings, ...(await trainLightgbm({ ...request, settings, libraryPath, onRound })) };
  }
  const { rounds, eta: learningRate, maxDepth, maxBin: maxBins } = boosting;
  const settings = { ...XGBOOST_DEFAULTS, ...common, rounds, learningRate, maxDepth, maxBins };
  const libraryPath = findXgboostLibrary(setupDir);
  return { settings, ...(await trainXgboost({ ...request, settings, libraryPath, onRound })) };
}

/** Flows times trees that are explained: 1.4 s of CPU time with trees of few leaves. */
const EXPLAINED = 1_000_000;

/**
 * The columns by gain and by SHAP value over validation flows, as pictures, and the SHAP values per class
 * as `shap.json`: column -> class -> mean |SHAP value|.
 *
 * @returns file name -> content
 */
export async function importancePlots(
  model: BoostedModel,
  flows: FlowSet,
  title: string,
): Promise<Record<string, string>> {
  const wanted = Math.max(1, Math.floor(EXPLAINED / model.treeCount));
  const step = Math.max(1, Math.ceil(flows.n / wanted));
  const rows = Array.from({ length: Math.ceil(flows.n / step) }, (_, i) => i * step);
  const shap = model.shapImportance(selectFlows(flows, rows));
  const perClass = shap.map(({ feature, perClass: values }) => [
    feature,
    Object.fromEntries(model.classes.map((name, k) => [name, values[k]])),
  ]);
  const sums = shap.map(({ feature, perClass: values }) => ({
    feature,
    value: values.reduce((sum, value) => sum + value, 0) / values.length,
  }));
  const gains = model.gainImportance().map(({ feature, gain }) => ({ feature, value: gain }));
  return {
    'importance.svg': await plotImportance(gains, { title, measure: 'average gain per split' }),
    'shap.svg': await plotImportance(sums, {
      title,
      measure: `mean |SHAP value| of ${rows.length} flows, average of the classes`,
    }),
    'shap.json': `${JSON.stringify(Object.fromEntries(perClass), null, 2)}\n`,
  };
}
