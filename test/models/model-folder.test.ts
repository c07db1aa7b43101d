import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadModel } from '../../models/load-model.js';
import { readManifest } from '../../models/model-folder.js';
import { trainLstm } from '../../models/tensorflow/lstm/train.js';
import { findXgboostLibrary, loadXgboost } from '../../models/xgboost/bindings.js';
import { SETUP_DIR, tensorflowLibrary } from './setup.js';
import { syntheticClasses, syntheticFlows } from './synthetic-flows.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sentinel-folder-'));
});
afterAll(() => rm(folder, { recursive: true }));

const load = (dir: string) => loadModel(dir, { setupDir: SETUP_DIR });

test('a folder without a description is no model', async () => {
  await expect(load(folder)).rejects.toThrow(/^MODEL_FILE .*model\.json/);
});

test('a description of another format names what is wrong with it', async () => {
  await writeFile(join(folder, 'model.json'), '{"kind":"xgboost","format":2}');
  await expect(load(folder)).rejects.toThrow(/^MODEL_FILE .*format/);
});

test('an ensemble from before temperatures has 1, and always answers', async () => {
  const dir = join(folder, 'old-ensemble');
  await mkdir(dir);
  const members = [{ name: 'app-cnn', version: '1', weight: 1 }];
  const description = {
    ...{ format: 1, kind: 'ensemble', classes: ['a', 'b'], featureNames: [], preset: 'test' },
    ...{ seed: 1, libraries: {}, settings: {}, scaling: null, members },
  };
  await writeFile(join(dir, 'model.json'), JSON.stringify(description));
  const manifest = await readManifest(dir);
  expect(manifest).toMatchObject({ temperature: 1 });
  expect(manifest).not.toHaveProperty('reject');
  expect(manifest).not.toHaveProperty('stacking');
});

describe('the weights of a network', () => {
  const flows = syntheticFlows({ n: 40, classes: 3 });
  let dir: string;
  let said: Float32Array;
  beforeAll(async () => {
    dir = join(folder, 'lstm');
    const { model } = await trainLstm({
      train: flows,
      validation: flows,
      classes: syntheticClasses(3),
      preset: 'test',
      seed: 1,
      settings: { epochs: 1, units: 4 },
      libraryPath: tensorflowLibrary(),
    });
    await model.save(dir);
    said = model.predict(flows.flows);
    model.dispose();
  });

  test('are found by name, in whatever order a folder has them', async () => {
    const file = join(dir, 'model.json');
    const manifest = JSON.parse(await readFile(file, 'utf8')) as {
      weights: { tensors: { name: string; shape: number[] }[] };
    };
    const { tensors } = manifest.weights;
    const bytes = await readFile(join(dir, 'weights.bin'));
    let start = 0;
    const parts = tensors.map((tensor) => {
      const size = 4 * tensor.shape.reduce((product, length) => product * length, 1);
      start += size;
      return { tensor, bytes: bytes.subarray(start - size, start) };
    });
    parts.reverse();
    await writeFile(join(dir, 'weights.bin'), Buffer.concat(parts.map((part) => part.bytes)));
    manifest.weights.tensors = parts.map(({ tensor }) => tensor);
    await writeFile(file, JSON.stringify(manifest));
    const model = await load(dir);
    expect(model.predict(flows.flows)).toEqual(said);
    model.dispose();
  });

  test('cut short name the tensor that lacks them', async () => {
    await truncate(join(dir, 'weights.bin'), 4);
    await expect(load(dir)).rejects.toThrow(/^MODEL_SHAPE .*"lstm\/kernel".* 0 weights/);
  });
});

test('bytes that are no booster are refused by the library', async () => {
  const description = {
    format: 1,
    kind: 'xgboost',
    classes: ['a', 'b'],
    featureNames: [],
    preset: 'test',
    seed: 1,
    libraries: {},
    settings: {},
    scaling: null,
    booster: 'booster.ubj',
  };
  await writeFile(join(folder, 'model.json'), JSON.stringify(description));
  await writeFile(join(folder, 'booster.ubj'), 'no booster');
  await expect(load(folder)).rejects.toThrow(/^XGBOOST_CALL/);
});

test('an ensemble needs someone who knows its members', async () => {
  const description = {
    format: 1,
    kind: 'ensemble',
    classes: ['a', 'b'],
    featureNames: [],
    preset: 'test',
    seed: 1,
    libraries: {},
    settings: {},
    scaling: null,
    members: [{ name: 'app-cnn', version: '3', weight: 1 }],
  };
  await writeFile(join(folder, 'model.json'), JSON.stringify(description));
  await expect(load(folder)).rejects.toThrow(/^ENSEMBLE_MEMBERS/);
});

test('an absent library names the command that installs it', () => {
  expect(() => findXgboostLibrary(folder)).toThrow(/^XGBOOST_LIBRARY .*setup\.mjs/);
  expect(() => loadXgboost(join(folder, 'model.json'))).toThrow(/^XGBOOST_LIBRARY/);
});
