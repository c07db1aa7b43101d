import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
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

test('weights cut short name the tensor that lacks them', async () => {
  const flows = syntheticFlows({ n: 40, classes: 3 });
  const { model } = await trainLstm({
    train: flows,
    validation: flows,
    classes: syntheticClasses(3),
    preset: 'test',
    seed: 1,
    settings: { epochs: 1, units: 4 },
    libraryPath: tensorflowLibrary(),
  });
  const dir = join(folder, 'lstm');
  await model.save(dir);
  model.dispose();
  await truncate(join(dir, 'weights.bin'), 401);
  await expect(load(dir)).rejects.toThrow(/^MODEL_SHAPE .*"lstm\/recurrent"/);
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
