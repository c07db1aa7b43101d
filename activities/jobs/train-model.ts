/** Trains one model on the split's rows and leaves its folder and pictures in the staging folder. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../../contracts/errors.js';
import type { ModelSpec, Preset, Split, Target } from '../../contracts/schemas/values.js';
import { MODEL_VIEW } from '../../domain/traffic/feature-views.js';
import type { Label, Transformer } from '../../domain/traffic/transformer.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { readPart } from '../../feature-store/read-flows.js';
import { openTrainingSet } from '../../feature-store/training-set.js';
import { TRANSFORMER_FILE, transformerHash } from '../../feature-store/transformer-store.js';
import type { BoostedModel } from '../../models/boosting/model.js';
import { evaluate } from '../../models/evaluation/classification.js';
import { plotConfusion } from '../../models/evaluation/confusion-plot.js';
import { plotLearningCurve } from '../../models/evaluation/learning-curve-plot.js';
import type {
  LabelledFlows,
  NetworkKind,
  TrainedModel,
  TrainingRequest,
} from '../../models/model.js';
import type { ClassifierRequest } from '../../models/tensorflow/classifier.js';
import { trainCnn } from '../../models/tensorflow/cnn/train.js';
import { findTensorflowLibrary } from '../../models/tensorflow/library.js';
import { trainLstm } from '../../models/tensorflow/lstm/train.js';
import type { NetworkSettings } from '../../models/tensorflow/settings.js';
import { trainTwoBranch } from '../../models/tensorflow/two-branch/train.js';
import { fitTrees, importancePlots } from './fit-trees.js';
import type { JobContext } from './index.js';
import { STAGED, writePlots } from './staged-files.js';
import { classesOf, withLabels } from './label-flows.js';

/** A trained model as its job leaves it; the files lie in the staging folder. */
export interface TrainedStage {
  readonly classes: readonly string[];
  /** Hash of the transformer in the model's folder. */
  readonly transformer: string;
  readonly rows: { readonly train: number; readonly validate: number };
  readonly params: Readonly<Record<string, string>>;
  /** Metrics after each round or epoch, from 1. */
  readonly history: readonly Readonly<Record<string, number>>[];
  /** Metrics of the model that was kept, on the validation rows. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Trains one model of the split. */
export async function trainModelJob(
  { model, split, preset }: { model: ModelSpec; split: Split; preset: Preset },
  context: JobContext,
): Promise<TrainedStage> {
  const input = { split, target: model.target, minRowsPerClass: preset.minRowsPerClass };
  const { transformer, classes, train, validation } = await readTrainingSet(input, context);
  if (classes.length < 2 || validation.flows.n === 0) {
    throw new PipelineError({
      code: 'TRAINING_TOO_FEW_ROWS',
      found: `${classes.length} classes with ${preset.minRowsPerClass} training rows or more, ${validation.flows.n} validation rows of these`,
      expected: 'at least 2 classes and one validation row',
      fix: 'ingest more flows, or lower minRowsPerClass in the preset',
    });
  }
  const request = {
    ...{ train, validation, classes, preset: preset.name, seed: preset.seed },
    shouldStop: context.shouldStop,
  };
  const trained = await fit(model, request, preset, context);
  try {
    const scores = evaluate(trained.model.predict(validation.flows), validation.labels, classes);
    const folder = join(context.stagingDir, STAGED.model);
    await trained.model.save(folder);
    await writeFile(join(folder, TRANSFORMER_FILE), `${JSON.stringify(transformer)}\n`);
    const title = `${model.name}, validation ${split.validate.at(-1) ?? ''}`;
    await writePlots(join(context.stagingDir, STAGED.plots), {
      'confusion-validation.svg': await plotConfusion(scores, title),
      'learning-curve.svg': await plotLearningCurve(trained.curves, {
        title: model.name,
        x: trained.step,
        y: 'loss',
        best: trained.best,
      }),
      ...(trained.trees !== null &&
        (await importancePlots(trained.trees, validation.flows, title))),
    });
    return {
      classes,
      transformer: transformerHash(transformer),
      rows: { train: train.flows.n, validate: validation.flows.n },
      params: trained.params,
      history: trained.history,
      metrics: {
        [`best.${trained.step}`]: trained.best,
        'validate.accuracy': scores.accuracy,
        'validate.macroF1': scores.macroF1,
        'validate.weightedF1': scores.weightedF1,
        'validate.logloss': scores.logloss,
        'validate.ece': scores.ece,
      },
    };
  } finally {
    trained.model.dispose();
  }
}

const LABELS: Readonly<Record<Target, Label>> = {
  APP: 'app',
  CATEGORY: 'category',
  VPN: 'category',
};

interface LabelledParts {
  readonly transformer: Transformer;
  readonly classes: readonly string[];
  readonly train: LabelledFlows;
  readonly validation: LabelledFlows;
}

/**
 * The training and validation rows of known classes as they were known at the split's version, and what made
 * their columns. What was read beside them is not held while the model trains.
 */
async function readTrainingSet(
  {
    split: { features, selections },
    target,
    minRowsPerClass,
  }: { split: Split; target: Target; minRowsPerClass: number },
  { layout, stagingDir }: JobContext,
): Promise<LabelledParts> {
  const db = await FeatureDb.open({ tempDirectory: join(stagingDir, 'spill') });
  try {
    const { tables: tablesRoot } = layout;
    const { version } = features;
    const label = LABELS[target];
    const { transformer } = await db.session((session) =>
      openTrainingSet(session, { tablesRoot, view: MODEL_VIEW, label, selections, version }),
    );
    const source = { db, tablesRoot, version, transformer };
    const trainSet = await readPart(source, selections, 'train');
    const validateSet = await readPart(source, selections, 'validate');
    const { classes } = classesOf(trainSet, target, minRowsPerClass);
    const train = withLabels(trainSet, target, classes);
    return { transformer, classes, train, validation: withLabels(validateSet, target, classes) };
  } finally {
    db.close();
  }
}

interface Fitted {
  readonly model: TrainedModel;
  readonly step: 'round' | 'epoch';
  readonly best: number;
  readonly params: Readonly<Record<string, string>>;
  readonly history: readonly Readonly<Record<string, number>>[];
  readonly curves: readonly { readonly name: string; readonly values: readonly number[] }[];
  readonly trees: BoostedModel | null;
}

async function fit(
  spec: ModelSpec,
  request: TrainingRequest,
  preset: Preset,
  { setupDir, checkpointDir, threads: available, progress }: JobContext,
): Promise<Fitted> {
  if (spec.kind === 'xgboost' || spec.kind === 'lightgbm') {
    const threads = Math.max(1, Math.floor(available / 2)); // two trainings share the machine
    const fitted = await fitTrees({ ...spec, kind: spec.kind }, request, preset.boosting, {
      ...{ setupDir, threads },
      onRound: ({ round, validationLogloss }) =>
        progress(
          `${spec.name}: round ${round}, validation logloss ${validationLogloss.toFixed(4)}`,
        ),
    });
    const { model, best, history } = fitted;
    return {
      ...{ model, step: 'round', best, params: asText(fitted.settings) },
      history: history.map(({ trainLogloss, validationLogloss }) => ({
        'train.loss': trainLogloss,
        'validate.loss': validationLogloss,
      })),
      curves: [
        { name: 'train', values: history.map((round) => round.trainLogloss) },
        { name: 'validation', values: history.map((round) => round.validationLogloss) },
      ],
      trees: model,
    };
  }
  const network = preset[spec.kind === 'two-branch' ? 'cnn' : spec.kind];
  const settings = {
    epochs: network.epochs,
    batchSize: network.batchSize,
    patienceEpochs: network.earlyStoppingEpochs,
    learningRate: network.learningRate,
  };
  const onEpoch = ({ epoch, validationMacroF1 }: { epoch: number; validationMacroF1: number }) =>
    progress(`${spec.name}: epoch ${epoch}, validation macro-F1 ${validationMacroF1.toFixed(4)}`);
  const libraryPath = findTensorflowLibrary(setupDir);
  const result = await trainNetworkOf(spec.kind, {
    ...{ ...request, settings, onEpoch, checkpointDir, libraryPath },
  });
  return {
    ...{ model: result.model, step: 'epoch', best: result.best, params: asText(settings) },
    history: result.history.map((epoch) => ({
      'train.loss': epoch.trainLoss,
      'validate.loss': epoch.validationLoss,
      'validate.accuracy': epoch.validationAccuracy,
      'validate.macroF1': epoch.validationMacroF1,
    })),
    curves: [
      { name: 'train', values: result.history.map((epoch) => epoch.trainLoss) },
      { name: 'validation', values: result.history.map((epoch) => epoch.validationLoss) },
    ],
    trees: null,
  };
}

function trainNetworkOf(kind: NetworkKind, request: ClassifierRequest<NetworkSettings>) {
  switch (kind) {
    case 'lstm':
      return trainLstm(request);
    case 'cnn':
      return trainCnn({ ...request, settings: { ...request.settings, statsUnits: 0 } }); // packets only
    case 'two-branch':
      return trainTwoBranch(request);
  }
}

function asText(
  settings: Readonly<Record<string, number | string | boolean>>,
): Record<string, string> {
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]));
}
