/** Finds the weights of an ensemble on the validation rows. */
import { join } from 'node:path';
import type { Preset, Split, Target } from '../../contracts/schemas/values.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { EnsembleModel } from '../../models/ensemble/model.js';
import { fitEnsembleWeights } from '../../models/ensemble/weights.js';
import { evaluate } from '../../models/evaluation/classification.js';
import { plotConfusion } from '../../models/evaluation/confusion-plot.js';
import type { JobContext } from './index.js';
import { openModel, type LocalModel } from './open-model.js';
import { readSelection, withLabels } from './select-flows.js';
import { STAGED, writePlots } from './staged-files.js';

/** Weights by member; each is >= 0 and they add up to 1. */
export interface FittedEnsemble {
  readonly weights: Readonly<Record<string, number>>;
  readonly rows: number;
  /** Macro-F1 of each member alone and of the ensemble, on the validation rows. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Weights that score best on the split's validation rows. */
export async function fitEnsembleJob(
  input: {
    name: string;
    target: Target;
    members: readonly LocalModel[];
    split: Split;
    preset: Preset;
  },
  { layout, setupDir, stagingDir, progress }: JobContext,
): Promise<FittedEnsemble> {
  const { name, target, members, split, preset } = input;
  const db = await FeatureDb.open();
  const source = { db, tablesRoot: layout.tables, version: split.features.version };
  const set = await readSelection(source, split.selections.validate).finally(() => db.close());

  const models = await Promise.all(members.map((member) => openModel(member, setupDir)));
  const classes = models[0]?.classes ?? [];
  const { flows, labels } = withLabels(set, target, classes);
  const probabilities = models.map((model, m) => {
    progress(`${members[m]?.name} on ${flows.n} validation rows`);
    return model.predict(flows);
  });
  const { weights } = fitEnsembleWeights(probabilities, labels, classes.length);
  const ensemble = new EnsembleModel(
    models.map((model, m) => ({
      name: members[m]!.name, // models and members are parallel
      version: members[m]!.version,
      weight: weights[m] ?? 0,
      model,
    })),
    { preset: preset.name, seed: preset.seed },
  );
  try {
    const scores = evaluate(ensemble.predict(flows), labels, classes);
    await ensemble.save(join(stagingDir, STAGED.model));
    const title = `${name}, validation ${split.validate.at(-1) ?? ''}`;
    await writePlots(join(stagingDir, STAGED.plots), {
      'confusion-validation.svg': await plotConfusion(scores, title),
    });
    const alone = members.map(
      (member, m) =>
        [
          `validate.macroF1.${member.name}`,
          evaluate(probabilities[m]!, labels, classes).macroF1,
        ] as const, // parallel
    );
    return {
      weights: Object.fromEntries(members.map((member, m) => [member.name, weights[m] ?? 0])),
      rows: flows.n,
      metrics: {
        ...Object.fromEntries(alone),
        'validate.accuracy': scores.accuracy,
        'validate.macroF1': scores.macroF1,
        'validate.weightedF1': scores.weightedF1,
        'validate.logloss': scores.logloss,
        'validate.ece': scores.ece,
      },
    };
  } finally {
    ensemble.dispose();
  }
}
