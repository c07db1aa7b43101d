/** What the training loop and the saved folder need of a network. B rows of a batch, K classes. */
import type { Tensor2D, Tensor3D, Variable } from '@tensorflow/tfjs-node';
import { PipelineError } from '../../contracts/errors.js';
import type { SeededRandom } from '../../contracts/seeded-random.js';
import { PPI_CHANNELS, PPI_PACKETS, PPI_WIDTH } from '../model.js';
import type { OnnxGraph, OnnxValue } from '../onnx/graph.js';
import type { OnnxBatch } from '../onnx/inputs.js';
import type { Weights } from '../onnx/layers.js';
import type { Tensorflow } from './runtime.js';
import type { ScaledFlows } from './scaling.js';

/** Inputs of one forward pass. */
export interface Batch {
  /** [B, 30, 3] scaled, padded with 0. */
  readonly ppi: Tensor3D;
  /** [B, 30, 1]: 1 where there is a packet. */
  readonly mask: Tensor3D;
  /** [B, F] scaled; F may be 0. */
  readonly tabular: Tensor2D;
}

/** A network with its weights. */
export interface Network {
  /** Weights by name, in the order they are saved. */
  readonly variables: ReadonlyMap<string, Variable>;
  /**
   * Raw scores.
   *
   * @param dropout the source of dropped units in training, null in prediction (batch normalisation goes by it too)
   * @returns [B, K]
   */
  logits(batch: Batch, dropout: SeededRandom | null): Tensor2D;
  /**
   * The same as nodes of an ONNX graph, as in prediction.
   *
   * @param weights of a variable, by its name
   * @returns [N, K]
   */
  logitsNode(graph: OnnxGraph, batch: OnnxBatch, weights: (name: string) => Weights): OnnxValue;
}

/** Rows of one forward pass in prediction. */
const PREDICTION_BATCH = 1024;

/** The tensors of `rows`; the caller disposes them, or calls this within `tf.tidy`. */
export function gatherBatch(tf: Tensorflow, flows: ScaledFlows, rows: Int32Array): Batch {
  const { features } = flows;
  const B = rows.length;
  const ppi = new Float32Array(B * PPI_WIDTH);
  const mask = new Float32Array(B * PPI_PACKETS);
  const tabular = new Float32Array(B * features);
  rows.forEach((row, i) => {
    ppi.set(flows.ppi.subarray(row * PPI_WIDTH, (row + 1) * PPI_WIDTH), i * PPI_WIDTH);
    mask.set(flows.mask.subarray(row * PPI_PACKETS, (row + 1) * PPI_PACKETS), i * PPI_PACKETS);
    tabular.set(flows.tabular.subarray(row * features, (row + 1) * features), i * features);
  });
  return {
    ppi: tf.tensor3d(ppi, [B, PPI_PACKETS, PPI_CHANNELS]),
    mask: tf.tensor3d(mask, [B, PPI_PACKETS, 1]),
    tabular: tf.tensor2d(tabular, [B, features]),
  };
}

/**
 * Softmax probabilities.
 *
 * @returns [N, K] row-major
 */
export function predictNetwork(
  tf: Tensorflow,
  network: Network,
  flows: ScaledFlows,
  classCount: number,
): Float32Array {
  const probabilities = new Float32Array(flows.n * classCount);
  for (let start = 0; start < flows.n; start += PREDICTION_BATCH) {
    const length = Math.min(PREDICTION_BATCH, flows.n - start);
    const rows = Int32Array.from({ length }, (_, i) => start + i);
    tf.tidy(() => {
      const scores = network.logits(gatherBatch(tf, flows, rows), null);
      probabilities.set(tf.softmax(scores).dataSync<'float32'>(), start * classCount);
    });
  }
  return probabilities;
}

/** Copies of all weights, in the order of `variables`. */
export function readWeights(network: Network): Float32Array[] {
  return [...network.variables.values()].map((variable) => variable.dataSync<'float32'>().slice());
}

/**
 * Sets all weights.
 *
 * @param weights one array per variable, in the order of `variables`
 * @throws PipelineError MODEL_SHAPE when a size differs
 */
export function writeWeights(
  tf: Tensorflow,
  network: Network,
  weights: readonly Float32Array[],
): void {
  let i = 0;
  for (const [name, variable] of network.variables) {
    const values = weights[i++];
    if (values?.length !== variable.size) {
      throw new PipelineError({
        code: 'MODEL_SHAPE',
        column: name,
        found: `${values?.length ?? 0} weights`,
        expected: `${variable.size} (${variable.shape.join(' x ')})`,
        fix: 'download the model version again, or train the model again',
      });
    }
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }
}

/** Frees the weights. */
export function disposeNetwork(network: Network): void {
  for (const variable of network.variables.values()) variable.dispose();
}
