/** What a model says of every flow of a week, as staged rows of `predictions`. */
import type { Score } from '../../contracts/schemas/values.js';
import { wholeWeeks } from '../../domain/lifecycle/split-weeks.js';
import { stageRows } from '../../feature-store/append-rows.js';
import type { StagedFile } from '../../feature-store/delta/commit.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { PREDICTIONS } from '../../feature-store/engine-tables.js';
import { readFlowSet } from '../../feature-store/read-flows.js';
import { parseIsoWeek } from '../../feature-store/tables.js';
import { evaluate } from '../../models/evaluation/classification.js';
import { answerFlows } from '../../models/answer-flows.js';
import type { JobContext } from './index.js';
import { withLabels } from './label-flows.js';
import { openModel, openTransformer, type LocalModel } from './open-model.js';

/** Predictions of one week, staged, and their score. */
export interface PredictedWeek {
  readonly staged: readonly StagedFile[];
  /** Null when no row has a class the model knows. */
  readonly score: Score | null;
}

/** Predicts every flow of a week; the caller commits the staged rows. */
export async function predictFlowsJob(
  input: { model: LocalModel; version: number; week: string },
  { layout, setupDir, stagingDir }: JobContext,
): Promise<PredictedWeek> {
  const { model: local, version, week } = input;
  const db = await FeatureDb.open();
  const transformer = await openTransformer(local);
  const model = await openModel(local, setupDir);
  try {
    const source = { db, tablesRoot: layout.tables, version, transformer };
    const set = await readFlowSet(source, wholeWeeks([week]));
    const { probabilities, predicted, probability, rejected } = answerFlows(model, set);
    const K = model.classes.length;
    const { isoYear, isoWeek } = parseIsoWeek(week)!; // checked at the border of the task
    const rows = Array.from({ length: set.n }, (_, i) => ({
      iso_year: isoYear,
      iso_week: isoWeek,
      source_sha: set.sourceSha[i] ?? '',
      source_row: set.sourceRow[i] ?? 0,
      time_first: new Date(set.timeFirstMs[i] ?? 0),
      model: local.name,
      model_version: local.version,
      features_version: version,
      app: set.app[i] ?? '',
      predicted: model.classes[predicted[i] ?? 0] ?? '',
      probability: probability[i] ?? 0,
      transformer: local.transformer,
      rejected: rejected === undefined ? null : rejected[i] === 1,
    }));
    const tags = { model: local.name, model_version: local.version };
    const staged = await stageRows({ db, schema: PREDICTIONS, rows, stagingDir, tags });
    const { rows: known, labels, rowsUnseenClass } = withLabels(set, 'APP', model.classes);
    if (known.length === 0) return { staged, score: null };
    const ofKnown = new Float32Array(known.length * K);
    known.forEach((row, i) => ofKnown.set(probabilities.subarray(row * K, (row + 1) * K), i * K));
    const scores = evaluate(ofKnown, labels, model.classes);
    const { accuracy, macroF1, weightedF1 } = scores;
    return {
      staged,
      score: {
        partition: week,
        rows: known.length,
        rowsUnseenClass,
        accuracy,
        macroF1,
        weightedF1,
      },
    };
  } finally {
    model.dispose();
    db.close();
  }
}
