/** A light model of flows in memory, with what is needed to judge later flows by it. */
import { createHash } from 'node:crypto';
import { PipelineError } from '../../contracts/errors.js';
import type { Preset } from '../../contracts/schemas/values.js';
import type { Answered, WindowFlows } from '../../domain/drift/judge-window.js';
import { binFlows, fitFlowBins, type FlowBins } from '../../domain/drift/bin-flows.js';
import type { FlowSet } from '../../feature-store/read-flows.js';
import { answerFlows } from '../../models/answer-flows.js';
import { PPI_WIDTH, selectFlows, type TrainedModel } from '../../models/model.js';
import { fitRejectRule } from '../../models/open-world/reject-rule.js';
import { driftColumns } from './drift-columns.js';
import { fitTrees } from './fit-trees.js';
import { withClasses } from './label-flows.js';

const HOUR_MS = 3_600_000;

/** A class with fewer training flows is not learnt. */
const MIN_CLASS_ROWS = 8;

/** Flows of all weeks, and the names of their classes. */
export class SimulatedFlows {
  readonly set: FlowSet;
  /** Every class that occurs, by name. */
  readonly names: readonly string[];
  /** [N] index into `names` */
  readonly labels: Int32Array;
  readonly #keys: string[] = [];

  constructor(set: FlowSet) {
    this.set = set;
    this.names = [...new Set(set.app)].sort();
    const index = new Map(this.names.map((name, k) => [name, k]));
    this.labels = Int32Array.from(set.app, (name) => index.get(name) ?? -1);
  }

  /** Rows whose input is none of the others'. */
  unseen(rows: readonly number[], others: readonly number[]): number[] {
    const seen = new Set(others.map((row) => this.#key(row)));
    return rows.filter((row) => !seen.has(this.#key(row)));
  }

  /** Rows as a window in the bins of a reference. */
  windowOf(rows: readonly number[], bins: FlowBins): WindowFlows {
    const { timeFirstMs, sniDomain } = this.set;
    return {
      ...binFlows(driftColumns(this.#select(rows)), bins),
      classes: Int32Array.from(rows, (row) => this.labels[row] ?? -1),
      blocks: Int32Array.from(rows, (row) => Math.floor((timeFirstMs[row] ?? 0) / HOUR_MS)),
      domains: rows.map((row) => sniDomain[row] ?? ''),
    };
  }

  binsOf(rows: readonly number[]): FlowBins {
    return fitFlowBins(driftColumns(this.#select(rows)));
  }

  #select(rows: readonly number[]) {
    return selectFlows(this.set, rows);
  }

  #key(row: number): string {
    const { tabular, ppi, featureNames } = this.set;
    const F = featureNames.length;
    return (this.#keys[row] ??= createHash('sha1')
      .update(tabular.subarray(row * F, (row + 1) * F))
      .update(ppi.subarray(row * PPI_WIDTH, (row + 1) * PPI_WIDTH))
      .digest('base64'));
  }
}

/** What a version learns, in order of time. */
export interface VersionRows {
  readonly train: readonly number[];
  /** Later ones: they end the training, give the reject rule, and are what later errors are compared with. */
  readonly validation: readonly number[];
  /** What later flows are compared with. @default `train` */
  readonly reference?: readonly number[];
}

/** How a version is trained. */
export interface LightTraining {
  readonly boosting: Preset['boosting'];
  readonly seed: number;
  readonly setupDir: string;
  readonly threads: number;
}

/** A trained version. */
export class SimulatedVersion {
  readonly id: string;
  readonly #model: TrainedModel;
  readonly #flows: SimulatedFlows;
  /** Of the model's classes, their places among all names. */
  readonly #places: readonly number[];
  readonly reference: WindowFlows;
  readonly bins: FlowBins;
  readonly heldOut: Answered;

  private constructor(id: string, model: TrainedModel, flows: SimulatedFlows, rows: VersionRows) {
    this.id = id;
    this.#model = model;
    this.#flows = flows;
    this.#places = model.classes.map((name) => flows.names.indexOf(name));
    const reference = rows.reference ?? rows.train;
    this.bins = flows.binsOf(reference);
    this.reference = flows.windowOf(reference, this.bins);
    this.heldOut = this.answer(rows.validation).answered;
  }

  /**
   * Trains on the older rows; the newer ones end the training and give the reject rule.
   *
   * @throws PipelineError TRAINING_TOO_FEW_ROWS
   */
  static async train(
    id: string,
    flows: SimulatedFlows,
    rows: VersionRows,
    { boosting, seed, setupDir, threads }: LightTraining,
  ): Promise<SimulatedVersion> {
    const { set } = flows;
    const counts = new Map<string, number>();
    for (const row of rows.train) {
      const name = set.app[row] ?? '';
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const classes = flows.names.filter((name) => (counts.get(name) ?? 0) >= MIN_CLASS_ROWS);
    const later = flows.unseen(rows.validation, rows.train);
    const part = (of: readonly number[]) =>
      withClasses(
        selectFlows(set, of),
        of.map((row) => set.app[row] ?? ''),
        classes,
      );
    const [train, validation] = [part(rows.train), part(later)];
    if (classes.length < 2 || validation.flows.n === 0) {
      throw new PipelineError({
        code: 'TRAINING_TOO_FEW_ROWS',
        found: `${classes.length} classes with ${MIN_CLASS_ROWS} flows, ${validation.flows.n} later flows of them`,
        expected: 'two classes, and later flows to end the training by',
        fix: 'give more flows a week, or more weeks',
      });
    }
    const spec = { name: id, target: 'APP', kind: 'xgboost' } as const;
    const request = { train, validation, classes, seed, preset: 'simulated' };
    const fit = { setupDir, threads, onRound: () => undefined };
    const { model } = await fitTrees(spec, request, boosting, fit);
    const reject = fitRejectRule(
      model.predict(validation.flows),
      validation.labels,
      classes.length,
    );
    const rejecting = {
      ...{ kind: model.kind, classes: model.classes, featureNames: model.featureNames, reject },
      predict: (of: Parameters<typeof model.predict>[0]) => model.predict(of),
      save: (folder: string) => model.save(folder),
      dispose: () => {
        model.dispose();
      },
    };
    return new SimulatedVersion(id, rejecting, flows, { ...rows, validation: later });
  }

  /** What it says of rows: classes as places among all names. */
  answer(rows: readonly number[]): { readonly predicted: Int32Array; readonly answered: Answered } {
    const { set, labels } = this.#flows;
    const answers = answerFlows(this.#model, selectFlows(set, rows));
    const predicted = answers.predicted.map((k) => this.#places[k] ?? -1);
    return {
      predicted,
      answered: {
        n: rows.length,
        blocks: Int32Array.from(rows, (row) => Math.floor((set.timeFirstMs[row] ?? 0) / HOUR_MS)),
        right: Int8Array.from(rows, (row, i) => (predicted[i] === labels[row] ? 1 : 0)),
        confidence: answers.probability,
        rejected: answers.rejected ?? null,
      },
    };
  }

  dispose(): void {
    this.#model.dispose();
  }
}
