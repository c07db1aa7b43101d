import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { evaluateModelJob } from '../../../activities/jobs/evaluate-model.js';
import { fitEnsembleJob } from '../../../activities/jobs/fit-ensemble.js';
import type { LocalModel } from '../../../activities/jobs/open-model.js';
import { trainModelJob } from '../../../activities/jobs/train-model.js';

import { wholeWeeks } from '../../../domain/lifecycle/split-weeks.js';
import { readTransformer, transformerHash } from '../../../feature-store/transformer-store.js';
import { aHome } from '../../feature-store/store-builders.js';
import {
  aTrainedModel,
  anEnsemble,
  contextOf,
  fourWeeks,
  preset,
  watchedBy,
} from './four-weeks.js';

const fileOf = ({ folder }: LocalModel) => path.join(folder, 'transformer.json');

test('a trained model has its transformer beside it, fitted on the training weeks', async () => {
  const home = await aHome();
  const split = await fourWeeks(home);
  const model = await aTrainedModel(home, split);
  const transformer = await readTransformer(fileOf(model), model.transformer ?? '');
  expect(transformer).toMatchObject({
    view: 'flow-statistics',
    fittedOn: { ...split.features, weeks: ['2022-W23'], rows: 61 },
  });
});

test('LightGBM trains on flow statistics alone, and tells what its trees look at, for each class', async () => {
  const home = await aHome();
  const split = await fourWeeks(home);
  const context = await contextOf(home);
  const model = { name: 'app-lightgbm', target: 'APP', kind: 'lightgbm', packets: false } as const;
  const { params, classes } = await trainModelJob({ model, split, preset }, context);
  expect(params).toMatchObject({ leaves: '320', packets: 'false', patienceRounds: '10' });
  const shap = JSON.parse(
    await readFile(path.join(context.stagingDir, 'plots', 'shap.json'), 'utf8'),
  ) as Record<string, Record<string, number>>; // as fit-trees.ts writes it
  const [[first, perClass] = ['', {}], ...others] = Object.entries(shap);
  expect(first).toMatch(/bytes/);
  expect(Object.keys(perClass)).toEqual(classes);
  expect(others.map(([name]) => name).filter((name) => name.startsWith('ppi_size'))).toEqual([]);
});

test('test rows that training has seen are not scored, those of a watched week are', async () => {
  const home = await aHome();
  const split = await fourWeeks(home);
  const model = await aTrainedModel(home, split);
  const parts = [...split.test, ...split.watch].map((week) => {
    return { partition: week, selection: wholeWeeks([week]) };
  });
  const scores = await evaluateModelJob(
    { model, target: 'APP', split, parts },
    await contextOf(home),
  );
  expect(scores.map(({ partition, rows }) => [partition, rows])).toEqual([
    ['2022-W25', 60],
    ['2022-W26', 61],
  ]);
});

test('a version that names no transformer predicts as before, another transformer is refused', async () => {
  const home = await aHome();
  const split = await fourWeeks(home);
  const model = await aTrainedModel(home, split);
  const predict = async (local: LocalModel) => {
    const { versions } = await watchedBy(home, split, local);
    return versions[0]!; // the serving one answers
  };
  const said = async (local: LocalModel) => {
    const { staged, score } = await predict(local);
    const files = staged.map(({ file }) => `'${file}'`).join(', ');
    const columns = 'source_row, predicted, probability, transformer';
    const sql = `SELECT ${columns} FROM read_parquet([${files}]) ORDER BY source_row`;
    return { score, rows: await home.db.rows(sql) };
  };
  const now = await said(model);
  expect(now.rows).toHaveLength(61);
  expect(new Set(now.rows.map(({ transformer }) => transformer))).toEqual(
    new Set([model.transformer]),
  );
  const before = await said({ ...model, transformer: null });
  expect(before.score).toEqual(now.score);
  expect(before.rows).toEqual(now.rows.map((row) => ({ ...row, transformer: null })));

  const transformer = await readTransformer(fileOf(model), model.transformer ?? '');
  const other = { ...transformer, fittedOn: { ...transformer.fittedOn, rows: 7 } };
  await writeFile(fileOf(model), JSON.stringify(other));
  await expect(predict(model)).rejects.toMatchObject({ code: 'TRANSFORMER_FILE' });
  await expect(said({ ...model, transformer: transformerHash(other) })).resolves.toMatchObject({
    score: now.score,
  });
});

test('members of an ensemble have one transformer', async () => {
  const home = await aHome();
  const split = await fourWeeks(home);
  const model = await aTrainedModel(home, split);
  const request = { name: 'app-ensemble', target: 'APP', split, preset } as const;
  const context = await contextOf(home);
  const members = [model, { ...model, name: 'again' }];
  expect(await fitEnsembleJob({ ...request, members }, context)).toMatchObject({
    rows: 60,
    transformer: model.transformer,
  });
  const file = path.join(context.stagingDir, 'model', 'transformer.json');
  await readTransformer(file, model.transformer ?? '');
  const mixed = [model, { ...model, name: 'old', transformer: null }];
  await expect(fitEnsembleJob({ ...request, members: mixed }, context)).rejects.toMatchObject({
    code: 'ENSEMBLE_MEMBERS',
  });
});

test('an ensemble tells its gain over the best member, and which flows it does not know', async () => {
  const home = await aHome();
  const split = await fourWeeks(home);
  const model = await aTrainedModel(home, split);
  const context = await contextOf(home);
  const members = [model, { ...model, name: 'again' }];
  const request = { name: 'app-ensemble', target: 'APP', members, split, preset } as const;
  const { metrics } = await fitEnsembleJob(request, context);
  expect(metrics).toMatchObject({
    ...{ 'validate.gain.macroF1': 0, 'validate.gain.macroF1.upper': 0, stacked: 0 },
    temperature: expect.any(Number) as number,
  });
  const folder = path.join(context.stagingDir, 'model');
  const manifest = JSON.parse(await readFile(path.join(folder, 'model.json'), 'utf8')) as object;
  expect(manifest).toMatchObject({ temperature: metrics['temperature'] });
  const { versions } = await watchedBy(home, split, await anEnsemble(home, split));
  const files = versions[0]!.staged.map(({ file }) => `'${file}'`).join(', '); // the serving one answers
  const sql = `SELECT DISTINCT predicted, rejected FROM read_parquet([${files}]) ORDER BY ALL`;
  expect(await home.db.rows(sql)).toEqual([
    { predicted: 'app-0', rejected: false },
    { predicted: 'app-1', rejected: true },
  ]);
});
