import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PipelineError } from '../../../contracts/errors.js';
import { FILE_LIST } from '../../../models/registry/mlflow-artifacts.js';
import { MlflowClient } from '../../../models/registry/mlflow-client.js';
import { KEY_TAG } from '../../../models/registry/mlflow-runs.js';
import { startMlflow } from './mlflow-server.js';

let server: { baseUrl: string; stop: () => Promise<void> };
let client: MlflowClient;
let folder: string;

beforeAll(async () => {
  server = await startMlflow();
  client = new MlflowClient({ baseUrl: server.baseUrl });
  folder = mkdtempSync(join(tmpdir(), 'sentinel-registry-'));
}, 120_000);

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function faultOf(promise: Promise<unknown>): Promise<PipelineError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof PipelineError) return error;
  throw new Error(`expected a PipelineError, got ${String(error)}`);
}

describe('runs', () => {
  it('says the version of the server', async () => {
    expect(await client.version()).toBe('3.17.2');
  });

  it('finds an experiment again instead of creating a second one', async () => {
    const [a, b] = await Promise.all([
      new MlflowClient({ baseUrl: server.baseUrl }).runs.ensureExperiment('same'),
      new MlflowClient({ baseUrl: server.baseUrl }).runs.ensureExperiment('same'),
    ]);
    expect(a).toBe(b);
  });

  it('keeps start, tags, parameters, metrics and the end of a run', async () => {
    const run = await client.runs.create({
      experiment: 'train',
      name: 'app-cnn 2022-W23',
      startTimeMs: 1_654_500_000_000,
      tags: { 'sentinel.week': '2022-W23' },
    });
    await client.runs.log(run.runId, {
      params: { learningRate: '0.001', filters: '64' },
      tags: { seed: '7' },
      metrics: [
        { key: 'loss', value: 2.5, timestampMs: 1_654_500_001_000, step: 0 },
        { key: 'loss', value: 1.25, timestampMs: 1_654_500_002_000, step: 1 },
        { key: 'diverged', value: Number.NaN, timestampMs: 1_654_500_002_000 },
        { key: 'limit', value: Number.POSITIVE_INFINITY, timestampMs: 1_654_500_002_000 },
      ],
    });
    await client.runs.finish(run.runId, 'FINISHED', 1_654_500_003_000);
    const stored = await client.runs.get(run.runId);
    expect(stored).toMatchObject({
      name: 'app-cnn 2022-W23',
      status: 'FINISHED',
      startTimeMs: 1_654_500_000_000,
      endTimeMs: 1_654_500_003_000,
      params: { learningRate: '0.001', filters: '64' },
    });
    expect(stored.tags).toMatchObject({ 'sentinel.week': '2022-W23', seed: '7' });
    expect(stored.metrics['loss']).toBe(1.25);
    expect(stored.metrics['diverged']).toBeNaN();
    expect(stored.metrics['limit']).toBeGreaterThan(1e300);
    const history = await client.runs.metricHistory(run.runId, 'loss');
    expect(history.map(({ step, value }) => [step, value])).toEqual([
      [0, 2.5],
      [1, 1.25],
    ]);
  });

  it('cuts what is past the limits of one call into several', async () => {
    const run = await client.runs.create({ experiment: 'limits' });
    const named = (count: number, prefix: string) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, String(i)]));
    await client.runs.log(run.runId, {
      metrics: Array.from({ length: 1500 }, (_, i) => ({
        key: 'loss',
        value: i / 10,
        timestampMs: 1_654_500_000_000 + i,
        step: i,
      })),
      params: named(150, 'p'),
      tags: named(150, 't'),
    });
    const stored = await client.runs.get(run.runId);
    expect(Object.keys(stored.params)).toHaveLength(150);
    expect(stored.tags['t149']).toBe('149');
    expect(await client.runs.metricHistory(run.runId, 'loss')).toHaveLength(1500);
  });

  it('gives one run to everyone who asks with one key, at once or later', async () => {
    const wish = { experiment: 'keys', key: "weekly/2022-W23/train's", name: 'train' };
    const runs = await Promise.all([1, 2, 3].map(() => client.runs.ensureRun(wish)));
    const later = await client.runs.ensureRun(wish);
    expect(await client.runs.search({ experiment: 'keys' })).toHaveLength(1);
    expect(later.tags[KEY_TAG]).toBe(wish.key);
    expect(new Set([...runs, later].map((run) => run.runId)).size).toBe(1);
  });

  it('notes the data sets that a run read, each once', async () => {
    const run = await client.runs.create({ experiment: 'inputs' });
    const dataset = {
      name: 'flow_features',
      digest: 'v4-0123456789abcdef',
      sourceType: 'delta',
      source: JSON.stringify({ table: 'flow_features', version: 4 }),
      schema: JSON.stringify({ columns: ['bytes', 'packets'] }),
      profile: JSON.stringify({ rows: 20000 }),
      context: 'training',
    };
    await client.runs.logInputs(run.runId, [dataset]);
    await client.runs.logInputs(run.runId, [dataset]);
    const answer = await fetch(
      `${server.baseUrl}/api/2.0/mlflow/runs/get?run_id=${run.runId}`,
    ).then(
      (response) => response.json() as Promise<{ run: { inputs: { dataset_inputs: unknown[] } } }>,
    ); // the server's own form
    expect(answer.run.inputs.dataset_inputs).toHaveLength(1);
    expect(answer.run.inputs.dataset_inputs[0]).toMatchObject({
      tags: [{ key: 'mlflow.data.context', value: 'training' }],
      dataset: { name: 'flow_features', digest: 'v4-0123456789abcdef', source_type: 'delta' },
    });
  });
});

describe('logged models', () => {
  it('gives one model to everyone who asks with one key, and links it to its run once', async () => {
    const run = await client.runs.create({ experiment: 'logged' });
    const { experimentId, runId } = run;
    const wish = { experimentId, runId, name: 'app-cnn', key: runId };
    const first = await client.loggedModels.ensure(wish);
    const again = await client.loggedModels.ensure(wish);
    const other = await client.loggedModels.ensure({ ...wish, key: "another's" });
    expect(again).toEqual(first);
    expect(other.modelId).not.toBe(first.modelId);
    expect(first).toMatchObject({
      runId,
      status: 'LOGGED_MODEL_PENDING',
      tags: { [KEY_TAG]: runId },
    });
    for (let time = 1; time <= 2; time++) {
      await client.loggedModels.finish(first.modelId);
      await client.runs.logModel(runId, first.modelId);
    }
    expect(await client.loggedModels.get(first.modelId)).toMatchObject({
      status: 'LOGGED_MODEL_READY',
    });
    expect((await client.runs.get(runId)).modelIds).toEqual([first.modelId]);
  });

  it('shows its metrics once, and is told of the version that is made of it', async () => {
    const { experimentId, runId } = await client.runs.create({ experiment: 'logged' });
    const wish = { experimentId, runId, name: 'app-gru', key: runId };
    const { modelId, artifactUri } = await client.loggedModels.ensure(wish);
    const metric = { key: 'macroF1', value: 0.86, timestampMs: 1_654_500_000_000, modelId };
    await client.runs.log(runId, { metrics: [metric] });
    await client.runs.log(runId, { metrics: [metric] });
    expect((await client.runs.get(runId)).metrics).toEqual({ macroF1: 0.86 });
    const version = { name: 'app-gru', runId, modelId, source: artifactUri, key: runId };
    expect(await client.models.ensureModelVersion(version)).toMatchObject({ source: artifactUri });
    const url = `${server.baseUrl}/api/2.0/mlflow/logged-models/${modelId}`;
    const answer: unknown = await (await fetch(url)).json(); // the server's own form
    expect(answer).toMatchObject({
      model: { data: { metrics: [{ key: 'macroF1', value: 0.86, run_id: runId }] } },
    });
    const { tags } = await client.loggedModels.get(modelId);
    expect(JSON.parse(tags['mlflow.modelVersions'] ?? '')).toEqual([
      { name: 'app-gru', version: 1 },
    ]);
  });
});

describe('artifacts', () => {
  it('gives a folder back byte by byte, and fetches it once', async () => {
    const run = await client.runs.create({ experiment: 'artifacts' });
    const model = join(folder, 'model');
    mkdirSync(join(model, 'weights'), { recursive: true });
    const bytes = Buffer.alloc(3_000_000, 'sentinel');
    writeFileSync(join(model, 'weights', 'größe 1%.bin'), bytes);
    writeFileSync(join(model, 'empty.txt'), '');
    writeFileSync(join(model, 'model.json'), '{}');
    const uri = `${run.artifactUri}/model`;
    const sent = await client.artifacts.uploadFolder(model, uri);
    expect(sent.files).toBe(3);
    const names = (await client.artifacts.list(uri)).map((entry) => entry.path).sort();
    expect(names).toEqual(['empty.txt', 'model.json', FILE_LIST, 'weights']);

    const cache = join(folder, 'cache');
    const got = await client.artifacts.downloadFolder(uri, cache);
    expect(got.sha256).toBe(sent.sha256);
    expect(readFileSync(join(got.folder, 'weights', 'größe 1%.bin')).equals(bytes)).toBe(true);
    expect(readdirSync(cache)).toEqual([sent.sha256]);
    expect(await client.artifacts.downloadFolder(uri, cache)).toEqual(got);
  });

  it('refuses a file that is not the one that was uploaded, and leaves nothing behind', async () => {
    const run = await client.runs.create({ experiment: 'artifacts' });
    const uri = `${run.artifactUri}/damaged`;
    const model = join(folder, 'damaged');
    mkdirSync(model);
    writeFileSync(join(model, 'model.json'), '{"trees":3}');
    await client.artifacts.uploadFolder(model, uri);
    await client.artifacts.uploadText('{"trees":4}', `${uri}/model.json`);
    const cache = join(folder, 'damaged-cache');
    const error = await faultOf(client.artifacts.downloadFolder(uri, cache));
    expect(error.code).toBe('MLFLOW_ARTIFACT');
    expect(readdirSync(cache)).toEqual([]);
  });

  it('refuses addresses outside the store', async () => {
    const error = await faultOf(
      client.artifacts.downloadText('mlflow-artifacts:/1/../../etc/passwd'),
    );
    expect(error.message).toMatch(/^MLFLOW_REJECTED/);
    expect((await faultOf(client.artifacts.list('file:///etc'))).code).toBe('MLFLOW_REJECTED');
  });
});

describe('registry', () => {
  it('gives the same version to everyone who asks with one key', async () => {
    const run = await client.runs.create({ experiment: 'registry' });
    const wish = {
      name: 'app-cnn',
      key: 'weekly/2022-W23/register',
      runId: run.runId,
      source: `${run.artifactUri}/model`,
      tags: { rows: '20000' },
    };
    const first = await client.models.ensureModelVersion(wish);
    const again = await client.models.ensureModelVersion(wish);
    const other = await client.models.ensureModelVersion({
      ...wish,
      key: 'weekly/2022-W24/register',
    });
    expect([first.version, again.version, other.version]).toEqual(['1', '1', '2']);
    expect(first).toMatchObject({ runId: run.runId, source: wish.source, status: 'READY' });
    expect((await client.models.listVersions('app-cnn')).map((v) => v.version)).toEqual(['2', '1']);
    const tagged = await client.models.listVersions('app-cnn', { [KEY_TAG]: wish.key });
    expect(tagged.map((v) => v.version)).toEqual(['1']);
  });

  it('moves an alias, reads it back and removes it', async () => {
    const run = await client.runs.create({ experiment: 'registry' });
    const version = { name: 'app-lstm', runId: run.runId, source: `${run.artifactUri}/model` };
    await client.models.ensureModelVersion({ ...version, key: 'a' });
    await client.models.ensureModelVersion({ ...version, key: 'b' });
    expect(await client.models.getByAlias('app-lstm', 'champion')).toBeUndefined();
    await client.models.setAlias('app-lstm', 'champion', '1');
    await client.models.setAlias('app-lstm', 'champion', '2');
    expect((await client.models.getByAlias('app-lstm', 'champion'))?.version).toBe('2');
    expect((await client.models.getModel('app-lstm'))?.aliases).toEqual({ champion: '2' });
    expect((await client.models.getVersion('app-lstm', '2'))?.aliases).toEqual(['champion']);
    await client.models.deleteAlias('app-lstm', 'champion');
    await client.models.deleteAlias('app-lstm', 'champion');
    expect(await client.models.getByAlias('app-lstm', 'champion')).toBeUndefined();
  });

  it('changes tags and description of a version, and deletes versions and models', async () => {
    const run = await client.runs.create({ experiment: 'registry' });
    const version = { name: 'app-old', runId: run.runId, source: `${run.artifactUri}/model` };
    await client.models.ensureModelVersion({ ...version, key: 'a' });
    await client.models.setVersionTags('app-old', '1', { macroF1: '0.86' });
    await client.models.describeVersion('app-old', '1', 'won its gate');
    expect(await client.models.getVersion('app-old', '1')).toMatchObject({
      description: 'won its gate',
      tags: { macroF1: '0.86' },
    });
    expect((await client.models.listModels()).map((model) => model.name)).toContain('app-old');
    await client.models.deleteVersion('app-old', '1');
    expect(await client.models.getVersion('app-old', '1')).toBeUndefined();
    await client.models.deleteModel('app-old');
    await client.models.deleteModel('app-old');
    expect(await client.models.getModel('app-old')).toBeUndefined();
    expect(await client.models.getByAlias('app-old', 'champion')).toBeUndefined();
  });
});

describe('errors', () => {
  it('repeats the words of the server', async () => {
    const error = await faultOf(client.runs.get('0'.repeat(32)));
    expect(error.code).toBe('MLFLOW_REJECTED');
    expect(error.message).toMatch(
      /GET \/api\/2\.0\/mlflow\/runs\/get: 404 RESOURCE_DOES_NOT_EXIST Run .* not found/,
    );
  });
});
