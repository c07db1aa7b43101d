import type { Tensor3D, Variable } from '@tensorflow/tfjs-node';
import { describe, expect, test } from 'vitest';
import { Adam } from '../../../models/tensorflow/adam.js';
import {
  batchNorm,
  createBatchNorm,
  type BatchNorm,
} from '../../../models/tensorflow/batch-norm.js';
import { averagePool, conv1d, maxPool } from '../../../models/tensorflow/layers.js';
import { weightedCrossEntropy } from '../../../models/tensorflow/loss.js';
import { createLstm } from '../../../models/tensorflow/lstm/network.js';
import { writeWeights, type Batch } from '../../../models/tensorflow/network.js';
import { tensorflow } from '../../../models/tensorflow/runtime.js';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { expectClose, readGolden, type GoldenTensor } from '../golden.js';

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
const tf = tensorflow();
const tensor = ({ values, shape }: GoldenTensor) => tf.tensor(values, shape);

const { lengths } = golden.lstm;
const mask = tf.tensor3d(
  lengths.flatMap((length) => Array.from({ length: 30 }, (_, t) => (t < length ? 1 : 0))),
  [lengths.length, 30, 1],
);
const ppi = tensor(golden.lstm.ppi) as Tensor3D; // [6, 30, 3]

describe('Masking + LSTM + Dense', () => {
  const { units, classes: classCount } = golden.lstm;
  const network = createLstm(tf, { classCount, units, dropout: 0 }, seededRandom(1));
  const names = [...network.variables.keys()];
  writeWeights(
    tf,
    network,
    names.map((name) => Float32Array.from(golden.lstm.weights[name]?.values ?? [])),
  );
  const batch: Batch = { ppi, mask, tabular: tf.zeros([lengths.length, 0]) };

  test('gives the probabilities of Keras for flows of 30, 1, 7, 18, 2 and 0 packets', () => {
    const probabilities = tf.tidy(() => tf.softmax(network.logits(batch, null)).dataSync());
    expectClose(probabilities, golden.lstm.probabilities.values, golden.tolerance.forward);
  });

  test('has the gradients of Keras in every weight', () => {
    const { value, grads } = tf.variableGrads(
      () =>
        weightedCrossEntropy(
          tf,
          network.logits(batch, null),
          Int32Array.from(golden.lstm.labels),
          Float32Array.from(golden.lstm.rowWeights),
        ),
      [...network.variables.values()],
    );
    expectClose(value.dataSync(), [golden.lstm.loss], golden.tolerance.forward);
    for (const [name, variable] of network.variables) {
      expectClose(
        grads[variable.name]?.dataSync() ?? [],
        golden.lstm.gradients[name]?.values ?? [],
        golden.tolerance.gradientRelative,
        true,
      );
    }
  });

  test('is unmoved by what stands in the padding', () => {
    const noisy = tf.add<Tensor3D>(ppi, tf.mul(tf.sub(1, mask), 5));
    const clean = network.logits(batch, null).dataSync();
    expect(network.logits({ ...batch, ppi: noisy }, null).dataSync()).toEqual(clean);
  });
});

describe('convolution and pooling', () => {
  const { kernel, bias, present } = golden.conv1d;
  const convolve = (padding: 'same' | 'valid') =>
    conv1d(tf, ppi, tensor(kernel), tensor(bias), padding);
  const { forward } = golden.tolerance;

  test.each(['same', 'valid'] as const)('conv1d with %s padding is that of Keras', (padding) => {
    expectClose(convolve(padding).dataSync(), golden.conv1d[padding].values, forward);
  });

  test('max pooling is that of Keras, over all packets and over those present', () => {
    const x = tf.relu(convolve('same'));
    const present = tf.mul<Tensor3D>(x, mask);
    expectClose(maxPool(tf, present).dataSync(), golden.conv1d.maxPool.values, forward);
    expectClose(maxPool(tf, x).dataSync(), golden.conv1d.maxPoolAll.values, forward);
  });

  test('average pooling is that of Keras with its mask; a flow without packets gives 0', () => {
    const x = tf.relu(convolve('same'));
    const pooled = averagePool(tf, tf.mul(x, mask), mask);
    expectClose(tf.gather(pooled, present).dataSync(), golden.conv1d.averagePool.values, forward);
    const absent = lengths.indexOf(0);
    expect(tf.sum(tf.gather(pooled, [absent])).dataSync()[0]).toBe(0);
    expectClose(
      averagePool(tf, x, tf.onesLike(mask)).dataSync(),
      golden.conv1d.averagePoolAll.values,
      forward,
    );
  });
});

describe('batch normalisation', () => {
  const { forward, gradientRelative } = golden.tolerance;
  const { x, weights, predicted, trained, upstream, gradients, ...moved } = golden.batchNorm;
  const layer = createBatchNorm(tf, weights.scale.values.length);
  for (const [part, variable] of Object.entries(layer) as [keyof BatchNorm, Variable][]) {
    variable.assign(tensor(weights[part]));
  }

  test('predicts as Keras does, by the moving statistics', () => {
    const y = batchNorm(tf, tensor(x), layer, false);
    expectClose(y.dataSync(), predicted.values, forward);
  });

  test('has the values and gradients of Keras in training, and moves as there', () => {
    const slopes = tf.grads((input, scale, offset) => {
      const y = batchNorm(tf, input, { ...layer, scale, offset } as BatchNorm, true); // read only
      expectClose(y.dataSync(), trained.values, forward);
      return tf.sum(tf.mul(y, tensor(upstream)));
    })([tensor(x), layer.scale, layer.offset]);
    gradients.forEach(({ values }, i) =>
      expectClose(slopes[i]?.dataSync() ?? [], values, gradientRelative, true),
    );
    expectClose(layer.movingMean.dataSync(), moved.movedMean.values, forward);
    expectClose(layer.movingVariance.dataSync(), moved.movedVariance.values, forward);
  });
});

test('Adam moves a weight as in Keras, at changing rates', () => {
  const variable = tf.variable(tensor(golden.adam.start));
  const optimiser = new Adam(tf, [variable]);
  golden.adam.rates.forEach((rate, step) => {
    const gradient = golden.adam.gradients[step];
    if (gradient !== undefined) optimiser.apply({ [variable.name]: tensor(gradient) }, rate);
  });
  expectClose(variable.dataSync(), golden.adam.end.values, golden.tolerance.forward);
  optimiser.dispose();
});
