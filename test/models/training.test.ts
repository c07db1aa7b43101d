import { describe, expect, test } from 'vitest';
import type { BoostingRequest } from '../../models/boosting/train.js';
import type { BoostingSettings } from '../../models/boosting/trees.js';
import { trainLightgbm } from '../../models/lightgbm/train.js';
import { selectFlows } from '../../models/model.js';
import { trainCnn } from '../../models/tensorflow/cnn/train.js';
import { learningRateAt } from '../../models/tensorflow/settings.js';
import { trainXgboost } from '../../models/xgboost/train.js';
import { lightgbmLibrary, tensorflowLibrary, xgboostLibrary } from './setup.js';
import { syntheticClasses, syntheticFlows } from './synthetic-flows.js';

// What a caller sees while a model trains, and how it ends.

const train = syntheticFlows({ n: 300, classes: 4, seed: 1, noiseBytes: 500 });
const validation = syntheticFlows({ n: 120, classes: 4, seed: 2, noiseBytes: 500 });
const request = { train, validation, classes: syntheticClasses(4), preset: 'test', seed: 3 };

const common = { rounds: 60, learningRate: 0.6, patienceRounds: 2 };
const boosters = [
  {
    kind: 'xgboost',
    fault: /^XGBOOST_CALL .* -1 for Parameter learning_rate/,
    boost: (options: Options) => {
      const settings = { ...common, maxDepth: 3, ...options.settings };
      return trainXgboost({ ...request, ...options, settings, libraryPath: xgboostLibrary() });
    },
  },
  {
    kind: 'lightgbm',
    fault: /^LIGHTGBM_CALL .*learning_rate/,
    boost: (options: Options) => {
      const settings = { ...common, leaves: 8, minRowsPerLeaf: 2, l2: 0, ...options.settings };
      return trainLightgbm({ ...request, ...options, settings, libraryPath: lightgbmLibrary() });
    },
  },
];
type Options = Partial<Omit<BoostingRequest<BoostingSettings>, 'libraryPath'>>;

describe.each(boosters)('boosting with $kind', ({ fault, boost }) => {
  test('tells each round, ends early, and keeps the rounds up to the lowest validation logloss', async () => {
    const told: number[] = [];
    const result = await boost({ onRound: ({ round }) => told.push(round) });
    const losses = result.history.map(({ validationLogloss }) => validationLogloss);
    expect(told).toEqual(result.history.map(({ round }) => round));
    expect(result.stopped).toBe('early');
    expect(losses.indexOf(Math.min(...losses)) + 1).toBe(result.best);
    expect(result.history).toHaveLength(result.best + common.patienceRounds);
    expect(result.model.treeCount).toBe(4 * result.best);
    result.model.dispose();
  });

  test('ends when asked, with a model of the rounds so far', async () => {
    let rounds = 0;
    const result = await boost({ shouldStop: () => ++rounds === 2 });
    expect(result.stopped).toBe('asked');
    expect(result.history).toHaveLength(2);
    expect(result.model.predict(validation.flows)).toHaveLength(480);
    result.model.dispose();
  });

  test.each([
    [true, 90],
    [false, 0],
  ])('ranks all columns by gain, packets read: %s', async (packets, count) => {
    const { model } = await boost({ settings: { packets } });
    const gains = model.gainImportance();
    expect(gains).toHaveLength(count + train.flows.featureNames.length);
    expect(gains[0]?.gain).toBeGreaterThan(0);
    expect(gains.map(({ gain }) => gain)).toEqual(
      gains.map(({ gain }) => gain).sort((a, b) => b - a),
    );
    model.dispose();
  });

  test('flows that come in parts give the same model as all at once', async () => {
    const { flows, labels } = train;
    const rows = Array.from({ length: flows.n }, (_, i) => i);
    const parts = () => [
      selectFlows(flows, rows.slice(0, 100)),
      selectFlows(flows, rows.slice(100)),
    ];
    const stream = { n: flows.n, featureNames: flows.featureNames, parts };
    const whole = await boost({ settings: { rounds: 3 } });
    const streamed = await boost({ settings: { rounds: 3 }, train: { flows: stream, labels } });
    expect(streamed.history).toEqual(whole.history);
    for (const { model } of [whole, streamed]) model.dispose();
  });

  test('hands on what the library says is wrong, and what the flows do', async () => {
    await expect(boost({ settings: { learningRate: -1 } })).rejects.toThrow(fault);
    const cut = { ...train.flows, lengths: train.flows.lengths.subarray(1) };
    const parts = () => [train.flows, cut];
    const flows = { n: train.flows.n, featureNames: train.flows.featureNames, parts };
    await expect(boost({ train: { ...train, flows } })).rejects.toThrow(/^MODEL_SHAPE/);
  });
});

describe('epochs', () => {
  const libraryPath = tensorflowLibrary();

  test('are told one by one, and the one with the best macro-F1 is kept', async () => {
    const told: number[] = [];
    const result = await trainCnn({
      ...{ ...request, libraryPath },
      settings: { epochs: 4, batchSize: 32, patienceEpochs: 1 },
      onEpoch: ({ epoch }) => told.push(epoch),
    });
    const scores = result.history.map(({ validationMacroF1 }) => validationMacroF1);
    expect(told).toEqual(result.history.map(({ epoch }) => epoch));
    expect(scores.indexOf(Math.max(...scores)) + 1).toBe(result.best);
    expect(result.history.at(-1)?.trainLoss).toBeLessThan(result.history[0]?.trainLoss ?? 0);
    result.model.dispose();
  });

  test('end within a batch when asked, and the event loop runs in between', async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const result = await trainCnn({
      ...{ ...request, libraryPath },
      settings: { epochs: 50, batchSize: 16 },
      shouldStop: () => ticks >= 3,
    });
    clearInterval(timer);
    expect(result.stopped).toBe('asked');
    result.model.dispose();
  });

  test('warm up, then cool down to nothing', () => {
    const rates = Array.from({ length: 101 }, (_, step) => learningRateAt(step, 100, 1));
    expect(rates[0]).toBeCloseTo(0.2, 12);
    expect(Math.max(...rates)).toBe(1);
    expect(rates[100]).toBeCloseTo(0, 12);
  });

  test('refuse labels that are no class', async () => {
    const labels = Int32Array.from(train.labels).fill(9, 5, 6);
    const mislabelled = { ...request, libraryPath, train: { ...train, labels } };
    await expect(trainCnn(mislabelled)).rejects.toThrow(
      /^MODEL_LABELS.*: class index 9, expected 0\.\.3/,
    );
  });
});
