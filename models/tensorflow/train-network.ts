/** The training loop of every neural network here. B rows of a batch, K classes. */
import { PipelineError } from '../../contracts/errors.js';
import { seededRandom } from '../../contracts/seeded-random.js';
import { rowWeights } from '../class-weights.js';
import { evaluate } from '../evaluation/classification.js';
import type { TrainingRequest, TrainingResult, TrainedModel } from '../model.js';
import { shuffledIndices } from '../random.js';
import { openCheckpoint, type Checkpoint, type TrainingState } from './checkpoint.js';
import type { Network } from './network.js';
import type { ScaledFlows } from './scaling.js';
import { learningRateAt, type Epoch, type NetworkSettings } from './settings.js';
import { TrainingStep, type TrainingBatch } from './training-step.js';

/** Flows ready for the loop. */
export interface NetworkData {
  readonly train: ScaledFlows;
  readonly validation: ScaledFlows;
}

/** Told and asked during training. */
export type NetworkRequest = TrainingRequest & {
  /** Called after every epoch, of a resumed training after every one that was left to do. */
  readonly onEpoch?: (epoch: Epoch) => void;
  /**
   * A folder of this training alone. It holds the state after every epoch, and a training of the same
   * network on the same data with the same settings and seed goes on from it, to the same bits.
   * Removing it is the caller's. @default none is kept
   */
  readonly checkpointDir?: string;
};

/**
 * Trains in place with Adam on the weighted cross-entropy, and leaves the weights of the epoch with
 * the highest validation macro-F1. The event loop goes on while a batch is computed.
 *
 * @param what name of the network and version of the library; another one does not go on from its checkpoint
 * @throws PipelineError MODEL_TRAINING_FAILED when the loss is no longer a number
 */
export async function trainNetwork(
  what: readonly string[],
  network: Network,
  data: NetworkData,
  settings: NetworkSettings,
  request: NetworkRequest,
): Promise<Omit<TrainingResult<TrainedModel, Epoch>, 'model'>> {
  const step = new TrainingStep(network, request.seed);
  const checkpoint = checkpointOf(what, data, settings, request);
  const initial = network.weights();
  let state = await checkpoint?.read();
  if (state !== undefined) {
    network.setWeights(state.weights);
    step.restore(state.optimiser);
  }
  let stopped: 'finished' | 'early' | 'asked' | null = ending(state, settings);
  while (stopped === null) {
    const epoch = (state?.history.length ?? 0) + 1;
    const trainLoss = await trainEpoch(network, step, data, settings, request, epoch);
    if (trainLoss === null) {
      stopped = 'asked';
      break;
    }
    const told = { epoch, trainLoss, ...validate(network, data, request) };
    state = afterEpoch(told, state, network.weights(), step);
    await checkpoint?.write(state);
    request.onEpoch?.(told);
    stopped = ending(state, settings);
  }
  network.setWeights(state?.bestWeights ?? initial);
  return { history: state?.history ?? [], best: state?.best ?? 0, stopped };
}

function checkpointOf(
  what: readonly string[],
  { train, validation }: NetworkData,
  settings: NetworkSettings,
  request: NetworkRequest,
): Checkpoint | undefined {
  if (request.checkpointDir === undefined) return undefined;
  const { classes, seed } = request;
  return openCheckpoint(request.checkpointDir, {
    description: { what, classes, seed, settings },
    arrays: [
      ...[train.ppi, train.mask, train.tabular, request.train.labels],
      ...[validation.ppi, validation.mask, validation.tabular, request.validation.labels],
    ],
  });
}

function afterEpoch(
  epoch: Epoch,
  before: TrainingState | undefined,
  weights: readonly Float32Array[],
  step: TrainingStep,
): TrainingState {
  const history = [...(before?.history ?? []), epoch];
  const highest = before?.history[before.best - 1]?.validationMacroF1 ?? -Infinity;
  const kept =
    before === undefined || epoch.validationMacroF1 > highest
      ? { best: epoch.epoch, bestWeights: weights }
      : { best: before.best, bestWeights: before.bestWeights };
  return { history, ...kept, weights, optimiser: step.state() };
}

function ending(
  state: TrainingState | undefined,
  { epochs, patienceEpochs }: NetworkSettings,
): 'finished' | 'early' | null {
  if (state === undefined) return epochs > 0 ? null : 'finished';
  if (state.history.length - state.best >= patienceEpochs) return 'early';
  return state.history.length >= epochs ? 'finished' : null;
}

/** @returns the mean loss, or null when the caller asked to stop */
async function trainEpoch(
  network: Network,
  step: TrainingStep,
  { train }: NetworkData,
  settings: NetworkSettings,
  request: NetworkRequest,
  epoch: number,
): Promise<number | null> {
  const { labels } = request.train;
  const { batchSize, epochs, learningRate, classWeightCap } = settings;
  const K = request.classes.length;
  const weights = classWeightCap > 0 ? rowWeights(labels, K, classWeightCap) : null;
  // a stream of its own for each epoch: nothing of it needs to be in a checkpoint
  const order = shuffledIndices(train.n, seededRandom(request.seed, 'batches', epoch));
  const batches = Math.ceil(train.n / batchSize);
  const gather = (batch: number): TrainingBatch => {
    const rows = order.subarray(batch * batchSize, (batch + 1) * batchSize);
    return {
      inputs: network.batch(train, rows),
      labels: rows.map((row) => labels[row] ?? 0),
      weights: Float32Array.from(rows, (row) => weights?.[row] ?? 1),
    };
  };
  let lossSum = 0;
  let next = gather(0);
  for (let batch = 0; batch < batches; batch++) {
    const now = next;
    const at = (epoch - 1) * batches + batch;
    const running = step.run(now, learningRateAt(at, epochs * batches, learningRate), at);
    next = gather(batch + 1); // while that one is computed
    const loss = await running;
    requireNumber(loss, learningRate);
    lossSum += loss * now.labels.length;
    if (request.shouldStop?.() === true) return null;
  }
  return lossSum / train.n;
}

function validate(
  network: Network,
  { validation }: NetworkData,
  { validation: { labels }, classes }: NetworkRequest,
): Omit<Epoch, 'epoch' | 'trainLoss'> {
  const probabilities = network.predict(validation);
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
