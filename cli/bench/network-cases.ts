/** The neural networks against Keras: the same layers, flows, batches and threads. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { seededRandom } from '../../contracts/seeded-random.js';
import {
  NETWORK_KINDS,
  PPI_CHANNELS,
  PPI_PACKETS,
  PPI_WIDTH,
  selectFlows,
  type LabelledFlows,
  type NetworkKind,
} from '../../models/model.js';
import type { ClassifierRequest } from '../../models/tensorflow/classifier.js';
import { trainCnn } from '../../models/tensorflow/cnn/train.js';
import { findTensorflowLibrary } from '../../models/tensorflow/library.js';
import { trainLstm } from '../../models/tensorflow/lstm/train.js';
import type { NetworkSettings } from '../../models/tensorflow/settings.js';
import { trainTwoBranch } from '../../models/tensorflow/two-branch/train.js';
import type { NetworkModel } from '../../models/tensorflow/network-model.js';
import type { MakeModelCases, ModelCase } from './models.js';
import { secondsOf } from './pairs.js';
import { startPythonPeer } from './python-peer.js';

const CLASSES = 180;
const FEATURES = 73;

/** As in scripts/bench/networks_keras.py. */
const VALIDATION = 10;

/** Rows of a training batch: the published CNN's and LSTM's. */
const BATCH: Readonly<Record<NetworkKind, number>> = { lstm: 64, cnn: 128, 'two-branch': 128 };

const LEARNING_RATE = 0.002;

/** Rows that are asked before a prediction is timed. */
const WARMING = 1024;

const TRAIN = { lstm: trainLstm, cnn: trainCnn, 'two-branch': trainTwoBranch };

/**
 * Rows per second of fit (the second epoch, with its validation) and predict (with scaling), against Keras; one flow
 * in ten validates.
 */
export const networkCases: MakeModelCases = async ({ setupDir, python, flows: n }, folder) => {
  const peer = startPythonPeer('networks_keras.py', python, '; with tensorflow-cpu and keras');
  const data = randomFlows(n);
  await writeArrays(folder, data);
  const training = n - Math.ceil(n / VALIDATION);
  const warming = selectFlows(data.flows, [...new Array(WARMING).keys()]);
  const models: NetworkModel[] = [];
  let loaded = false;
  const ask = async (request: object): Promise<number> => {
    if (!loaded) await peer.ask({ load: folder, classes: CLASSES, features: FEATURES });
    loaded = true;
    return peer.ask(request);
  };
  const cases = NETWORK_KINDS.flatMap((kind): ModelCase[] => {
    const label = { unit: 'rows/s', peer: 'Keras' };
    const fitting = { fit: kind, batch: BATCH[kind], rate: LEARNING_RATE };
    let model: NetworkModel | undefined;
    return [
      {
        label: { case: `${kind} fit`, ...label },
        ours: async () => {
          const fitted = await fit(kind, data, findTensorflowLibrary(setupDir));
          model = fitted.model;
          models.push(model);
          return training / fitted.seconds;
        },
        theirs: async () => training / (await ask(fitting)),
      },
      {
        label: { case: `${kind} predict`, ...label },
        ours: () => {
          model?.predict(warming); // the first run plans the graph; the peer's is not timed either
          return Promise.resolve(n / secondsOf(() => model?.predict(data.flows))); // fitted before
        },
        theirs: async () => n / (await ask({ predict: kind })),
      },
    ];
  });
  const close = async (): Promise<void> => {
    for (const model of models) model.dispose();
    await peer.stop();
  };
  return { cases, close };
};

/** Two epochs; the first warms up. */
async function fit(kind: NetworkKind, data: LabelledFlows, libraryPath: string) {
  const rows = Int32Array.from({ length: data.flows.n }, (_, i) => i);
  const ends: number[] = [];
  const request: ClassifierRequest<NetworkSettings> = {
    train: selectRows(
      data,
      rows.filter((row) => row % VALIDATION !== 0),
    ),
    validation: selectRows(
      data,
      rows.filter((row) => row % VALIDATION === 0),
    ),
    classes: Array.from({ length: CLASSES }, (_, k) => `app-${k}`),
    ...{ preset: 'bench', seed: 1, libraryPath },
    settings: {
      ...{ epochs: 2, patienceEpochs: 2, batchSize: BATCH[kind] },
      ...{ learningRate: LEARNING_RATE, classWeightCap: 0, dropout: 0.1 },
    },
    onEpoch: () => ends.push(performance.now()),
  };
  const { model } = await TRAIN[kind](request);
  const [first = NaN, second = NaN] = ends;
  return { model, seconds: (second - first) / 1_000 };
}

function selectRows({ flows, labels }: LabelledFlows, rows: Int32Array): LabelledFlows {
  return { flows: selectFlows(flows, rows), labels: rows.map((row) => labels[row] ?? 0) };
}

/** Speed does not depend on what the flows say: random ones of 1 to 30 packets. */
function randomFlows(n: number): LabelledFlows {
  const random = seededRandom('bench-networks');
  const ppi = new Float32Array(n * PPI_WIDTH);
  const lengths = Uint8Array.from({ length: n }, () => 1 + random.below(PPI_PACKETS));
  lengths.forEach((length, i) => {
    for (let t = 0; t < length; t++) {
      const at = i * PPI_WIDTH + t * PPI_CHANNELS;
      ppi.set([1 + random.below(1460), random.below(2) * 2 - 1, random.below(5_000)], at);
    }
  });
  return {
    flows: {
      ...{ n, ppi, lengths },
      tabular: Float32Array.from({ length: n * FEATURES }, () => random.below(10_000)),
      featureNames: Array.from({ length: FEATURES }, (_, f) => `feature_${f}`),
    },
    labels: Int32Array.from({ length: n }, () => random.below(CLASSES)),
  };
}

function writeArrays(folder: string, { flows, labels }: LabelledFlows): Promise<unknown> {
  return Promise.all([
    writeFile(join(folder, 'ppi.f32'), flows.ppi),
    writeFile(join(folder, 'lengths.u8'), flows.lengths),
    writeFile(join(folder, 'tabular.f32'), flows.tabular),
    writeFile(join(folder, 'labels.i32'), labels),
  ]);
}
