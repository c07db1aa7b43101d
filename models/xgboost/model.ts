/** A trained XGBoost classifier. */
import {
  readModelFile,
  writeModelFolder,
  type ManifestOf,
  type ModelManifest,
} from '../model-folder.js';
import { PPI_WIDTH, requireFeatures, requireFlowSet } from '../model.js';
import type { FlowSet, TrainedModel } from '../model.js';
import type { XgboostLibrary } from './bindings.js';
import { Booster, DataMatrix } from './booster.js';
import { columnNames, flattenFlows } from './columns.js';

const BOOSTER_FILE = 'booster.ubj';

/** What a model says of itself, less what its booster holds. */
export type XgboostDescription = Omit<ManifestOf<'xgboost'>, 'booster'>;

/** One column and the average gain of its splits, in units of the loss. */
export interface FeatureGain {
  readonly feature: string;
  readonly gain: number;
}

/** Gradient-boosted trees over 90 PPI columns and F tabular ones; holds native memory. */
export class XgboostModel implements TrainedModel {
  readonly kind = 'xgboost';
  readonly classes: readonly string[];
  readonly featureNames: readonly string[];
  readonly #library: XgboostLibrary;
  readonly #booster: Booster;
  readonly #description: XgboostDescription;
  readonly #threads: number;

  constructor(
    library: XgboostLibrary,
    booster: Booster,
    description: XgboostDescription,
    threads: number,
  ) {
    this.#library = library;
    this.#booster = booster;
    this.#description = description;
    this.#threads = threads;
    this.classes = description.classes;
    this.featureNames = description.featureNames;
    booster.configure({ nthread: threads });
  }

  /**
   * Reads a folder written by `save`.
   *
   * @throws PipelineError MODEL_FILE, XGBOOST_CALL
   */
  static async load(
    dir: string,
    manifest: Extract<ModelManifest, { kind: 'xgboost' }>,
    library: XgboostLibrary,
    threads: number,
  ): Promise<XgboostModel> {
    const bytes = await readModelFile(dir, manifest.booster);
    return new XgboostModel(library, Booster.fromBytes(library, bytes), manifest, threads);
  }

  predict(flows: FlowSet): Float32Array {
    requireFlowSet(flows);
    requireFeatures(flows, this.featureNames);
    if (flows.n === 0) return new Float32Array();
    const matrix = new DataMatrix(
      this.#library,
      flattenFlows(flows),
      flows.n,
      PPI_WIDTH + flows.featureNames.length,
      this.#threads,
    );
    try {
      return this.#booster.predict(matrix, 'probability');
    } finally {
      matrix.dispose();
    }
  }

  /** Average gain per column, largest first; columns without a split have 0. */
  gainImportance(): FeatureGain[] {
    const gains = this.#booster.gains();
    return columnNames(this.featureNames)
      .map((feature, column) => ({ feature, gain: gains.get(column) ?? 0 }))
      .sort((a, b) => b.gain - a.gain);
  }

  async save(dir: string): Promise<void> {
    await writeModelFolder(dir, { ...this.#description, booster: BOOSTER_FILE }, [
      { name: BOOSTER_FILE, bytes: this.#booster.toBytes() },
    ]);
  }

  dispose(): void {
    this.#booster.dispose();
  }
}
