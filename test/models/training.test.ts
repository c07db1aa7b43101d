import { describe, expect, test } from 'vitest';
import { trainCnn } from '../../models/tensorflow/cnn/train.js';
import { learningRateAt } from '../../models/tensorflow/settings.js';
import { trainXgboost } from '../../models/xgboost/train.js';
import { xgboostLibrary } from './setup.js';
import { syntheticClasses, syntheticFlows } from './synthetic-flows.js';

// What a caller sees while a model trains, and how it ends.

const train = syntheticFlows({ n: 300, classes: 4, seed: 1, noiseBytes: 500 });
const validation = syntheticFlows({ n: 120, classes: 4, seed: 2, noiseBytes: 500 });
const request = { train, validation, classes: syntheticClasses(4), preset: 'test', seed: 3 };

describe('boosting', () => {
  const settings = { rounds: 60, learningRate: 0.6, maxDepth: 3, patienceRounds: 3 };
  const boosting = { ...request, settings, libraryPath: xgboostLibrary() };

  test('tells each round, ends early, and keeps the rounds up to the lowest validation logloss', async () => {
    const told: number[] = [];
    const result = await trainXgboost({ ...boosting, onRound: ({ round }) => told.push(round) });
    const losses = result.history.map(({ validationLogloss }) => validationLogloss);
    expect(told).toEqual(result.history.map(({ round }) => round));
    expect(result.stopped).toBe('early');
    expect(losses.indexOf(Math.min(...losses)) + 1).toBe(result.best);
    expect(result.history).toHaveLength(result.best + settings.patienceRounds);
    result.model.dispose();
  });

  test('ends when asked, with a model of the rounds so far', async () => {
    let rounds = 0;
    const result = await trainXgboost({ ...boosting, shouldStop: () => ++rounds === 2 });
    expect(result.stopped).toBe('asked');
    expect(result.history).toHaveLength(2);
    expect(result.model.predict(validation.flows)).toHaveLength(480);
    result.model.dispose();
  });

  test('ranks all columns by gain', async () => {
    const { model } = await trainXgboost(boosting);
    const gains = model.gainImportance();
    expect(gains).toHaveLength(90 + train.flows.featureNames.length);
    expect(gains[0]?.gain).toBeGreaterThan(0);
    expect(gains.map(({ gain }) => gain)).toEqual(
      gains.map(({ gain }) => gain).sort((a, b) => b - a),
    );
    model.dispose();
  });

  test('hands on what the library says is wrong', async () => {
    const wrong = { ...boosting, settings: { ...settings, learningRate: -1 } };
    await expect(trainXgboost(wrong)).rejects.toThrow(
      /^XGBOOST_CALL .* -1 for Parameter learning_rate/,
    );
  });
});

describe('epochs', () => {
  test('are told one by one, and the one with the best macro-F1 is kept', async () => {
    const told: number[] = [];
    const result = await trainCnn({
      ...request,
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
      ...request,
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
    await expect(trainCnn({ ...request, train: { ...train, labels } })).rejects.toThrow(
      /^MODEL_LABELS.*: class index 9, expected 0\.\.3/,
    );
  });
});
