import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { matrixRows, streamOf } from '../../../models/boosting/matrix-rows.js';
import type { BoostedModel } from '../../../models/boosting/model.js';
import { columnNames } from '../../../models/column-names.js';
import { trainLightgbm } from '../../../models/lightgbm/train.js';
import { MlflowClient } from '../../../models/registry/mlflow-client.js';
import type { TrainedModel } from '../../../models/model.js';
import { trainCnn } from '../../../models/tensorflow/cnn/train.js';
import { trainLstm } from '../../../models/tensorflow/lstm/train.js';
import { trainTwoBranch } from '../../../models/tensorflow/two-branch/train.js';
import { trainXgboost } from '../../../models/xgboost/train.js';
import { expectClose } from '../golden.js';
import { lightgbmLibrary, SETUP_DIR, tensorflowLibrary, xgboostLibrary } from '../setup.js';
import { syntheticClasses, syntheticFlows } from '../synthetic-flows.js';
import { startMlflow } from './mlflow-server.js';

// Registered versions are loaded by a real Python process from a real server.

const K = 4;
const train = syntheticFlows({ n: 400, classes: K, seed: 1 });
const asked = syntheticFlows({ n: 1_000, classes: K, seed: 3 });
const createdAt = new Date('2022-06-13T04:05:06.789Z');
const request = { train, validation: asked, classes: syntheticClasses(K), preset: 'test', seed: 7 };
const two = (flows: typeof train) => ({
  ...flows,
  labels: flows.labels.map((k) => Math.min(k, 1)),
});

const boosters: Record<
  string,
  { kind: 'xgboost' | 'lightgbm'; train: () => Promise<BoostedModel> }
> = {
  'app-xgboost': {
    kind: 'xgboost',
    train: async () => {
      const settings = { rounds: 5, packets: true };
      const libraryPath = xgboostLibrary();
      return (await trainXgboost({ ...request, createdAt, libraryPath, settings })).model;
    },
  },
  'app-lightgbm': {
    kind: 'lightgbm',
    train: async () => {
      const settings = { rounds: 5, packets: false };
      const libraryPath = lightgbmLibrary();
      return (await trainLightgbm({ ...request, createdAt, libraryPath, settings })).model;
    },
  },
  'vpn-xgboost': {
    kind: 'xgboost',
    train: async () => {
      const settings = { rounds: 5, packets: false };
      const pair = { train: two(train), validation: two(asked), classes: ['no', 'yes'] };
      const libraryPath = xgboostLibrary();
      return (await trainXgboost({ ...request, ...pair, createdAt, libraryPath, settings })).model;
    },
  },
};

const ofNetworks = { ...request, createdAt, libraryPath: tensorflowLibrary() };
const settings = { epochs: 2, batchSize: 64 };
const networks: Record<string, () => Promise<{ model: TrainedModel }>> = {
  'app-lstm': () => trainLstm({ ...ofNetworks, settings: { ...settings, units: 16 } }),
  'app-cnn': () => trainCnn({ ...ofNetworks, settings: { ...settings, statsUnits: 0 } }),
  'app-two-branch': () => trainTwoBranch({ ...ofNetworks, settings }),
};

const python = join(SETUP_DIR, 'venv', 'bin', 'python');

let folder: string;
let server: { baseUrl: string; stop: () => Promise<void> };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sentinel-python-'));
  server = await startMlflow();
}, 120_000);

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

async function register(client: MlflowClient, name: string, dir: string): Promise<void> {
  const { experimentId, runId } = await client.runs.create({ experiment: 'python' });
  const wish = { name, runId, key: runId };
  const { modelId, artifactUri } = await client.loggedModels.ensure({ ...wish, experimentId });
  await client.artifacts.uploadFolder(dir, artifactUri);
  await client.loggedModels.finish(modelId);
  const made = { ...wish, modelId, source: artifactUri };
  const { version } = await client.models.ensureModelVersion(made);
  await client.models.setAlias(name, 'champion', version);
  // from here the UI reads the signature
  const query = new URLSearchParams({ name, version, path: 'MLmodel' });
  const shown = await fetch(`${server.baseUrl}/model-versions/get-artifact?${query.toString()}`);
  expect(await shown.text()).toMatch(/^signature:\n {2}inputs: /m);
}

interface Answer {
  readonly flavour: number[];
  readonly function: number[];
  readonly columns: string[];
  readonly classes: string[];
  readonly created: string;
}

/** Saves and registers a model; what to ask Python about it. */
async function asRequest(client: MlflowClient, name: string, model: TrainedModel, flavour: string) {
  await model.save(join(folder, name));
  await register(client, name, join(folder, name));
  const packets = flavour === 'onnx' || name === 'app-xgboost';
  const flows = { ...asked.flows, ...(model.featureNames.length === 0 && withoutColumns) };
  const columns = columnNames(model.featureNames, packets);
  const [batch = new Float32Array()] = matrixRows(streamOf(flows), packets); // one batch
  const rows = Array.from({ length: flows.n }, (_, i) => [
    ...batch.subarray(i * columns.length, (i + 1) * columns.length),
  ]);
  return { name, flavour, columns, rows };
}

const withoutColumns = { featureNames: [], tabular: new Float32Array() };

async function askPython(requests: readonly unknown[]): Promise<Answer[]> {
  const script = join(import.meta.dirname, 'python_models.py');
  const options = { maxBuffer: 2 ** 28 };
  const asking = promisify(execFile)(python, [script, server.baseUrl], options);
  asking.child.stdin?.on('error', () => undefined); // the process ended: its exit says why
  asking.child.stdin?.end(JSON.stringify(requests));
  const { stdout } = await asking;
  return JSON.parse(stdout) as Answer[]; // as python_models.py writes them
}

test('a registered booster is loaded by its package and as a Python function, and they agree with ours', async () => {
  const client = new MlflowClient({ baseUrl: server.baseUrl });
  const requests = [];
  const wanted: Float32Array[] = [];
  for (const [name, { kind, train: trainOne }] of Object.entries(boosters)) {
    const model = await trainOne();
    requests.push(await asRequest(client, name, model, kind));
    const ours = model.predict(asked.flows);
    wanted.push(model.classes.length === 2 ? ours.filter((_, i) => i % 2 === 1) : ours);
    model.dispose();
  }
  const answers = await askPython(requests);
  for (const [i, answer] of answers.entries()) {
    expectClose(answer.flavour, wanted[i] ?? [], 1e-6);
    expectClose(answer.function, wanted[i] ?? [], 1e-6);
    expect(answer.columns).toEqual(requests[i]?.columns);
    expect(answer.created).toBe('2022-06-13 04:05:06.789000');
  }
}, 180_000);

// `node scripts/setup.mjs --test` installs both packages
const hasOnnx = spawnSync(python, ['-c', 'import onnx, onnxruntime']).status === 0;

test.skipIf(!hasOnnx)(
  'so is a registered network, by its ONNX file',
  async () => {
    const client = new MlflowClient({ baseUrl: server.baseUrl });
    const requests = [];
    const wanted: Float32Array[] = [];
    for (const [name, trainOne] of Object.entries(networks)) {
      const { model } = await trainOne();
      requests.push(await asRequest(client, name, model, 'onnx'));
      wanted.push(model.predict(asked.flows));
      model.dispose();
    }
    const answers = await askPython(requests);
    expect(answers).toHaveLength(3);
    for (const [i, answer] of answers.entries()) {
      const ours = [...(wanted[i] ?? [])];
      expectClose(answer.flavour, ours, 1e-5);
      expectClose(answer.function, ours, 1e-5);
      expect(winners(answer.function)).toEqual(winners(ours));
      expect(answer.columns).toEqual(requests[i]?.columns);
      expect(answer.classes).toEqual(request.classes);
      expect(answer.created).toBe('2022-06-13 04:05:06.789000');
    }
  },
  180_000,
);

function winners(probabilities: readonly number[]): number[] {
  return Array.from({ length: asked.flows.n }, (_, i) => {
    const row = probabilities.slice(i * K, (i + 1) * K);
    return row.indexOf(Math.max(...row));
  });
}

test.each([
  ['model.ubj', async () => boosters['app-xgboost']!.train()], // keys of the tables
  ['model.onnx', async () => (await networks['app-lstm']!()).model],
])('the same training saves the same %s and the same words about it', async (file, trainOne) => {
  const files = ['MLmodel', 'model.json', file, 'requirements.txt', 'python_env.yaml'];
  const read = async (dir: string) =>
    Promise.all(files.map((name) => readFile(join(folder, dir, name), 'utf8')));
  for (const dir of ['first', 'second']) {
    const model = await trainOne();
    await model.save(join(folder, dir));
    model.dispose();
  }
  expect(await read('second')).toEqual(await read('first'));
});
