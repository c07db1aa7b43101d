import { afterAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../../contracts/seeded-random.js';
import type { Layers } from '../../../models/layers.js';
import { Adam } from '../../../models/tensorflow/adam.js';
import { batchNorm, type BatchNorm } from '../../../models/tensorflow/batch-norm.js';
import { Graph } from '../../../models/tensorflow/graph.js';
import { filledWith } from '../../../models/tensorflow/initial-weights.js';
import { TensorflowLayers } from '../../../models/tensorflow/layers.js';
import { loadTensorflow } from '../../../models/tensorflow/library.js';
import { lstmLayers } from '../../../models/tensorflow/lstm/network.js';
import { Network } from '../../../models/tensorflow/network.js';
import { Session } from '../../../models/tensorflow/session.js';
import { TrainingStep } from '../../../models/tensorflow/training-step.js';
import { Variables } from '../../../models/tensorflow/variables.js';
import type { NativePointer } from '../../../models/native-library.js';
import { expectClose, readGolden, type GoldenTensor } from '../golden.js';
import { tensorflowLibrary } from '../setup.js';

// Against Keras: forward passes, gradients and the optimiser.

interface Golden {
  readonly tolerance: { forward: number; gradientRelative: number };
  readonly lstm: {
    readonly ppi: GoldenTensor;
    readonly lengths: number[];
    readonly units: number;
    readonly classes: number;
    readonly labels: number[];
    readonly rowWeights: number[];
    readonly weights: Record<string, GoldenTensor>;
    readonly probabilities: GoldenTensor;
    readonly loss: number;
    readonly gradients: Record<string, GoldenTensor>;
  };
  readonly conv1d: Record<
    | 'kernel'
    | 'bias'
    | 'same'
    | 'valid'
    | 'maxPool'
    | 'maxPoolAll'
    | 'averagePool'
    | 'averagePoolAll',
    GoldenTensor
  > & { readonly present: number[] };
  readonly adam: {
    readonly start: GoldenTensor;
    readonly rates: number[];
    readonly gradients: GoldenTensor[];
    readonly end: GoldenTensor;
  };
  readonly batchNorm: Record<
    'x' | 'predicted' | 'trained' | 'upstream' | 'movedMean' | 'movedVariance',
    GoldenTensor
  > & {
    readonly weights: Record<keyof BatchNorm, GoldenTensor>;
    readonly gradients: [x: GoldenTensor, scale: GoldenTensor, offset: GoldenTensor];
  };
}

const golden = readGolden<Golden>('keras-networks');
const library = loadTensorflow(tensorflowLibrary());
const values = (tensor: GoldenTensor | undefined) => Float32Array.from(tensor?.values ?? []);
const tensor = (of: GoldenTensor) => ({ shape: of.shape, values: values(of) });

const { lengths } = golden.lstm;
const N = lengths.length;
const mask = Float32Array.from(
  lengths.flatMap((length) => Array.from({ length: 30 }, (_, t) => (t < length ? 1 : 0))),
);
const flows = {
  ...{ n: N, ppi: values(golden.lstm.ppi), mask, tabular: new Float32Array(), features: 0 },
};
const rows = Int32Array.from({ length: N }, (_, i) => i);

describe('Masking + LSTM + Dense', () => {
  const { units, classes: classCount } = golden.lstm;
  const layers = lstmLayers({ classCount, units, dropout: 0 });
  const network = new Network(library, layers, 0, seededRandom(1));
  const names = network.variables.entries().map(([name]) => name);
  network.setWeights(names.map((name) => values(golden.lstm.weights[name])));
  afterAll(() => network.dispose());

  test('gives the probabilities of Keras for flows of 30, 1, 7, 18, 2 and 0 packets', () => {
    const probabilities = network.predict(flows);
    expectClose(probabilities, golden.lstm.probabilities.values, golden.tolerance.forward);
  });

  test('has the gradients of Keras in every weight', () => {
    const step = new TrainingStep(network, 1);
    const batch = {
      inputs: network.batch(flows, rows),
      labels: Int32Array.from(golden.lstm.labels),
      weights: Float32Array.from(golden.lstm.rowWeights),
    };
    const [loss = [], ...gradients] = network.session.run({
      ...{ inputs: step.inputs(batch, 0), wanted: [step.loss, ...step.gradients] },
    });
    expectClose(loss, [golden.lstm.loss], golden.tolerance.forward);
    expect(gradients).toHaveLength(names.length);
    for (const [i, name] of names.entries()) {
      expectClose(
        gradients[i] ?? [],
        golden.lstm.gradients[name]?.values ?? [],
        golden.tolerance.gradientRelative,
        true,
      );
    }
  });

  test('is unmoved by what stands in the padding', () => {
    const noisy = flows.ppi.map((value, i) => value + 5 * (1 - (mask[Math.floor(i / 3)] ?? 0)));
    const clean = network.predict(flows);
    expect(network.predict({ ...flows, ppi: noisy })).toEqual(clean);
  });
});

describe('convolution and pooling', () => {
  const { kernel, bias, present } = golden.conv1d;
  const { forward } = golden.tolerance;
  const [width = 0, , channels = 0] = kernel.shape;

  /** What the layers make of the packets: one number for each. */
  function outputsOf(
    make: <V>(layers: Layers<V>, x: V, mask: V) => V,
    present = mask,
    padding: 'same' | 'valid' = 'same',
  ): Float32Array {
    const graph = new Graph(library);
    const variables = new Variables(graph, seededRandom(1));
    const layers = new TensorflowLayers(graph, variables, null);
    const given = graph.constant({ shape: [N, 30, 1], values: present });
    const packets = graph.constant(tensor(golden.lstm.ppi));
    const convolved = layers.convolution('conv', packets, { channels, width, padding });
    const made = make(layers, convolved, given);
    const session = new Session(library, graph);
    variables.write(session, [values(kernel), values(bias)]);
    const [result = new Float32Array()] = session.run({ wanted: [made] });
    session.dispose();
    graph.dispose();
    return result;
  }
  const everywhere = mask.map(() => 1);

  test.each(['same', 'valid'] as const)('with %s padding it is that of Keras', (padding) => {
    const convolved = outputsOf((_, x) => x, mask, padding);
    expectClose(convolved, golden.conv1d[padding].values, forward);
  });

  test('max pooling is that of Keras, over all packets and over those present', () => {
    const overPresent = outputsOf((layers, x, there) =>
      layers.maxPool(layers.masked(layers.relu(x), there)),
    );
    expectClose(overPresent, golden.conv1d.maxPool.values, forward);
    const overAll = outputsOf((layers, x) => layers.maxPool(layers.relu(x)));
    expectClose(overAll, golden.conv1d.maxPoolAll.values, forward);
  });

  test('average pooling is that of Keras with its mask; a flow without packets gives 0', () => {
    const average = <V>(layers: Layers<V>, x: V, there: V) =>
      layers.averagePool(layers.masked(layers.relu(x), there), there);
    const pooled = outputsOf(average);
    const rowOf = (row: number) => pooled.subarray(row * channels, (row + 1) * channels);
    const kept = present.flatMap((row) => [...rowOf(row)]);
    expectClose(kept, golden.conv1d.averagePool.values, forward);
    expect([...rowOf(lengths.indexOf(0))].every((value) => value === 0)).toBe(true);
    const overAll = outputsOf(average, everywhere);
    expectClose(overAll, golden.conv1d.averagePoolAll.values, forward);
  });
});

describe('batch normalisation', () => {
  const { forward, gradientRelative } = golden.tolerance;
  const { x, weights, predicted, trained, upstream, gradients, ...moved } = golden.batchNorm;
  const graph = new Graph(library);
  const variables = new Variables(graph, seededRandom(1));
  const part = (name: keyof BatchNorm) => variables.get(name, weights[name].shape, filledWith(0));
  const layer: BatchNorm = {
    ...{ scale: part('scale'), offset: part('offset') },
    ...{ movingMean: part('movingMean'), movingVariance: part('movingVariance') },
  };
  const input = graph.constant(tensor(x));
  const moves: NativePointer[] = [];
  const asPredicted = batchNorm(graph, input, layer, null);
  const asTrained = batchNorm(graph, input, layer, moves);
  const product = graph.value('Mul', [asTrained, graph.constant(tensor(upstream))]);
  const sum = graph.value('Sum', [product, graph.ints(0, 1, 2)]);
  const slopes = graph.gradients(sum, [input, layer.scale.value, layer.offset.value]);
  const session = new Session(library, graph);
  const order = variables.entries().map(([name]) => name as keyof BatchNorm);
  variables.write(
    session,
    order.map((name) => values(weights[name])),
  );
  afterAll(() => {
    session.dispose();
    graph.dispose();
  });

  test('predicts as Keras does, by the moving statistics', () => {
    expectClose(session.run({ wanted: [asPredicted] })[0] ?? [], predicted.values, forward);
  });

  test('has the values and gradients of Keras in training, and moves as there', () => {
    const wanted = [asTrained, ...slopes];
    const [y = [], ...found] = session.run({ wanted, effects: moves });
    expectClose(y, trained.values, forward);
    gradients.forEach((gradient, i) =>
      expectClose(found[i] ?? [], gradient.values, gradientRelative, true),
    );
    const after = new Map(order.map((name, i) => [name, variables.read(session)[i] ?? []]));
    expectClose(after.get('movingMean') ?? [], moved.movedMean.values, forward);
    expectClose(after.get('movingVariance') ?? [], moved.movedVariance.values, forward);
  });
});

test('Adam moves a weight as in Keras, at changing rates', () => {
  const graph = new Graph(library);
  const variables = new Variables(graph, seededRandom(1));
  const variable = variables.get('w', golden.adam.start.shape, filledWith(0));
  const gradient = graph.input('float32', golden.adam.start.shape);
  const adam = new Adam(graph, [variable], [gradient]);
  const session = new Session(library, graph);
  variables.write(session, [values(golden.adam.start)]);
  adam.restore(session);
  golden.adam.rates.forEach((rate, step) => {
    const given = golden.adam.gradients[step];
    if (given === undefined) throw new RangeError(`no gradient of step ${step}`);
    session.run({
      inputs: [[gradient, tensor(given)], ...adam.next(rate)],
      effects: adam.effects,
    });
  });
  expectClose(variables.read(session)[0] ?? [], golden.adam.end.values, golden.tolerance.forward);
  session.dispose();
  graph.dispose();
});
