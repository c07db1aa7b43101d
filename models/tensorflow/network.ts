/** A network in TensorFlow: its graph, its weights, and what it says of flows. B rows of a batch, K classes. */
import { PipelineError } from '../../contracts/errors.js';
import type { SeededRandom } from '../../contracts/seeded-random.js';
import type { NetworkInputs, NetworkLayers } from '../layers.js';
import { PPI_CHANNELS, PPI_PACKETS, PPI_WIDTH } from '../model.js';
import { Graph } from './graph.js';
import { TensorflowLayers, type TrainingLayers } from './layers.js';
import type { GraphValue, TensorflowLibrary } from './library.js';
import type { ScaledFlows } from './scaling.js';
import { Session, type Run } from './session.js';
import { Variables } from './variables.js';

/** Rows of one forward pass in prediction. */
const PREDICTION_BATCH = 1024;

/** A network with its weights; holds native memory. */
export class Network {
  readonly graph: Graph;
  readonly session: Session;
  readonly variables: Variables;
  readonly layers: NetworkLayers;
  readonly #inputs: NetworkInputs<GraphValue>;
  readonly #probabilities: GraphValue;
  #open = true;

  /**
   * A network with its first weights.
   *
   * @param features F, tabular columns; may be 0
   * @param random   of the first weights
   */
  constructor(
    library: TensorflowLibrary,
    layers: NetworkLayers,
    features: number,
    random: SeededRandom,
  ) {
    this.graph = new Graph(library);
    this.variables = new Variables(this.graph, random);
    this.layers = layers;
    this.#inputs = {
      ppi: this.graph.input('float32', [-1, PPI_PACKETS, PPI_CHANNELS]),
      mask: this.graph.input('float32', [-1, PPI_PACKETS, 1]),
      tabular: this.graph.input('float32', [-1, features]),
    };
    this.#probabilities = this.graph.value('Softmax', [this.logits(null)]);
    this.session = new Session(library, this.graph);
    this.variables.write(this.session);
  }

  /** Raw scores [B, K] of the inputs; each call adds operations. */
  logits(training: TrainingLayers | null): GraphValue {
    const layers = new TensorflowLayers(this.graph, this.variables, training);
    return this.layers(layers, this.#inputs);
  }

  /** The rows as inputs of a run; those that the network does not read are not given. */
  batch(flows: ScaledFlows, rows: Int32Array): NonNullable<Run['inputs']> {
    const { ppi, mask, tabular } = this.#inputs;
    const B = rows.length;
    const F = flows.features;
    return [
      [ppi, { shape: [B, PPI_PACKETS, PPI_CHANNELS], values: gather(flows.ppi, rows, PPI_WIDTH) }],
      [mask, { shape: [B, PPI_PACKETS, 1], values: gather(flows.mask, rows, PPI_PACKETS) }],
      [tabular, { shape: [B, F], values: gather(flows.tabular, rows, F) }],
    ];
  }

  /** Softmax probabilities [N, K], row-major. */
  predict(flows: ScaledFlows): Float32Array {
    const classCount = this.graph.shapeOf(this.#probabilities).at(-1) ?? 0;
    const probabilities = new Float32Array(flows.n * classCount);
    for (let start = 0; start < flows.n; start += PREDICTION_BATCH) {
      const length = Math.min(PREDICTION_BATCH, flows.n - start);
      const rows = Int32Array.from({ length }, (_, i) => start + i);
      const run = { inputs: this.batch(flows, rows), wanted: [this.#probabilities] };
      const [values = new Float32Array()] = this.session.run(run); // one is wanted
      probabilities.set(values, start * classCount);
    }
    return probabilities;
  }

  /** Copies of all weights, in the order of the variables. */
  weights(): Float32Array<ArrayBuffer>[] {
    return this.variables.read(this.session);
  }

  /**
   * Sets all weights.
   *
   * @param weights one array per variable, in their order
   * @throws PipelineError MODEL_SHAPE when a size differs
   */
  setWeights(weights: readonly (Float32Array | undefined)[]): void {
    const fitting = this.variables.entries().map(([name, { size, shape }], i) => {
      const values = weights[i];
      if (values?.length === size) return values;
      throw new PipelineError({
        code: 'MODEL_SHAPE',
        column: name,
        found: `${values?.length ?? 0} weights`,
        expected: `${size} (${shape.join(' x ')})`,
        fix: 'download the model version again, or train the model again',
      });
    });
    this.variables.write(this.session, fitting);
  }

  /** Frees the weights; a second call does nothing. */
  dispose(): void {
    if (!this.#open) return;
    this.#open = false;
    this.session.dispose();
    this.graph.dispose();
  }
}

function gather(values: Float32Array, rows: Int32Array, width: number): Float32Array {
  const gathered = new Float32Array(rows.length * width);
  rows.forEach((row, i) =>
    gathered.set(values.subarray(row * width, (row + 1) * width), i * width),
  );
  return gathered;
}
