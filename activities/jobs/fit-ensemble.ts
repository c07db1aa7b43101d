/** Fits an ensemble on the validation rows. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../../contracts/errors.js';
import type { Preset, Split, Target } from '../../contracts/schemas/values.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { readPart } from '../../feature-store/read-flows.js';
import { TRANSFORMER_FILE } from '../../feature-store/transformer-store.js';
import { EnsembleModel } from '../../models/ensemble/model.js';
import { combineProbabilities, fitCombination } from '../../models/ensemble/combination.js';
import type { Interval } from '../../models/evaluation/bootstrap.js';
import { evaluate } from '../../models/evaluation/classification.js';
import { plotConfusion } from '../../models/evaluation/confusion-plot.js';
import { plotReliability } from '../../models/evaluation/reliability-plot.js';
import { fitRejectRule } from '../../models/open-world/reject-rule.js';
import type { JobContext } from './index.js';
import { withLabels } from './label-flows.js';
import { openModel, openTransformer, type LocalModel } from './open-model.js';
import { STAGED, writePlots } from './staged-files.js';

/** Weights by member; each is >= 0 and they add up to 1. */
export interface FittedEnsemble {
  readonly weights: Readonly<Record<string, number>>;
  readonly rows: number;
  /** Hash of the transformer of all members, which lies in the ensemble's folder too; null for members without one. */
  readonly transformer: string | null;
  /** Macro-F1 of each member alone and of the ensemble, on the validation rows. */
  readonly metrics: Readonly<Record<string, number>>;
}

/**
 * Weights or stacking, temperature and threshold from the validation rows of the split.
 *
 * @throws PipelineError ENSEMBLE_MEMBERS when the members' transformers differ
 */
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
  const [first] = members;
  requireOneTransformer(members);
  const transformer = first === undefined ? null : await openTransformer(first);
  const source = { db, tablesRoot: layout.tables, version: split.features.version, transformer };
  const set = await readPart(source, split.selections, 'validate').finally(() => db.close());

  const models = await Promise.all(members.map((member) => openModel(member, setupDir)));
  const classes = models[0]?.classes ?? [];
  const { flows, labels, rows } = withLabels(set, target, classes);
  const timeFirstMs = Float64Array.from(rows, (row) => set.timeFirstMs[row] ?? 0);
  const probabilities = models.map((model, m) => {
    progress(`${members[m]?.name} on ${flows.n} validation rows`);
    return model.predict(flows);
  });
  const answers = { members: probabilities, labels, timeFirstMs, classCount: classes.length };
  const fitted = fitCombination(answers, preset.seed);
  const { weights, stacking, temperature, gain, stackingGain } = fitted;
  const together = combineProbabilities(probabilities, fitted, classes.length);
  const uncalibrated = combineProbabilities(
    probabilities,
    { ...fitted, temperature: 1 },
    classes.length,
  );
  const ensemble = new EnsembleModel(
    models.map((model, m) => ({
      name: members[m]!.name, // models and members are parallel
      version: members[m]!.version,
      weight: weights[m] ?? 0,
      model,
    })),
    {
      ...{ preset: preset.name, seed: preset.seed, temperature, stacking },
      reject: fitRejectRule(together, labels, classes.length),
    },
  );
  try {
    const scores = evaluate(together, labels, classes);
    const folder = join(stagingDir, STAGED.model);
    await ensemble.save(folder);
    if (transformer !== null)
      await writeFile(join(folder, TRANSFORMER_FILE), `${JSON.stringify(transformer)}\n`);
    const title = `${name}, validation ${split.validate.at(-1) ?? ''}`;
    await writePlots(join(stagingDir, STAGED.plots), {
      'confusion-validation.svg': await plotConfusion(scores, title),
      'reliability-validation.svg': await plotReliability(
        [
          { name: 'temperature 1', bins: evaluate(uncalibrated, labels, classes).reliability },
          { name: `temperature ${temperature.toFixed(2)}`, bins: scores.reliability },
        ],
        title,
      ),
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
      transformer: first?.transformer ?? null,
      metrics: {
        ...Object.fromEntries(alone),
        'validate.accuracy': scores.accuracy,
        'validate.macroF1': scores.macroF1,
        'validate.weightedF1': scores.weightedF1,
        'validate.logloss': scores.logloss,
        'validate.ece': scores.ece,
        ...intervalMetrics('validate.gain.macroF1', gain.macroF1),
        ...intervalMetrics('validate.stackingGain.macroF1', stackingGain.macroF1),
        stacked: stacking === undefined ? 0 : 1,
        temperature,
      },
    };
  } finally {
    ensemble.dispose();
  }
}

function intervalMetrics(name: string, { value, lower, upper }: Interval): Record<string, number> {
  return { [name]: value, [`${name}.lower`]: lower, [`${name}.upper`]: upper };
}

function requireOneTransformer(members: readonly LocalModel[]): void {
  const names = members.map(({ name, transformer }) => `${name}: ${transformer ?? 'none'}`);
  if (new Set(members.map(({ transformer }) => transformer)).size <= 1) return;
  throw new PipelineError({
    code: 'ENSEMBLE_MEMBERS',
    found: `members with inputs of different transformers: ${names.join(', ')}`,
    expected: 'members that were trained on the same split, with one transformer',
    fix: 'train the members anew, in one run',
  });
}
