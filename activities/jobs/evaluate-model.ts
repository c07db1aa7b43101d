/** Scores models on rows they were not trained on. */
import { join } from 'node:path';
import type { Score, Selection, Target } from '../../contracts/schemas/values.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { evaluate, type ClassScore } from '../../models/evaluation/classification.js';
import { plotConfusion } from '../../models/evaluation/confusion-plot.js';
import type { JobContext } from './index.js';
import { openModel, type LocalModel } from './open-model.js';
import { readSelection, withLabels } from './select-flows.js';
import { STAGED, writePlots } from './staged-files.js';

/** Scores of one part of the data, with those of each class. */
export interface EvaluatedPart extends Score {
  readonly perClass: readonly ClassScore[];
}

/** A score for each part with at least one row of a trained class; its confusion matrix is staged. */
export async function evaluateModelJob(
  input: {
    model: LocalModel;
    target: Target;
    version: number;
    parts: readonly { partition: string; selection: Selection }[];
  },
  { layout, setupDir, stagingDir, progress }: JobContext,
): Promise<EvaluatedPart[]> {
  const { target, version, parts } = input;
  const db = await FeatureDb.open();
  const model = await openModel(input.model, setupDir);
  try {
    const scores: EvaluatedPart[] = [];
    for (const { partition, selection } of parts) {
      progress(`${input.model.name} on ${partition}`);
      const set = await readSelection({ db, tablesRoot: layout.tables, version }, selection);
      const { flows, labels, rowsUnseenClass } = withLabels(set, target, model.classes);
      if (flows.n === 0) continue;
      const evaluation = evaluate(model.predict(flows), labels, model.classes);
      await writePlots(join(stagingDir, STAGED.plots), {
        [`confusion-${partition}.svg`]: await plotConfusion(
          evaluation,
          `${input.model.name} version ${input.model.version}, ${partition}`,
        ),
      });
      const { accuracy, macroF1, weightedF1, perClass } = evaluation;
      const rows = flows.n;
      scores.push({ partition, rows, rowsUnseenClass, accuracy, macroF1, weightedF1, perClass });
    }
    return scores;
  } finally {
    model.dispose();
    db.close();
  }
}
