import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { columnNames, matrixRows, streamOf } from '../../../models/boosting/matrix-rows.js';
import type { BoostedModel } from '../../../models/boosting/model.js';
import { trainLightgbm } from '../../../models/lightgbm/train.js';
import { MlflowClient } from '../../../models/registry/mlflow-client.js';
import { trainXgboost } from '../../../models/xgboost/train.js';
import { expectClose } from '../golden.js';
import { lightgbmLibrary, SETUP_DIR, xgboostLibrary } from '../setup.js';
import { syntheticClasses, syntheticFlows } from '../synthetic-flows.js';
import { startMlflow } from './mlflow-server.js';

// Registered versions of both boosters are loaded by a real Python process from a real server.

const K = 4;
const train = syntheticFlows({ n: 400, classes: K, seed: 1 });
const asked = syntheticFlows({ n: 1_000, classes: K, seed: 3 });
const createdAt = new Date('2022-06-13T04:05:06.789Z');
const request = { train, validation: asked, classes: syntheticClasses(K), preset: 'test', seed: 7 };
const two = (flows: typeof train) => ({
  ...flows,
  labels: flows.labels.map((k) => Math.min(k, 1)),
});

const models: Record<string, { kind: 'xgboost' | 'lightgbm'; train: () => Promise<BoostedModel> }> =
  {
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
        return (await trainXgboost({ ...request, ...pair, createdAt, libraryPath, settings }))
          .model;
      },
    },
  };

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
  const run = await client.runs.create({ experiment: 'python' });
  const source = `${run.artifactUri}/model`;
  await client.artifacts.uploadFolder(dir, source);
  const { version } = await client.models.ensureModelVersion({
    name,
    runId: run.runId,
    source,
    key: name,
  });
  await client.models.setAlias(name, 'champion', version);
}

interface Answer {
  readonly flavour: number[];
  readonly function: number[];
  readonly inputs: string[];
  readonly created: string;
}

async function askPython(requests: readonly unknown[]): Promise<Answer[]> {
  const python = join(SETUP_DIR, 'venv', 'bin', 'python');
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
  for (const [name, { kind, train: trainOne }] of Object.entries(models)) {
    const model = await trainOne();
    await model.save(join(folder, name));
    await register(client, name, join(folder, name));
    const packets = name === 'app-xgboost';
    const columns = columnNames(asked.flows.featureNames, packets);
    const [batch = new Float32Array()] = matrixRows(streamOf(asked.flows), packets);
    const rows = Array.from({ length: asked.flows.n }, (_, i) => [
      ...batch.subarray(i * columns.length, (i + 1) * columns.length),
    ]);
    requests.push({ name, flavour: kind, columns, rows });
    const ours = model.predict(asked.flows);
    wanted.push(model.classes.length === 2 ? ours.filter((_, i) => i % 2 === 1) : ours);
    model.dispose();
  }
  const answers = await askPython(requests);
  for (const [i, answer] of answers.entries()) {
    expectClose(answer.flavour, wanted[i] ?? [], 1e-6);
    expectClose(answer.function, wanted[i] ?? [], 1e-6);
    expect(answer.inputs).toEqual(requests[i]?.columns);
    expect(answer.created).toBe('2022-06-13 04:05:06.789000');
  }
}, 180_000);

test('the same training saves the same bytes', async () => {
  const files = ['MLmodel', 'model.json', 'model.ubj', 'requirements.txt', 'python_env.yaml'];
  const read = async (dir: string) =>
    Promise.all(files.map((name) => readFile(join(folder, dir, name), 'utf8')));
  for (const dir of ['first', 'second']) {
    const model = await models['app-xgboost']?.train();
    await model?.save(join(folder, dir));
    model?.dispose();
  }
  expect(await read('second')).toEqual(await read('first'));
});
