/** A light model of flows in memory, with what is needed to judge later flows by it. */
import { PipelineError } from '../../contracts/errors.js';
import type { Preset } from '../../contracts/schemas/values.js';
import type { Answered, WindowFlows } from '../../domain/drift/judge-window.js';
import {
  binFlows,
  fitFlowBins,
  type FlowBins,
  type FlowColumns,
} from '../../domain/drift/bin-flows.js';
import type { FlowSet } from '../../feature-store/read-flows.js';
import { answerFlows } from '../../models/answer-flows.js';
import { selectFlows, type FlowSet as FlowInputs, type TrainedModel } from '../../models/model.js';
import { fitRejectRule, type RejectRule } from '../../models/open-world/reject-rule.js';
import { driftColumns } from './drift-columns.js';
import { fitTrees } from './fit-trees.js';
import { inputHashes } from './input-hashes.js';
import { frequentClasses, withClasses } from './label-flows.js';

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

  constructor(set: FlowSet) {
    this.set = set;
    this.names = [...new Set(set.app)].sort();
    const index = new Map(this.names.map((name, k) => [name, k]));
    this.labels = Int32Array.from(set.app, (name) => index.get(name) ?? -1);
  }

  /** Rows whose input is none of the others'. */
  unseen(rows: readonly number[], others: readonly number[]): number[] {
    const seen = new Set(inputHashes(this.select(others), true));
    const own = inputHashes(this.select(rows), true);
    return rows.filter((_, i) => !seen.has(own[i] ?? ''));
  }

  /** Rows as a reference, and the bins that they fix. */
  referenceOf(rows: readonly number[]): { readonly bins: FlowBins; readonly window: WindowFlows } {
    const columns = driftColumns(this.select(rows));
    const bins = fitFlowBins(columns);
    return { bins, window: this.#window(rows, columns, bins) };
  }

  /** Rows as a window in the bins of a reference. */
  windowOf(rows: readonly number[], bins: FlowBins): WindowFlows {
    return this.#window(rows, driftColumns(this.select(rows)), bins);
  }

  /** [rows] hour of each */
  hoursOf(rows: readonly number[]): Int32Array {
    return Int32Array.from(rows, (row) => Math.floor((this.set.timeFirstMs[row] ?? 0) / HOUR_MS));
  }

  /** What a model reads of rows. */
  select(rows: readonly number[]) {
    return selectFlows(this.set, rows);
  }

  #window(rows: readonly number[], columns: FlowColumns, bins: FlowBins): WindowFlows {
    return {
      ...binFlows(columns, bins),
      classes: Int32Array.from(rows, (row) => this.labels[row] ?? -1),
      blocks: this.hoursOf(rows),
      domains: rows.map((row) => this.set.sniDomain[row] ?? ''),
    };
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
  readonly #reject: RejectRule;
  readonly #flows: SimulatedFlows;
  /** Of the model's classes, their places among all names. */
  readonly #places: readonly number[];
  readonly reference: WindowFlows;
  readonly bins: FlowBins;
  readonly heldOut: Answered;

  private constructor(
    id: string,
    { model, reject }: { readonly model: TrainedModel; readonly reject: RejectRule },
    flows: SimulatedFlows,
    rows: VersionRows,
  ) {
    this.id = id;
    this.#model = model;
    this.#reject = reject;
    this.#flows = flows;
    this.#places = model.classes.map((name) => flows.names.indexOf(name));
    const { bins, window } = flows.referenceOf(rows.reference ?? rows.train);
    this.bins = bins;
    this.reference = window;
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
    const namesOf = (of: readonly number[]) => of.map((row) => flows.set.app[row] ?? '');
    const { classes } = frequentClasses(namesOf(rows.train), MIN_CLASS_ROWS);
    const later = flows.unseen(rows.validation, rows.train);
    const part = (of: readonly number[]) => withClasses(flows.select(of), namesOf(of), classes);
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
    return new SimulatedVersion(id, { model, reject }, flows, { ...rows, validation: later });
  }

  /** What it says of rows: classes as places among all names. */
  answer(rows: readonly number[]): { readonly predicted: Int32Array; readonly answered: Answered } {
    const { classes } = this.#model;
    const asked = {
      ...{ classes, reject: this.#reject },
      predict: (flows: FlowInputs) => this.#model.predict(flows),
    };
    const answers = answerFlows(asked, this.#flows.select(rows));
    const predicted = answers.predicted.map((k) => this.#places[k] ?? -1);
    const { labels } = this.#flows;
    return {
      predicted,
      answered: {
        n: rows.length,
        ...{ blocks: this.#flows.hoursOf(rows), predicted },
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
