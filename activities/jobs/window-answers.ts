/** What a model version says of the flows of a window. N flows, K classes. */
import type { Score } from '../../contracts/schemas/values.js';
import type { Answered } from '../../domain/drift/judge-window.js';
import { stageRows } from '../../feature-store/append-rows.js';
import type { StagedFile } from '../../feature-store/delta/commit.js';
import type { FeatureDb } from '../../feature-store/duckdb.js';
import { PREDICTIONS } from '../../feature-store/engine-tables.js';
import type { FlowSet } from '../../feature-store/read-flows.js';
import { UNLABELLED } from '../../feature-store/sources/flow-columns.js';
import { parseIsoWeek } from '../../feature-store/tables.js';
import { answerFlows, type Answers } from '../../models/answer-flows.js';
import {
  confusionMatrix,
  evaluate,
  scoreConfusion,
} from '../../models/evaluation/classification.js';
import type { TrainedModel } from '../../models/model.js';
import { withLabels } from './label-flows.js';
import type { LocalModel } from './open-model.js';

const HOUR_MS = 3_600_000;

/** A window as one version answered it. */
export class WindowAnswers {
  readonly #set: FlowSet;
  readonly #classes: readonly string[];
  readonly #answers: Answers;
  /** [N] name of the class */
  readonly #predicted: readonly string[];

  /** Asks the model; it may be disposed afterwards. */
  constructor(model: TrainedModel, set: FlowSet) {
    this.#set = set;
    this.#classes = model.classes;
    this.#answers = answerFlows(model, set);
    this.#predicted = Array.from(this.#answers.predicted, (k) => model.classes[k] ?? '');
  }

  /** As drift is judged by. */
  answered(): Answered {
    const { app, n } = this.#set;
    return {
      n,
      blocks: hoursOf(this.#set),
      predicted: this.#answers.predicted,
      right: Int8Array.from(app, (name, i) => {
        if (name === UNLABELLED) return -1;
        return name === this.#predicted[i] ? 1 : 0;
      }),
      confidence: this.#answers.probability,
      rejected: this.#answers.rejected ?? null,
    };
  }

  /** Over the labelled flows, [0, 1]; a class that the model does not know counts against it. Null without labels. */
  weightedF1(): number | null {
    const { app } = this.#set;
    const labelled = [...app.keys()].filter((i) => app[i] !== UNLABELLED);
    if (labelled.length === 0) return null;
    const names = [...new Set([...app, ...this.#predicted])];
    const index = new Map(names.map((name, k) => [name, k]));
    const codes = (of: readonly string[]): Int32Array =>
      Int32Array.from(labelled, (i) => index.get(of[i] ?? '') ?? 0); // every name has a place
    const confusion = confusionMatrix(codes(app), codes(this.#predicted), names.length);
    return scoreConfusion(confusion, names).weightedF1;
  }

  /** As every model is scored: over flows of classes that it knows; null when there are none. */
  score(partition: string): Score | null {
    const { rows, labels, rowsUnseenClass } = withLabels(this.#set, 'APP', this.#classes);
    if (rows.length === 0) return null;
    const K = this.#classes.length;
    const ofKnown = new Float32Array(rows.length * K); // [N, K]
    const { probabilities } = this.#answers;
    rows.forEach((row, i) => ofKnown.set(probabilities.subarray(row * K, (row + 1) * K), i * K));
    const { accuracy, macroF1, weightedF1 } = evaluate(ofKnown, labels, this.#classes);
    return { partition, rows: rows.length, rowsUnseenClass, accuracy, macroF1, weightedF1 };
  }

  /** Rows of `predictions` for an ISO week, staged. */
  stage(
    week: string,
    local: LocalModel,
    featuresVersion: number,
    to: { readonly db: FeatureDb; readonly stagingDir: string },
  ): Promise<StagedFile[]> {
    const set = this.#set;
    const { probability, rejected } = this.#answers;
    const { isoYear, isoWeek } = parseIsoWeek(week)!; // checked at the border of the task
    const rows = this.#predicted.map((predicted, i) => ({
      iso_year: isoYear,
      iso_week: isoWeek,
      source_sha: set.sourceSha[i] ?? '',
      source_row: set.sourceRow[i] ?? 0,
      time_first: new Date(set.timeFirstMs[i] ?? 0),
      model: local.name,
      model_version: local.version,
      features_version: featuresVersion,
      app: set.app[i] ?? '',
      predicted,
      probability: probability[i] ?? 0,
      transformer: local.transformer,
      rejected: rejected === undefined ? null : rejected[i] === 1,
    }));
    const tags = { model: local.name, model_version: local.version };
    return stageRows({ ...to, schema: PREDICTIONS, rows, tags });
  }
}

/** [N] hour of each flow, from 1970 */
export function hoursOf({ timeFirstMs }: FlowSet): Int32Array {
  return Int32Array.from(timeFirstMs, (time) => Math.floor(time / HOUR_MS));
}
