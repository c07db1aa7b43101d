/** One step of a network's training as operations of its graph: loss, gradients, Adam. B rows, K classes. */
import { seededRandom } from '../../contracts/seeded-random.js';
import { Adam, type AdamState } from './adam.js';
import type { GraphValue } from './library.js';
import type { Network } from './network.js';
import type { Run } from './session.js';

/** Rows of a step. */
export interface TrainingBatch {
  /** As `Network.batch` gives them. */
  readonly inputs: NonNullable<Run['inputs']>;
  /** [B] class indices. */
  readonly labels: Int32Array;
  /** [B] */
  readonly weights: Float32Array;
}

/** The training of one network. It lives as long as the network does. */
export class TrainingStep {
  /** Mean over the rows of weight x cross-entropy of the softmax. */
  readonly loss: GraphValue;
  /** Of the loss by each trainable variable, in their order. */
  readonly gradients: readonly GraphValue[];
  readonly #network: Network;
  readonly #labels: GraphValue;
  readonly #weights: GraphValue;
  readonly #seed: GraphValue;
  readonly #adam: Adam;
  readonly #effects: Run['effects'];
  readonly #dropoutSeed: number;

  /** @param seed decides which units are dropped */
  constructor(network: Network, seed: number) {
    const { graph, session, variables } = network;
    this.#network = network;
    this.#dropoutSeed = seededRandom(seed, 'dropout').below(2 ** 31);
    this.#labels = graph.input('int32', [-1]);
    this.#weights = graph.input('float32', [-1]);
    this.#seed = graph.input('int32', [2]);
    const training = { seed: this.#seed, moves: [], gradients: [] };
    const logits = network.logits(training);
    const classCount = graph.shapeOf(logits).at(-1) ?? 0;
    const wanted = graph.value('OneHot', [
      ...[this.#labels, graph.int(classCount), graph.number(1), graph.number(0)],
    ]);
    const losses = graph.value('SoftmaxCrossEntropyWithLogits', [logits, wanted]);
    const weighted = graph.value('Mul', [losses, this.#weights]);
    this.loss = graph.value('Mean', [weighted, graph.ints(0)]);
    const trainable = variables.entries().flatMap(([, one]) => (one.trainable ? [one] : []));
    this.gradients = graph.gradients(
      this.loss,
      trainable.map(({ value }) => value),
      training.gradients,
    );
    this.#adam = new Adam(graph, trainable, this.gradients);
    this.#effects = [...this.#adam.effects, ...training.moves];
    this.#adam.restore(session);
  }

  /**
   * Moves the weights once, beside the event loop.
   *
   * @param step from 0; with the seed it decides which units are dropped
   * @returns the loss before
   */
  async run(batch: TrainingBatch, learningRate: number, step: number): Promise<number> {
    const [loss] = await this.#network.session.runBeside({
      inputs: [...this.inputs(batch, step), ...this.#adam.next(learningRate)],
      wanted: [this.loss],
      effects: this.#effects ?? [],
    });
    return loss?.[0] ?? NaN;
  }

  /** What loss and gradients depend on. */
  inputs({ inputs, labels, weights }: TrainingBatch, step: number): NonNullable<Run['inputs']> {
    return [
      ...inputs,
      [this.#labels, { shape: [labels.length], values: labels }],
      [this.#weights, { shape: [weights.length], values: weights }],
      [this.#seed, { shape: [2], values: Int32Array.of(this.#dropoutSeed, step * DROPOUTS) }],
    ];
  }

  /** What the next step depends on beside weights and batch. */
  state(): AdamState {
    return this.#adam.state(this.#network.session);
  }

  restore(state: AdamState): void {
    this.#adam.restore(this.#network.session, state);
  }
}

/** More than a network has layers with dropout, so that no two draws of a training are the same. */
const DROPOUTS = 16;
