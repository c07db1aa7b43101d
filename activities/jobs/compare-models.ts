/** Champion against challenger on flows that neither has seen. */
import type { GateEvidence } from '../../contracts/lifecycle.js';
import type { Score, Selection, Split } from '../../contracts/schemas/values.js';
import { seededRandom } from '../../contracts/seeded-random.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { evaluate } from '../../models/evaluation/classification.js';
import { gateEvidence } from '../../models/evaluation/gate-evidence.js';
import { latencyRatio } from '../../models/evaluation/latency-ratio.js';
import { askBoth, type AskedModel } from './ask-both.js';
import type { JobContext } from './index.js';
import { openModel, type LocalModel } from './open-model.js';

/** A version on this disk, and what it was trained on. */
export interface ComparedModel {
  readonly local: LocalModel;
  readonly split: Split;
}

/** What both are asked. */
export interface CompareRequest {
  readonly champion: ComparedModel;
  readonly challenger: ComparedModel;
  /** Version of `flow_features`. */
  readonly version: number;
  readonly selection: Selection;
  /** Name of the rows in the challenger's scores. */
  readonly partition: string;
}

/** Evidence for the gate, and the challenger's scores; a class that a model does not know counts against it. */
export async function compareModelsJob(
  { champion, challenger, version, selection, partition }: CompareRequest,
  { layout, setupDir }: JobContext,
): Promise<{ gate: GateEvidence; score: Score }> {
  const opened: AskedModel[] = [];
  const db = await FeatureDb.open();
  try {
    for (const one of [champion, challenger])
      opened.push({ ...one, model: await openModel(one.local, setupDir) });
    const [before, after] = opened as [AskedModel, AskedModel]; // one for each
    const classes = [...new Set(opened.flatMap(({ model }) => model.classes))].sort();
    const source = { db, tablesRoot: layout.tables, version };
    const request = { ...source, selection, target: 'APP', classes } as const;
    const answers = await askBoth([before, after], request);
    const { flows, labels, probabilities, rowsUnseenClass } = answers;
    const gate = gateEvidence(answers, classes, {
      random: seededRandom('gate', challenger.local.version),
      latencyRatio: latencyRatio(
        { model: before.model, flows: flows[0] },
        { model: after.model, flows: flows[1] },
      ),
    });
    const { rows, accuracy, macroF1, weightedF1 } = evaluate(probabilities[1], labels, classes);
    return { gate, score: { partition, rows, rowsUnseenClass, accuracy, macroF1, weightedF1 } };
  } finally {
    for (const { model } of opened) model.dispose();
    db.close();
  }
}
