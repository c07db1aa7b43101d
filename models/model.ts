/**
 * The contract every classifier meets: flows in, class probabilities out, a folder on disk.
 *
 * N flows, T = 30 packets, C = 3 channels, F tabular features, K classes.
 */
import { PipelineError } from '../contracts/errors.js';
import type { RejectRule } from './open-world/reject-rule.js';

/** Packets kept per flow (T). CESNET-TLS-Year22 records the first 30 with payload. */
export const PPI_PACKETS = 30;

/** Channels per packet (C): size in bytes, direction ±1, inter-packet time in ms. */
export const PPI_CHANNELS = 3;

/** Floats of PPI per flow: T x C = 90. */
export const PPI_WIDTH = PPI_PACKETS * PPI_CHANNELS;

/** The kinds of neural network. */
export const NETWORK_KINDS = ['lstm', 'cnn', 'two-branch'] as const;

/** One of the kinds above. */
export type NetworkKind = (typeof NETWORK_KINDS)[number];

/** The kinds of model; the kind decides who reads a saved folder. */
export type ModelKind = 'xgboost' | 'lightgbm' | NetworkKind | 'ensemble';

/**
 * Flows as arrays, not yet scaled: every model scales for itself and saves how.
 *
 * `ppi` is row-major [N, T, C] and padded with zeros after `lengths[i]` packets.
 */
export interface FlowSet {
  /** N, the number of flows. */
  readonly n: number;
  /** [N, F] row-major; NaN is a missing value. */
  readonly tabular: Float32Array;
  /** [F] names of the tabular columns, in order. */
  readonly featureNames: readonly string[];
  /** [N, 30, 3]: size (bytes), direction (+1 client to server, -1 back), IPT (ms); raw. */
  readonly ppi: Float32Array;
  /** [N] packets present, 0..30. */
  readonly lengths: Uint8Array;
}

/** Flows with their classes: `labels[i]` is an index into the model's `classes`, 0..K-1. */
export interface LabelledFlows {
  readonly flows: FlowSet;
  readonly labels: Int32Array;
}

/** A classifier that can be asked, saved and let go. */
export interface TrainedModel {
  readonly kind: ModelKind;
  /** [K] class names; the order of the columns of `predict`. */
  readonly classes: readonly string[];
  /** Tabular columns it was trained on, in order; empty when it reads PPI only. */
  readonly featureNames: readonly string[];
  /** When it says that it does not know the service of a flow; undefined for a model that always answers. */
  readonly reject?: RejectRule | undefined;
  /**
   * Class probabilities.
   *
   * @returns [N, K] row-major; each row sums to 1 ± 1e-5
   * @throws PipelineError MODEL_SHAPE, MODEL_FEATURES
   */
  predict(flows: FlowSet): Float32Array;
  /** Writes `model.json` and the weights into `dir`, which is created. A loaded copy predicts the same bits. */
  save(dir: string): Promise<void>;
  /** Frees native memory; the model must not be used after. Calling it twice is allowed. */
  dispose(): void;
}

/** What the training of any model needs to know beside its own settings. */
export interface TrainingRequest {
  readonly train: LabelledFlows;
  /** Later flows than `train`; decides early stopping. */
  readonly validation: LabelledFlows;
  /** [K] class names. */
  readonly classes: readonly string[];
  /** Name of the preset the settings come from; recorded in the saved model. */
  readonly preset: string;
  /** Same seed, data, settings and thread count give the same model. */
  readonly seed: number;
  /** Instant that the saved model names as its making. @default the time of training */
  readonly createdAt?: Date;
  /** Asked between rounds, and between batches of an epoch; true ends training with the best state so far. */
  readonly shouldStop?: () => boolean;
}

/** A trained model and how its training went, oldest round or epoch first. */
export interface TrainingResult<Model extends TrainedModel, Progress> {
  readonly model: Model;
  readonly history: readonly Progress[];
  /** 1-based round or epoch whose state the model holds. */
  readonly best: number;
  readonly stopped: 'finished' | 'early' | 'asked';
}

/**
 * Checks that the arrays of a flow set fit each other.
 *
 * @throws PipelineError MODEL_SHAPE
 */
export function requireFlowSet(flows: FlowSet): void {
  const { n, featureNames } = flows;
  const wanted: [string, number, number][] = [
    ['tabular', flows.tabular.length, n * featureNames.length],
    ['ppi', flows.ppi.length, n * PPI_WIDTH],
    ['lengths', flows.lengths.length, n],
  ];
  for (const [column, found, expected] of wanted) {
    if (found === expected) continue;
    throw new PipelineError({
      code: 'MODEL_SHAPE',
      column,
      found: `${found} values for ${n} flows and ${featureNames.length} features`,
      expected: `${expected}`,
      fix: 'build the flow set from one query, so that all its arrays describe the same flows',
    });
  }
}

/**
 * Checks that `flows` carries the tabular columns of a model, in its order.
 *
 * @throws PipelineError MODEL_FEATURES naming the first column that differs
 */
export function requireFeatures(
  flows: Pick<FlowSet, 'featureNames'>,
  featureNames: readonly string[],
): void {
  const width = Math.max(flows.featureNames.length, featureNames.length);
  for (let f = 0; f < width; f++) {
    if (flows.featureNames[f] === featureNames[f]) continue;
    throw new PipelineError({
      code: 'MODEL_FEATURES',
      column: featureNames[f] ?? flows.featureNames[f] ?? '',
      found: `feature ${f} is ${flows.featureNames[f] ?? 'absent'}`,
      expected: featureNames[f] ?? `only ${featureNames.length} features`,
      fix: 'read the features with the feature view this model version was trained on',
    });
  }
}

/**
 * Checks labels: one per flow, each an index of `classes`.
 *
 * @throws PipelineError MODEL_LABELS
 */
export function requireLabels(data: LabelledFlows, classes: readonly string[]): void {
  requireFlowSet(data.flows);
  requireClassIndices(data.labels, data.flows.n, classes);
}

/**
 * Checks the labels of `n` flows, as `requireLabels` does.
 *
 * @throws PipelineError MODEL_LABELS
 */
export function requireClassIndices(
  labels: Int32Array,
  n: number,
  classes: readonly string[],
): void {
  if (labels.length !== n) {
    throw new PipelineError({
      code: 'MODEL_LABELS',
      found: `${labels.length} labels`,
      expected: `${n}, one per flow`,
      fix: 'take labels and flows from the same query',
    });
  }
  const row = labels.findIndex((label) => label < 0 || label >= classes.length);
  if (row === -1) return;
  throw new PipelineError({
    code: 'MODEL_LABELS',
    row: row + 1,
    found: `class index ${labels[row]}`,
    expected: `0..${classes.length - 1}`,
    fix: 'leave out flows of classes that the model does not know',
  });
}

/** The rows of a flow set at `rows` (indices from 0), in that order; copies. */
export function selectFlows(flows: FlowSet, rows: ArrayLike<number>): FlowSet {
  const features = flows.featureNames.length;
  const n = rows.length;
  const tabular = new Float32Array(n * features);
  const ppi = new Float32Array(n * PPI_WIDTH);
  const lengths = new Uint8Array(n);
  for (let i = 0; i < n; i++) {
    const row = rows[i] ?? 0;
    tabular.set(flows.tabular.subarray(row * features, (row + 1) * features), i * features);
    ppi.set(flows.ppi.subarray(row * PPI_WIDTH, (row + 1) * PPI_WIDTH), i * PPI_WIDTH);
    lengths[i] = flows.lengths[row] ?? 0;
  }
  return { n, tabular, featureNames: flows.featureNames, ppi, lengths };
}
