/** A trained neural network: one class for all kinds, which differ in their layers alone. */
import { columnNames } from '../column-names.js';
import {
  readModelFile,
  writeModelFolder,
  type ManifestOf,
  type NetworkScaling,
} from '../model-folder.js';
import { requireFeatures, requireFlowSet } from '../model.js';
import type { FlowSet, NetworkKind, TrainedModel } from '../model.js';
import { ONNX_VERSION } from '../onnx/graph.js';
import { pythonFiles } from '../registry/python-flavour.js';
import {
  disposeNetwork,
  predictNetwork,
  readWeights,
  writeWeights,
  type Network,
} from './network.js';
import { ONNX_FILE, onnxBytes } from './onnx-file.js';
import type { Tensorflow } from './runtime.js';
import { scaleFlows } from './scaling.js';

const WEIGHTS_FILE = 'weights.bin';

/** What a network's folder says, less the list of its weights. */
export type NetworkDescription = Omit<ManifestOf<NetworkKind>, 'weights'>;

/** A neural network with its scaling; holds native memory. */
export class NetworkModel implements TrainedModel {
  readonly kind: NetworkKind;
  readonly classes: readonly string[];
  readonly featureNames: readonly string[];
  readonly #tf: Tensorflow;
  readonly #network: Network;
  readonly #description: NetworkDescription;
  #open = true;

  constructor(tf: Tensorflow, network: Network, description: NetworkDescription) {
    this.#tf = tf;
    this.#network = network;
    this.#description = description;
    this.kind = description.kind;
    this.classes = description.classes;
    this.featureNames = description.featureNames;
  }

  predict(flows: FlowSet): Float32Array {
    requireFlowSet(flows);
    if (this.featureNames.length > 0) requireFeatures(flows, this.featureNames);
    const scaled = scaleFlows(flows, this.#scaling());
    return predictNetwork(this.#tf, this.#network, scaled, this.classes.length);
  }

  /** As every model is saved; beside it lies what Python's MLflow needs to load its ONNX file. */
  async save(dir: string): Promise<void> {
    const tensors = [...this.#network.variables].map(([name, { shape }]) => ({ name, shape }));
    const bytes = Buffer.concat(
      readWeights(this.#network).map((weights) => Buffer.from(weights.buffer)),
    );
    const onnx = { name: ONNX_FILE, bytes: onnxBytes(this.#network, this.#description) };
    const { createdAt } = this.#description;
    await writeModelFolder(
      dir,
      { ...this.#description, weights: { file: WEIGHTS_FILE, tensors } },
      [
        ...[{ name: WEIGHTS_FILE, bytes }, onnx],
        ...pythonFiles({
          ...{ flavour: 'onnx', file: onnx.name, bytes: onnx.bytes },
          ...{ version: ONNX_VERSION, createdAt },
          ...{ columns: columnNames(this.featureNames, true), classes: this.classes },
        }),
      ],
    );
  }

  dispose(): void {
    if (!this.#open) return;
    this.#open = false;
    disposeNetwork(this.#network);
  }

  #scaling(): NetworkScaling {
    return this.#description.scaling;
  }
}

/**
 * Fills a freshly made network with the weights of a folder.
 *
 * @throws PipelineError MODEL_FILE, MODEL_SHAPE
 */
export async function loadWeights(
  tf: Tensorflow,
  network: Network,
  dir: string,
  manifest: ManifestOf<NetworkKind>,
): Promise<void> {
  const bytes = await readModelFile(dir, manifest.weights.file);
  const copy = new Uint8Array(bytes); // aligned, whatever the reader's buffer is a part of
  const values = new Float32Array(copy.buffer, 0, Math.floor(copy.length / 4));
  let start = 0;
  const weights = manifest.weights.tensors.map(({ shape }) => {
    const end = start + shape.reduce((product, size) => product * size, 1);
    const part = values.subarray(start, end);
    start = end;
    return part;
  });
  writeWeights(tf, network, weights);
}
