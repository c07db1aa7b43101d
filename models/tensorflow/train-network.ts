/** The training loop of every neural network here. B rows of a batch, K classes. */
import { setImmediate as tick } from 'node:timers/promises';
import type { Scalar } from '@tensorflow/tfjs-node';
import { PipelineError } from '../../contracts/errors.js';
import { rowWeights } from '../class-weights.js';
import { evaluate } from '../evaluation/classification.js';
import type { TrainingRequest, TrainingResult, TrainedModel } from '../model.js';
import { seededRandom, type SeededRandom } from '../../contracts/seeded-random.js';
import { shuffledIndices } from '../random.js';
import { Adam } from './adam.js';
import { gatherBatch, predictNetwork, readWeights, writeWeights, type Network } from './network.js';
import type { Tensorflow } from './runtime.js';
import type { ScaledFlows } from './scaling.js';
import { learningRateAt, type Epoch, type NetworkSettings } from './settings.js';

/** Flows ready for the loop. */
export interface NetworkData {
  readonly train: ScaledFlows;
  readonly validation: ScaledFlows;
}

/** Told and asked during training. */
export type NetworkRequest = TrainingRequest & {
  /** Called after every epoch. */
  readonly onEpoch?: (epoch: Epoch) => void;
};

/**
 * Trains in place with Adam on the weighted cross-entropy, and leaves the weights of the epoch with
 * the highest validation macro-F1. The event loop runs between batches.
 *
 * @throws PipelineError MODEL_TRAINING_FAILED when the loss is no longer a number
 */
export async function trainNetwork(
  tf: Tensorflow,
  network: Network,
  data: NetworkData,
  settings: NetworkSettings,
  request: NetworkRequest,
): Promise<Omit<TrainingResult<TrainedModel, Epoch>, 'model'>> {
  const optimiser = new Adam(tf, network.variables.values());
  const random = seededRandom(request.seed, 'batches');
  const steps = settings.epochs * Math.ceil(data.train.n / settings.batchSize);
  const history: Epoch[] = [];
  let bestWeights = readWeights(network);
  let best = 0;
  let highest = -Infinity;
  let stopped: 'finished' | 'early' | 'asked' = 'finished';
  try {
    for (let epoch = 1; epoch <= settings.epochs; epoch++) {
      const trained = await trainEpoch(tf, network, optimiser, data, settings, request, {
        firstStep: ((epoch - 1) * steps) / settings.epochs,
        steps,
        random,
      });
      if (trained === null) {
        stopped = 'asked';
        break;
      }
      const state = { epoch, trainLoss: trained, ...validate(tf, network, data, request) };
      history.push(state);
      request.onEpoch?.(state);
      if (state.validationMacroF1 > highest) {
        highest = state.validationMacroF1;
        best = epoch;
        bestWeights = readWeights(network);
      } else if (epoch - best >= settings.patienceEpochs) {
        stopped = 'early';
        break;
      }
    }
    writeWeights(tf, network, bestWeights);
    return { history, best, stopped };
  } finally {
    optimiser.dispose();
  }
}

/** @returns the mean loss, or null when the caller asked to stop */
async function trainEpoch(
  tf: Tensorflow,
  network: Network,
  optimiser: Adam,
  { train }: NetworkData,
  settings: NetworkSettings,
  request: NetworkRequest,
  course: { firstStep: number; steps: number; random: SeededRandom },
): Promise<number | null> {
  const { labels } = request.train;
  const K = request.classes.length;
  const weights =
    settings.classWeightCap > 0 ? rowWeights(labels, K, settings.classWeightCap) : null;
  const order = shuffledIndices(train.n, course.random);
  let lossSum = 0;
  let step = course.firstStep;
  for (let start = 0; start < train.n; start += settings.batchSize) {
    const rows = order.subarray(start, start + settings.batchSize);
    const loss = tf.tidy(() => {
      const { value, grads } = tf.variableGrads(
        () =>
          weightedCrossEntropy(tf, network, train, rows, {
            labels: Int32Array.from(rows, (row) => labels[row] ?? 0),
            weights: Float32Array.from(rows, (row) => weights?.[row] ?? 1),
            classCount: K,
            dropout: course.random,
          }),
        [...network.variables.values()],
      );
      optimiser.apply(grads, learningRateAt(step, course.steps, settings.learningRate));
      return value.dataSync<'float32'>()[0] ?? NaN;
    });
    requireNumber(loss, settings.learningRate);
    lossSum += loss * rows.length;
    step++;
    await tick();
    if (request.shouldStop?.() === true) return null;
  }
  return lossSum / train.n;
}

function weightedCrossEntropy(
  tf: Tensorflow,
  network: Network,
  flows: ScaledFlows,
  rows: Int32Array,
  target: { labels: Int32Array; weights: Float32Array; classCount: number; dropout: SeededRandom },
): Scalar {
  const logits = network.logits(gatherBatch(tf, flows, rows), target.dropout); // [B, K]
  const wanted = tf.oneHot(tf.tensor1d(target.labels, 'int32'), target.classCount);
  const losses = tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), wanted), 1)); // [B]
  return tf.mean(tf.mul(losses, tf.tensor1d(target.weights)));
}

function validate(
  tf: Tensorflow,
  network: Network,
  { validation }: NetworkData,
  { validation: { labels }, classes }: NetworkRequest,
): Omit<Epoch, 'epoch' | 'trainLoss'> {
  const probabilities = predictNetwork(tf, network, validation, classes.length);
  const { accuracy, macroF1, logloss } = evaluate(probabilities, labels, classes);
  return { validationLoss: logloss, validationAccuracy: accuracy, validationMacroF1: macroF1 };
}

function requireNumber(loss: number, learningRate: number): void {
  if (Number.isFinite(loss)) return;
  throw new PipelineError({
    code: 'MODEL_TRAINING_FAILED',
    found: `a loss of ${loss} at learning rate ${learningRate}`,
    expected: 'a finite loss',
    fix: 'lower the learning rate; check the features for values beyond 1e30',
  });
}
