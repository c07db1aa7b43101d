/** Two models' answers to the same flows, which neither was made with. */
import type { Selection, Split, Target } from '../../contracts/schemas/values.js';
import type { FeatureDb } from '../../feature-store/duckdb.js';
import { readFlowSet, type SeenRows } from '../../feature-store/read-flows.js';
import { alignClasses } from '../../models/evaluation/class-columns.js';
import { predictedClasses } from '../../models/evaluation/classification.js';
import type { PairedFlows } from '../../models/evaluation/comparison.js';
import type { FlowSet, TrainedModel } from '../../models/model.js';
import { withLabels } from './label-flows.js';
import { openTransformer, type LocalModel } from './open-model.js';

/** A loaded model, and what it was trained on. */
export interface AskedModel {
  readonly split: Split;
  readonly local: LocalModel;
  readonly model: TrainedModel;
}

/** What both said. */
export interface BothAnswers extends PairedFlows {
  /** The flows, as each of the two takes them. */
  readonly flows: readonly [FlowSet, FlowSet];
  /** [N, K] each, columns in the order of the classes. */
  readonly probabilities: readonly [Float32Array, Float32Array];
  /** Flows of classes that neither knows; they are not asked about. */
  readonly rowsUnseenClass: number;
}

/**
 * Asks both about the rows of a selection that equal no row either was trained or validated on.
 *
 * @param request.classes [K] of both; what one does not know has the probability 0
 * @param request.version of `flow_features`. @default the newest
 * @throws PipelineError as `readFlowSet`, TRANSFORMER_FILE
 */
export async function askBoth(
  both: readonly [AskedModel, AskedModel],
  request: {
    readonly db: FeatureDb;
    readonly tablesRoot: string;
    readonly version?: number;
    readonly selection: Selection;
    readonly target: Target;
    readonly classes: readonly string[];
  },
): Promise<BothAnswers> {
  const { selection, target, classes, ...source } = request;
  const without = both.flatMap(({ split }) => seenBy(split));
  const one = async ({ local, model }: AskedModel) => {
    const transformer = await openTransformer(local);
    const set = await readFlowSet({ ...source, transformer }, selection, { without });
    const { flows, labels, rows, rowsUnseenClass } = withLabels(set, target, classes);
    const probabilities = alignClasses(model.predict(flows), model.classes, classes);
    const predicted = predictedClasses(probabilities, classes.length);
    const confidence = Float64Array.from(
      predicted,
      (k, i) => probabilities[i * classes.length + k] ?? 0,
    );
    const timeFirstMs = Float64Array.from(rows, (row) => set.timeFirstMs[row] ?? 0);
    return { flows, labels, timeFirstMs, probabilities, predicted, confidence, rowsUnseenClass };
  };
  const [a, b] = [await one(both[0]), await one(both[1])];
  return {
    ...a, // the same rows in the same order
    flows: [a.flows, b.flows],
    probabilities: [a.probabilities, b.probabilities],
    predicted: [a.predicted, b.predicted],
    confidence: [a.confidence, b.confidence],
  };
}

/** Training and validation rows, as they were then. */
function seenBy({ selections, features: { version } }: Split): SeenRows[] {
  const { train, validate } = selections;
  return [train, validate].map((selection) => ({ selection, version }));
}
