/** A trained booster: one class for XGBoost and LightGBM, which differ in their library alone. */
import { columnNames } from '../column-names.js';
import { writeModelFolder, type ManifestOf } from '../model-folder.js';
import { requireFeatures } from '../model.js';
import type { FlowSet, TrainedModel } from '../model.js';
import { pythonFiles } from '../registry/python-flavour.js';
import { matrixRows, streamOf } from './matrix-rows.js';
import { outputsOf, type Trees } from './trees.js';

/** What a model says of itself, less what its booster holds. */
export type BoostedDescription = Omit<ManifestOf<'xgboost' | 'lightgbm'>, 'booster'>;

/** One column and the average gain of its splits, in units of the loss. */
export interface FeatureGain {
  readonly feature: string;
  readonly gain: number;
}

/** One column and what it contributes to the margin of each class, in log-odds. */
export interface FeatureShap {
  readonly feature: string;
  /** [K] mean |SHAP value| over the rows asked about. */
  readonly perClass: readonly number[];
}

/** Files as MLflow's Python package names them. */
const BOOSTER_FILES = { xgboost: 'model.ubj', lightgbm: 'model.lgb' } as const;

/** Rows asked about at once: their SHAP values are K (F + 1) numbers each. */
const SHAP_ROWS = 64;

/** Gradient-boosted trees over F tabular columns, and 90 of packets where they read these; holds native memory. */
export class BoostedModel implements TrainedModel {
  readonly kind: 'xgboost' | 'lightgbm';
  readonly classes: readonly string[];
  readonly featureNames: readonly string[];
  readonly #trees: Trees;
  readonly #description: BoostedDescription;
  /** Names of the matrix's columns. */
  readonly #columns: readonly string[];

  constructor(trees: Trees, description: BoostedDescription) {
    this.#trees = trees;
    this.#description = description;
    this.kind = description.kind;
    this.classes = description.classes;
    this.featureNames = description.featureNames;
    this.#columns = columnNames(description.featureNames, description.packets);
  }

  /** Trees in it: one for each round and class, or for each round where there are two classes. */
  get treeCount(): number {
    return this.#trees.rounds * outputsOf(this.classes.length);
  }

  predict(flows: FlowSet): Float32Array {
    requireFeatures(flows, this.featureNames);
    const all = new Float32Array(flows.n * this.classes.length); // [N, K]
    const outputs = this.classes.length;
    let row = 0;
    for (const batch of matrixRows(streamOf(flows), this.#description.packets)) {
      const rows = batch.length / this.#columns.length;
      const found = this.#trees.predict(batch);
      if (found.length === rows * outputs) all.set(found, row * outputs);
      else
        for (let i = 0; i < rows; i++) {
          const second = found[i] ?? 0; // the probability of the second class of two
          all.set([1 - second, second], (row + i) * outputs);
        }
      row += rows;
    }
    return all;
  }

  /** Average gain per column, largest first; columns without a split have 0. */
  gainImportance(): FeatureGain[] {
    const gains = this.#trees.gains();
    return this.#columns
      .map((feature, column) => ({ feature, gain: gains[column] ?? 0 }))
      .sort((a, b) => b.gain - a.gain);
  }

  /**
   * Mean |SHAP value| per column and class over some flows, the largest sum over the classes first.
   * Takes a microsecond or more of CPU time for each flow and tree, growing with the leaves.
   */
  shapImportance(flows: FlowSet): FeatureShap[] {
    requireFeatures(flows, this.featureNames);
    const features = this.#columns.length;
    const classes = this.classes.length;
    const sums = new Float64Array(features * classes); // [F, K]
    for (const batch of matrixRows(streamOf(flows), this.#description.packets)) {
      for (let start = 0; start < batch.length; start += SHAP_ROWS * features) {
        const values = batch.subarray(start, start + SHAP_ROWS * features);
        const found = this.#trees.contributions(values); // [n, G, F + 1]
        const outputs = found.length / (values.length / features) / (features + 1);
        for (let i = 0; i < found.length; i++) {
          const feature = i % (features + 1);
          if (feature === features) continue;
          const output = Math.floor(i / (features + 1)) % outputs;
          // one output for two classes: what speaks for one speaks against the other
          for (let k = output; k < classes; k += outputs) {
            const cell = feature * classes + k;
            sums[cell] = (sums[cell] ?? 0) + Math.abs(found[i] ?? 0);
          }
        }
      }
    }
    const total = (column: FeatureShap) => column.perClass.reduce((sum, value) => sum + value, 0);
    return this.#columns
      .map((feature, column) => ({
        feature,
        perClass: Array.from(
          sums.subarray(column * classes, (column + 1) * classes),
          (sum) => sum / flows.n,
        ),
      }))
      .sort((a, b) => total(b) - total(a));
  }

  /** As every model is saved; beside it lies what Python's MLflow needs to load the booster. */
  async save(dir: string): Promise<void> {
    const file = BOOSTER_FILES[this.kind];
    const bytes = this.#trees.toBytes();
    const { createdAt, libraries } = this.#description;
    await writeModelFolder(dir, { ...this.#description, booster: file }, [
      { name: file, bytes },
      ...pythonFiles({
        ...{ flavour: this.kind, file, bytes, version: libraries[this.kind] ?? '', createdAt },
        ...{ columns: this.#columns, classes: this.classes },
      }),
    ]);
  }

  dispose(): void {
    this.#trees.dispose();
  }
}
