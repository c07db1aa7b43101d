import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EnsembleModel } from '../../models/ensemble/model.js';
import { evaluate } from '../../models/evaluation/classification.js';
import { trainLightgbm } from '../../models/lightgbm/train.js';
import { loadModel } from '../../models/load-model.js';
import { selectFlows, type TrainedModel } from '../../models/model.js';
import { trainCnn } from '../../models/tensorflow/cnn/train.js';
import { trainLstm } from '../../models/tensorflow/lstm/train.js';
import { trainTwoBranch } from '../../models/tensorflow/two-branch/train.js';
import { trainXgboost } from '../../models/xgboost/train.js';
import { lightgbmLibrary, SETUP_DIR, tensorflowLibrary, xgboostLibrary } from './setup.js';
import { syntheticClasses, syntheticFlows } from './synthetic-flows.js';

// Every kind of model passes this suite: shape, row sums, same seed same probabilities, save = load.

const K = 5;
const classes = syntheticClasses(K);
const train = syntheticFlows({ n: 400, classes: K, seed: 1 });
const validation = syntheticFlows({ n: 150, classes: K, seed: 2 });
const request = { train, validation, classes, preset: 'test' };
const member = 'app-xgboost 7';

interface Contender {
  readonly kind: string;
  readonly accuracy: number;
  readonly readsTabular: boolean;
  readonly train: (options: { seed: number }) => Promise<TrainedModel>;
}

const contenders: Contender[] = [
  {
    kind: 'xgboost',
    accuracy: 0.95,
    readsTabular: true,
    train: async (options) => {
      const settings = { rounds: 6, learningRate: 0.3, maxDepth: 4, threads: 2 };
      const libraryPath = xgboostLibrary();
      return (await trainXgboost({ ...request, ...options, libraryPath, settings })).model;
    },
  },
  {
    kind: 'lightgbm',
    accuracy: 0.95,
    readsTabular: true,
    train: async (options) => {
      const settings = { rounds: 8, learningRate: 0.3, leaves: 8, minRowsPerLeaf: 5, threads: 2 };
      const libraryPath = lightgbmLibrary();
      return (await trainLightgbm({ ...request, ...options, libraryPath, settings })).model;
    },
  },
  {
    kind: 'lstm',
    accuracy: 0.5,
    readsTabular: false,
    train: async (options) => {
      const settings = { epochs: 10, batchSize: 32, learningRate: 0.02, units: 24 };
      const libraryPath = tensorflowLibrary();
      return (await trainLstm({ ...request, ...options, libraryPath, settings })).model;
    },
  },
  {
    kind: 'cnn',
    accuracy: 0.95,
    readsTabular: true,
    train: async (options) => {
      const settings = { epochs: 3, batchSize: 32 };
      const libraryPath = tensorflowLibrary();
      return (await trainCnn({ ...request, ...options, libraryPath, settings })).model;
    },
  },
  {
    kind: 'two-branch',
    accuracy: 0.95,
    readsTabular: true,
    train: async (options) => {
      const settings = { epochs: 3, batchSize: 32, learningRate: 0.01 };
      const libraryPath = tensorflowLibrary();
      return (await trainTwoBranch({ ...request, ...options, libraryPath, settings })).model;
    },
  },
  {
    kind: 'ensemble',
    accuracy: 0.95,
    readsTabular: true,
    train: async ({ seed }) => {
      const settings = { rounds: 4, learningRate: 0.3, maxDepth: 3, threads: 2 };
      const libraryPath = xgboostLibrary();
      const { model } = await trainXgboost({ ...request, seed, libraryPath, settings });
      return new EnsembleModel([{ name: 'app-xgboost', version: '7', weight: 1, model }], {
        ...{ preset: 'test', seed, temperature: 1.3 },
        stacking: { weights: [[1, 0.9, 1.1, 1, 1]], biases: [0, 0.1, 0, -0.1, 0] },
        reject: { score: 'margin', threshold: 0.1, perClass: { [classes[0] ?? '']: 0.2 } },
      });
    },
  },
];

describe.each(contenders)('$kind', ({ kind, accuracy, readsTabular, train: trainModel }) => {
  let model: TrainedModel;
  let folder: string;
  const load = (dir: string) => {
    const options = { setupDir: SETUP_DIR };
    return loadModel(dir, {
      ...options,
      resolveMember: (name, version) => loadModel(join(folder, `${name} ${version}`), options),
    });
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sentinel-models-'));
    model = await trainModel({ seed: 42 });
  });
  afterAll(async () => {
    model.dispose();
    await rm(folder, { recursive: true });
  });

  test('knows its kind, its classes and the features it reads', () => {
    expect(model.kind).toBe(kind);
    expect(model.classes).toEqual(classes);
    expect(model.featureNames).toEqual(readsTabular ? train.flows.featureNames : []);
  });

  test('gives each flow a probability per class, and they sum to 1', () => {
    const probabilities = model.predict(validation.flows);
    expect(probabilities).toHaveLength(validation.flows.n * K);
    for (let i = 0; i < validation.flows.n; i++) {
      const row = probabilities.subarray(i * K, (i + 1) * K);
      expect(row.every((p) => p >= 0 && p <= 1)).toBe(true);
      expect(Math.abs(row.reduce((sum, p) => sum + p, 0) - 1)).toBeLessThan(1e-5);
    }
  });

  test('learns flows that differ by class', () => {
    const scores = evaluate(model.predict(validation.flows), validation.labels, classes);
    expect(scores.accuracy).toBeGreaterThan(accuracy);
  });

  test('answers no flows with no probabilities', () => {
    expect(model.predict(selectFlows(validation.flows, []))).toHaveLength(0);
  });

  test('says the same about a flow whatever stands beside it', () => {
    const all = model.predict(validation.flows);
    const one = model.predict(selectFlows(validation.flows, [17]));
    one.forEach((p, k) => expect(Math.abs(p - (all[17 * K + k] ?? NaN))).toBeLessThan(1e-5));
  });

  test('refuses arrays that do not fit each other', () => {
    const cut = { ...validation.flows, ppi: validation.flows.ppi.subarray(1) };
    expect(() => model.predict(cut)).toThrow(/^MODEL_SHAPE column "ppi": /);
  });

  test.skipIf(!readsTabular)(
    'refuses features in another order (a PPI-only model reads none)',
    () => {
      const featureNames = [...validation.flows.featureNames].reverse();
      expect(() => model.predict({ ...validation.flows, featureNames })).toThrow(/^MODEL_FEATURES/);
    },
  );

  test('is the same model when trained again with the same seed, and another with another', async () => {
    const again = await trainModel({ seed: 42 });
    const other = await trainModel({ seed: 43 });
    try {
      const probabilities = model.predict(validation.flows);
      expect(again.predict(validation.flows)).toEqual(probabilities);
      expect(other.predict(validation.flows)).not.toEqual(probabilities);
    } finally {
      again.dispose();
      other.dispose();
    }
  });

  test('predicts the same bits after saving and loading, twice', async () => {
    const dir = join(folder, 'saved');
    await model.save(dir);
    if (model instanceof EnsembleModel) {
      await model.members[0]?.model.save(join(folder, member));
    }
    const loaded = await load(dir);
    const second = join(folder, 'saved-again');
    await loaded.save(second);
    const reloaded = await load(second);
    try {
      const probabilities = model.predict(validation.flows);
      expect(loaded.predict(validation.flows)).toEqual(probabilities);
      expect(reloaded.predict(validation.flows)).toEqual(probabilities);
      expect(loaded.featureNames).toEqual(model.featureNames);
    } finally {
      loaded.dispose();
      reloaded.dispose();
    }
  });

  test('may be disposed twice', async () => {
    const short = await trainModel({ seed: 1 });
    short.dispose();
    expect(() => short.dispose()).not.toThrow();
  });
});
