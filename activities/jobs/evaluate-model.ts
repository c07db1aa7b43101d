/** Scores models on rows they were not trained on. */
import { join } from 'node:path';
import type { Score, Selection, Split, Target } from '../../contracts/schemas/values.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { readFlowSet } from '../../feature-store/read-flows.js';
import { evaluate, type ClassScore } from '../../models/evaluation/classification.js';
import { plotConfusion } from '../../models/evaluation/confusion-plot.js';
import type { JobContext } from './index.js';
import { withLabels } from './label-flows.js';
import { openModel, openTransformer, type LocalModel } from './open-model.js';
import { STAGED, writePlots } from './staged-files.js';

/** Scores of one part of the data, with those of each class. */
export interface EvaluatedPart extends Score {
  readonly perClass: readonly ClassScore[];
}

/**
 * A score for each part with at least one row of a trained class; its confusion matrix is staged. A watched
 * week is scored whole, as it will be when it is new; of other parts, flows that training has seen are left out.
 */
export async function evaluateModelJob(
  input: {
    model: LocalModel;
    target: Target;
    split: Split;
    parts: readonly { partition: string; selection: Selection }[];
  },
  { layout, setupDir, stagingDir, progress }: JobContext,
): Promise<EvaluatedPart[]> {
  const { target, split, parts } = input;
  const { train, validate } = split.selections;
  const db = await FeatureDb.open();
  const transformer = await openTransformer(input.model);
  const model = await openModel(input.model, setupDir);
  try {
    const scores: EvaluatedPart[] = [];
    for (const { partition, selection } of parts) {
      progress(`${input.model.name} on ${partition}`);
      const source = {
        db,
        tablesRoot: layout.tables,
        version: split.features.version,
        transformer,
      };
      const without = split.watch.includes(partition)
        ? []
        : [{ selection: train }, { selection: validate }];
      const set = await readFlowSet(source, selection, { without });
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
