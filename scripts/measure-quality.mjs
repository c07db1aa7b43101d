#!/usr/bin/env node
/**
 * `node scripts/measure-quality.mjs --out DIR [--python VENV/bin/python] [--seeds 1,2,3,4,5] [--models xgboost,…]
 * [--flows 20000]`: how good each model is on later weeks, beside the same model in Python on the same rows.
 *
 * For each seed: five generated weeks of 180 apps; three train, the fourth validates, the fifth is asked about. Trained
 * with the preset `full`. The twin (`scripts/quality/twin.py`) needs scripts/bench/requirements.txt and scikit-learn;
 * without `--python` there is none. What is done stands in DIR/seed-N and is not done again, so a run that was
 * stopped goes on. Prints a table of accuracy and macro-F1, and the ensemble's gain over the best single model with
 * its 95 % interval. On two cores a seed takes about half an hour, with the twin an hour.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fitTrees } from '../dist/activities/jobs/fit-trees.js';
import { withLabels } from '../dist/activities/jobs/label-flows.js';
import { seededRandom } from '../dist/contracts/seeded-random.js';
import { combineProbabilities, fitCombination } from '../dist/models/ensemble/combination.js';
import { bootstrapScores, groupByDayAndClass } from '../dist/models/evaluation/bootstrap.js';
import { evaluate, predictedClasses } from '../dist/models/evaluation/classification.js';
import { trainCnn } from '../dist/models/tensorflow/cnn/train.js';
import { findTensorflowLibrary } from '../dist/models/tensorflow/library.js';
import { trainLstm } from '../dist/models/tensorflow/lstm/train.js';
import { trainTwoBranch } from '../dist/models/tensorflow/two-branch/train.js';
import { generatedWorld, trainingFlows, weekFlows } from './proof/generated-world.mjs';

const MODELS = ['xgboost', 'lightgbm', 'lstm', 'cnn', 'two-branch'];
const SPLIT = { train: ['2022-W22', '2022-W23', '2022-W24'], validate: ['2022-W25'] };
const TEST = '2022-W26';
const TWIN = fileURLToPath(new URL('quality/twin.py', import.meta.url));

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    python: { type: 'string' },
    seeds: { type: 'string', default: '1,2,3,4,5' },
    models: { type: 'string', default: MODELS.join() },
    flows: { type: 'string', default: '20000' },
    threads: { type: 'string', default: '2' },
  },
});
if (values.out === undefined) throw new Error('--out DIR is needed');
const models = values.models.split(',');
const threads = Number(values.threads);
const preset = JSON.parse(
  await readFile(new URL('../pipelines/presets/full.json', import.meta.url), 'utf8'),
);

const table = [];
for (const seed of values.seeds.split(',').map(Number)) {
  const folder = resolve(values.out, `seed-${seed}`);
  await mkdir(folder, { recursive: true });
  const data = await dataOf(folder, seed);
  for (const model of models) {
    const row = { seed, model };
    Object.assign(row, scores('', await ours(folder, model, data, seed), data));
    if (values.python !== undefined)
      Object.assign(row, scores('twin ', await theirs(folder, model, data, seed), data));
    table.push(row);
    process.stderr.write(`${JSON.stringify(row)}\n`);
  }
  const together = await ensemble(folder, data, seed);
  table.push(together);
  process.stderr.write(`${JSON.stringify(together)}\n`);
}
console.table(table);

/** Rows of the three parts, as arrays in DIR for both sides. */
async function dataOf(folder, seed) {
  const done = join(folder, 'data.json');
  const world = await generatedWorld(join(folder, 'world'), {
    ...{ seed, from: SPLIT.train[0], to: TEST, flowsPerWeek: Number(values.flows) },
  });
  const { classes, train, validation } = await trainingFlows(world, SPLIT);
  const inWeek = async (week) => {
    const set = await weekFlows(world, week);
    const known = withLabels(set, 'APP', classes);
    return { ...known, timeFirstMs: Float64Array.from(known.rows, (row) => set.timeFirstMs[row]) };
  };
  const test = await inWeek(TEST);
  const { timeFirstMs } = await inWeek(SPLIT.validate[0]);
  world.db.close();
  const data = { classes, train, validation: { ...validation, timeFirstMs }, test };
  if (!existsSync(done)) {
    for (const [part, { flows, labels }] of Object.entries({ train, validation, test })) {
      await writeFile(join(folder, `${part}.ppi.f32`), flows.ppi);
      await writeFile(join(folder, `${part}.lengths.u8`), flows.lengths);
      await writeFile(join(folder, `${part}.tabular.f32`), flows.tabular);
      await writeFile(join(folder, `${part}.labels.i32`), labels);
    }
    const about = { classes: classes.length, features: train.flows.featureNames.length };
    await writeFile(done, JSON.stringify(about));
  }
  return data;
}

async function ours(folder, model, data, seed) {
  const file = (part) => join(folder, `ours-${model}.${part}.f32`);
  if (!existsSync(file('test'))) {
    const { train, validation, classes } = data;
    const libraryPath = findTensorflowLibrary('.cache/setup');
    const request = { train, validation, classes, seed, libraryPath, preset: preset.name };
    const fitted = await fit(model, request);
    await writeFile(file('validation'), fitted.model.predict(validation.flows));
    await writeFile(file('test'), fitted.model.predict(data.test.flows));
    fitted.model.dispose();
  }
  return { validation: await floats(file('validation')), test: await floats(file('test')) };
}

function fit(kind, request) {
  const say = (progress) => process.stderr.write(`${kind} ${JSON.stringify(progress)}\n`);
  if (kind === 'xgboost' || kind === 'lightgbm') {
    const spec = { name: kind, target: 'APP', kind };
    return fitTrees(spec, request, preset.boosting, {
      ...{ setupDir: '.cache/setup', threads },
      onRound: (round) => round.round % 25 === 0 && say(round),
    });
  }
  const { earlyStoppingEpochs, ...rest } = kind === 'lstm' ? preset.lstm : preset.cnn;
  const settings = { ...rest, patienceEpochs: earlyStoppingEpochs };
  if (kind === 'lstm') return trainLstm({ ...request, settings, onEpoch: say });
  if (kind === 'two-branch') return trainTwoBranch({ ...request, settings, onEpoch: say });
  return trainCnn({ ...request, settings: { ...settings, statsUnits: 0 }, onEpoch: say });
}

async function theirs(folder, model, data, seed) {
  const file = join(folder, `theirs-${model}.test.f32`);
  if (!existsSync(file)) {
    const asked = JSON.stringify({ folder, model, seed, threads, preset });
    execFileSync(values.python, [TWIN, asked], { stdio: ['ignore', 'inherit', 'inherit'] });
  }
  return { test: await floats(file) };
}

function scores(side, { test }, data) {
  const { accuracy, macroF1 } = evaluate(test, data.test.labels, data.classes);
  return { [`${side}accuracy`]: accuracy.toFixed(4), [`${side}macro-F1`]: macroF1.toFixed(4) };
}

/** Weights and temperature of the validation week; the best single model is chosen there too. */
async function ensemble(folder, { classes, validation, test }, seed) {
  const answers = [];
  for (const model of models) {
    const read = (part) => floats(join(folder, `ours-${model}.${part}.f32`));
    answers.push({ model, validation: await read('validation'), test: await read('test') });
  }
  const classCount = classes.length;
  const fitted = fitCombination(
    {
      members: answers.map((answer) => answer.validation),
      ...{ labels: validation.labels, timeFirstMs: validation.timeFirstMs, classCount },
    },
    seed,
  );
  const members = answers.map((answer) => answer.test);
  const together = combineProbabilities(members, fitted, classCount);
  const alone = answers.map(
    (answer) => evaluate(answer.validation, validation.labels, classes).macroF1,
  );
  const best = alone.indexOf(Math.max(...alone));
  const { gains } = bootstrapScores({
    ...{ labels: test.labels, classCount },
    predicted: [members[best], together].map((probabilities) =>
      predictedClasses(probabilities, classCount),
    ),
    groups: groupByDayAndClass(test.timeFirstMs, test.labels),
    random: seededRandom(seed, 'ensemble on the test week'),
  });
  const { value, lower, upper } = gains[1].macroF1;
  return {
    ...{ seed, model: 'ensemble', ...scores('', { test: together }, { classes, test }) },
    gain: `${value.toFixed(4)} (${lower.toFixed(4)} to ${upper.toFixed(4)}) over ${models[best]}`,
    weights: fitted.stacking ? 'stacked' : fitted.weights.join(' '),
  };
}

async function floats(file) {
  const bytes = await readFile(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}
