#!/usr/bin/env node
/**
 * `node scripts/ablate-imbalance.mjs [--seeds 101,102] [--flows 10000] [--models xgboost,…]`: whether measures
 * against rare classes help. Each is trained on three generated weeks of 180 apps, stopped on the fourth, and scored on the fifth;
 * made flows are in training alone.
 *
 * XGBoost, LightGBM and the two-branch network see packets and flow statistics; `statistics` is XGBoost without packets,
 * which is where SMOTE applies; CNN and LSTM see packets alone. Prints a table: accuracy, macro-F1, and the macro-F1 gained on `none` of the
 * same model with its 95 % interval. Needs what set-up builds; some minutes a seed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { withLabels } from '../dist/activities/jobs/label-flows.js';
import { seededRandom } from '../dist/contracts/seeded-random.js';
import { bootstrapScores, groupByDayAndClass } from '../dist/models/evaluation/bootstrap.js';
import { predictedClasses } from '../dist/models/evaluation/classification.js';
import { jitterFlows, smoteFlows } from '../dist/models/imbalance/oversample.js';
import { findLightgbmLibrary } from '../dist/models/lightgbm/bindings.js';
import { trainLightgbm } from '../dist/models/lightgbm/train.js';
import { trainCnn } from '../dist/models/tensorflow/cnn/train.js';
import { findTensorflowLibrary } from '../dist/models/tensorflow/library.js';
import { trainLstm } from '../dist/models/tensorflow/lstm/train.js';
import { trainTwoBranch } from '../dist/models/tensorflow/two-branch/train.js';
import { findXgboostLibrary } from '../dist/models/xgboost/bindings.js';
import { trainXgboost } from '../dist/models/xgboost/train.js';
import { generatedWorld, trainingFlows, weekFlows } from './proof/generated-world.mjs';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '101,102' },
    flows: { type: 'string', default: '10000' },
    models: { type: 'string', default: 'xgboost,statistics,lightgbm,cnn,lstm,two-branch' },
  },
});
const SPLIT = { train: ['2022-W22', '2022-W23', '2022-W24'], validate: ['2022-W25'] };
const TEST = '2022-W26';
const XGBOOST = { rounds: 40, learningRate: 0.2, maxDepth: 6, maxBins: 64, threads: 2 };
const LIGHTGBM = { rounds: 20, threads: 2 };
const NETWORK = { epochs: 8, batchSize: 64, learningRate: 0.004 };

const NONE = { measure: 'none', settings: { classWeightCap: 0 } };
const WEIGHTS = { measure: 'weights up to 20', settings: { classWeightCap: 20 } };
const SMOTE = { measure: 'SMOTE', settings: { classWeightCap: 0 }, oversample: smoteFlows };
const JITTER = { measure: 'jitter', settings: { classWeightCap: 0 }, oversample: jitterFlows };
const FEWER = { measure: 'weights up to 5', settings: { classWeightCap: 5 } };
const MODELS = {
  xgboost: { train: xgboost, measures: [NONE, WEIGHTS, FEWER] },
  statistics: { train: xgboost, prepare: withoutPackets, measures: [NONE, WEIGHTS, SMOTE] },
  lightgbm: { train: lightgbm, measures: [NONE, WEIGHTS] },
  cnn: { train: network(trainCnn, { statsUnits: 0 }), measures: [NONE, WEIGHTS, JITTER] },
  lstm: { train: network(trainLstm), measures: [NONE, WEIGHTS] },
  'two-branch': { train: network(trainTwoBranch), measures: [NONE, WEIGHTS] },
};
const VARIANTS = values.models.split(',').flatMap((model) => {
  const { measures, ...of } = MODELS[model];
  return measures.map((measure) => ({ model, ...of, ...measure }));
});

const table = [];
for (const seed of values.seeds.split(',').map(Number)) {
  const folder = await mkdtemp(join(tmpdir(), 'ablate-'));
  const world = await generatedWorld(folder, {
    ...{ seed, from: SPLIT.train[0], to: TEST, flowsPerWeek: Number(values.flows) },
  });
  try {
    const data = await trainingFlows(world, SPLIT);
    const set = await weekFlows(world, TEST);
    const test = withLabels(set, 'APP', data.classes);
    const timeFirstMs = Float64Array.from(test.rows, (row) => set.timeFirstMs[row]);
    const answers = new Map();
    for (const variant of VARIANTS) {
      const predicted = await answersOf(variant, data, test.flows, seed);
      answers.set(`${variant.model} ${variant.measure}`, predicted);
      const { models, gains } = bootstrapScores({
        ...{ labels: test.labels, classCount: data.classes.length },
        predicted: [answers.get(`${variant.model} none`), predicted],
        groups: groupByDayAndClass(timeFirstMs, test.labels),
        random: seededRandom(seed, 'ablation'),
      });
      const row = {
        ...{ seed, model: variant.model, measure: variant.measure },
        accuracy: models[1].accuracy.value.toFixed(3),
        'macro-F1': models[1].macroF1.value.toFixed(3),
        gain: intervalText(gains[1].macroF1),
      };
      table.push(row);
      process.stderr.write(`${JSON.stringify(row)}\n`);
    }
  } finally {
    world.db.close();
    await rm(folder, { recursive: true });
  }
}
console.table(table);

async function answersOf(variant, data, flows, seed) {
  const { prepare = (same) => same, oversample, settings } = variant;
  const train = { ...data.train, flows: prepare(data.train.flows) };
  const validation = { ...data.validation, flows: prepare(data.validation.flows) };
  const classCount = data.classes.length;
  const made = oversample && {
    ...{ train, classCount, rowsPerClass: Math.round(train.labels.length / classCount) },
    random: seededRandom(seed, 'oversample'),
  };
  const { model } = await variant.train({
    ...{ train: made ? oversample(made) : train, validation, classes: data.classes },
    ...{ preset: 'ablation', seed, settings },
  });
  const predicted = predictedClasses(model.predict(prepare(flows)), classCount);
  model.dispose();
  return predicted;
}

function xgboost({ settings, ...request }) {
  const libraryPath = findXgboostLibrary('.cache/setup');
  return trainXgboost({ ...request, libraryPath, settings: { ...XGBOOST, ...settings } });
}

function lightgbm({ settings, ...request }) {
  const libraryPath = findLightgbmLibrary('.cache/setup');
  return trainLightgbm({ ...request, libraryPath, settings: { ...LIGHTGBM, ...settings } });
}

function network(train, own = {}) {
  const libraryPath = findTensorflowLibrary('.cache/setup');
  return ({ settings, ...request }) =>
    train({ ...request, libraryPath, settings: { ...NETWORK, ...own, ...settings } });
}

function withoutPackets(flows) {
  return { ...flows, ppi: new Float32Array(flows.ppi.length) };
}

function intervalText({ value, lower, upper }) {
  return `${value.toFixed(3)} (${lower.toFixed(3)} to ${upper.toFixed(3)})`;
}
