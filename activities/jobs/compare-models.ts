/** Champion against challenger on rows that neither has seen. */
import type { Score } from '../../contracts/schemas/values.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { readPart, type FlowSet } from '../../feature-store/read-flows.js';
import type { Selections } from '../../feature-store/select-rows.js';
import { alignClasses } from '../../models/evaluation/class-columns.js';
import { evaluate } from '../../models/evaluation/classification.js';
import type { TrainedModel } from '../../models/model.js';
import type { JobContext } from './index.js';
import { withLabels } from './label-flows.js';
import { openModel, openTransformer, type LocalModel } from './open-model.js';

/** Scores of both on the same rows; a class that a model does not know counts against it. */
export async function compareModelsJob(
  input: {
    champion: LocalModel;
    challenger: LocalModel;
    version: number;
    partition: string;
    /** Of the challenger's split; both are scored on the test rows. */
    selections: Selections;
  },
  { layout, setupDir }: JobContext,
): Promise<{ champion: Score; challenger: Score }> {
  const { version, selections } = input;
  const db = await FeatureDb.open();
  const rowsFor = async (local: LocalModel): Promise<FlowSet> => {
    const transformer = await openTransformer(local);
    return readPart({ db, tablesRoot: layout.tables, version, transformer }, selections, 'test');
  };
  const models = [
    await openModel(input.champion, setupDir),
    await openModel(input.challenger, setupDir),
  ] as const;
  try {
    const classes = [...new Set(models.flatMap((model) => model.classes))].sort();
    const score = async (local: LocalModel, model: TrainedModel): Promise<Score> => {
      const known = withLabels(await rowsFor(local), 'APP', classes);
      const probabilities = alignClasses(model.predict(known.flows), model.classes, classes);
      const { accuracy, macroF1, weightedF1 } = evaluate(probabilities, known.labels, classes);
      const { partition } = input;
      return {
        partition,
        rows: known.flows.n,
        rowsUnseenClass: known.rowsUnseenClass,
        accuracy,
        macroF1,
        weightedF1,
      };
    };
    return {
      champion: await score(input.champion, models[0]),
      challenger: await score(input.challenger, models[1]),
    };
  } finally {
    for (const model of models) model.dispose();
    db.close();
  }
}
