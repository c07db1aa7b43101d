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
import { sizeOf } from './initial-weights.js';
import type { Network } from './network.js';
import { ONNX_FILE, onnxBytes } from './onnx-file.js';
import { scaleFlows } from './scaling.js';

const WEIGHTS_FILE = 'weights.bin';

/** What a network's folder says, less the list of its weights. */
export type NetworkDescription = Omit<ManifestOf<NetworkKind>, 'weights'>;

/** A neural network with its scaling; holds native memory. */
export class NetworkModel implements TrainedModel {
  readonly kind: NetworkKind;
  readonly classes: readonly string[];
  readonly featureNames: readonly string[];
  readonly #network: Network;
  readonly #description: NetworkDescription;

  constructor(network: Network, description: NetworkDescription) {
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
    return this.#network.predict(scaled);
  }

  /** As every model is saved; beside it lies what Python's MLflow needs to load its ONNX file. */
  async save(dir: string): Promise<void> {
    const values = this.#network.weights();
    const weights = new Map(
      this.#network.variables
        .entries()
        .map(([name, { shape }], i) => [name, { shape, values: values[i] ?? new Float32Array() }]),
    );
    const tensors = Array.from(weights, ([name, { shape }]) => ({ name, shape: [...shape] }));
    const bytes = Buffer.concat(values.map(({ buffer }) => Buffer.from(buffer)));
    const onnx = {
      name: ONNX_FILE,
      bytes: onnxBytes(this.#network.layers, weights, this.#description),
    };
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
    this.#network.dispose();
  }

  #scaling(): NetworkScaling {
    return this.#description.scaling;
  }
}

/**
 * The weights in a folder, by name; one that the file has not in full is shorter than its shape.
 *
 * @throws PipelineError MODEL_FILE
 */
export async function readWeights(
  dir: string,
  manifest: ManifestOf<NetworkKind>,
): Promise<ReadonlyMap<string, Float32Array>> {
  const bytes = await readModelFile(dir, manifest.weights.file);
  const copy = new Uint8Array(bytes); // aligned, whatever the reader's buffer is a part of
  const values = new Float32Array(copy.buffer, 0, Math.floor(copy.length / 4));
  let start = 0;
  return new Map(
    manifest.weights.tensors.map(({ name, shape }) => {
      const end = start + sizeOf(shape);
      const part = values.subarray(start, end);
      start = end;
      return [name, part];
    }),
  );
}
