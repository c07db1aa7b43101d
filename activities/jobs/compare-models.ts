/** Champion against challenger on rows that neither has seen. */
import type { Score, Selection } from '../../contracts/schemas/values.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { evaluate } from '../../models/evaluation/classification.js';
import type { TrainedModel } from '../../models/model.js';
import type { JobContext } from './index.js';
import { openModel, type LocalModel } from './open-model.js';
import { readSelection, withLabels } from './select-flows.js';

/** Scores of both on the same rows; a class that a model does not know counts against it. */
export async function compareModelsJob(
  input: {
    champion: LocalModel;
    challenger: LocalModel;
    version: number;
    partition: string;
    selection: Selection;
  },
  { layout, setupDir }: JobContext,
): Promise<{ champion: Score; challenger: Score }> {
  const db = await FeatureDb.open();
  const source = { db, tablesRoot: layout.tables, version: input.version };
  const set = await readSelection(source, input.selection).finally(() => db.close());
  const models = [
    await openModel(input.champion, setupDir),
    await openModel(input.challenger, setupDir),
  ] as const;
  try {
    const classes = [...new Set(models.flatMap((model) => model.classes))].sort();
    const known = withLabels(set, 'APP', classes);
    const score = (model: TrainedModel): Score => {
      const probabilities = spread(model, known.flows, classes);
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
    return { champion: score(models[0]), challenger: score(models[1]) };
  } finally {
    for (const model of models) model.dispose();
  }
}

/** Probabilities [N, K of the model] in the columns of `classes`; 0 where the model knows no such class. */
function spread(
  model: TrainedModel,
  flows: Parameters<TrainedModel['predict']>[0],
  classes: readonly string[],
): Float32Array {
  const own = model.predict(flows);
  const columns = model.classes.map((name) => classes.indexOf(name));
  const spreadOut = new Float32Array(flows.n * classes.length);
  for (let i = 0; i < flows.n; i++) {
    columns.forEach((column, k) => {
      spreadOut[i * classes.length + column] = own[i * model.classes.length + k] ?? 0;
    });
  }
  return spreadOut;
}
