#!/usr/bin/env node
/**
 * `node scripts/measure-open-world.mjs [--seeds 101,102] [--flows 10000] [--only rejected|emerging]`: what the reject option finds.
 *
 * In each world, 18 apps of providers with several apps (near) and 18 of their own provider (far) are left out of
 * training: which share of their flows is rejected at 5 % of the known ones, by each score, and as the mean of the apps,
 * for a few apps have most flows. Then a model of all apps watches six
 * weeks in which two new apps grow and one provider renames its hosts: when the new apps are found, and what else is.
 *
 * Prints two tables. Needs what set-up builds; about two minutes a seed.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { newNames, trainedNames } from '../dist/activities/jobs/count-names.js';
import { seededRandom } from '../dist/contracts/seeded-random.js';
import { matrixRows, streamOf } from '../dist/models/boosting/matrix-rows.js';
import { columnNames } from '../dist/models/column-names.js';
import { conformalQuantile } from '../dist/models/evaluation/conformal.js';
import { falsePositiveRate, rocAuc } from '../dist/models/evaluation/ranking.js';
import { confidenceOf, negativeEnergy } from '../dist/models/open-world/confidence.js';
import { findEmergingServices } from '../dist/models/open-world/emerging-services.js';
import { fitRejectRule } from '../dist/models/open-world/reject-rule.js';
import { shuffledIndices } from '../dist/models/random.js';
import { findXgboostLibrary, loadXgboost } from '../dist/models/xgboost/bindings.js';
import { XgboostTrees } from '../dist/models/xgboost/booster.js';
import { trainXgboost } from '../dist/models/xgboost/train.js';
import { generatedWorld, trainingFlows, weekFlows } from './proof/generated-world.mjs';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '101,102' },
    flows: { type: 'string', default: '10000' },
    only: { type: 'string' },
  },
});
const SPLIT = { train: ['2022-W22', '2022-W23', '2022-W24'], validate: ['2022-W25'] };
const WATCHED = ['2022-W26', '2022-W27', '2022-W28', '2022-W29', '2022-W30', '2022-W31'];
const EVENTS = ['new-app@2022-W26', 'new-app-far@2022-W26', 'rename@2022-W28'];
/** Apps of each kind that are left out of training. */
const UNKNOWN = 18;
const SETTINGS = { rounds: 40, learningRate: 0.2, maxDepth: 6, maxBins: 64, threads: 2 };

const rejected = [];
const found = [];
for (const seed of values.seeds.split(',').map(Number)) {
  const folder = await mkdtemp(join(tmpdir(), 'open-world-'));
  const world = await generatedWorld(folder, {
    ...{ seed, from: SPLIT.train[0], to: WATCHED.at(-1), events: EVENTS },
    flowsPerWeek: Number(values.flows),
  });
  try {
    if (values.only !== 'emerging') rejected.push(...(await rejections(world, seed)));
    if (values.only !== 'rejected') found.push(...(await emerging(world, seed)));
  } finally {
    world.db.close();
    await rm(folder, { recursive: true });
  }
}
if (rejected.length > 0) console.table(rejected);
if (found.length > 0) console.table(found);

/** Rejected shares of known, near and far flows of the week after validation, by each score. */
async function rejections(world, seed) {
  const { near, far } = chooseUnknown(await weekFlows(world, SPLIT.train[0]), seed);
  const data = await trainingFlows(world, { ...SPLIT, without: [...near, ...far] });
  const { model } = await fit(data, seed);
  const test = await weekFlows(world, WATCHED[0]);
  const validated = await scoresOf(model, data.validation.flows);
  const scored = await scoresOf(model, test);
  model.dispose();
  return Object.keys(scored).map((score) => {
    const threshold = -conformalQuantile(
      validated[score].map((value) => -value),
      0.05,
    );
    const values = (keep) => scored[score].filter((_, i) => keep(test.app[i]));
    const known = values((app) => data.classes.includes(app));
    const share = (of) => mean([...of].map((value) => (value < threshold ? 1 : 0)));
    const byApp = (apps) =>
      mean(apps.map((app) => share(values((name) => name === app))).filter(Number.isFinite));
    const result = { seed, score, 'known rejected': share(known) };
    for (const [kind, apps] of Object.entries({ near, far })) {
      const unknown = values((app) => apps.includes(app));
      const doubts = [...known, ...unknown].map((value) => -value);
      const positive = doubts.map((_, i) => (i < known.length ? 0 : 1));
      result[`${kind} rejected`] = share(unknown);
      result[`${kind} by app`] = byApp(apps);
      result[`${kind} AUROC`] = rocAuc(doubts, positive);
      result[`${kind} FPR@95`] = falsePositiveRate(doubts, positive);
    }
    return mapNumbers(result);
  });
}

/** How sure the model is of each flow, by each score. */
async function scoresOf(model, flows) {
  const K = model.classes.length;
  const probabilities = model.predict(flows);
  return {
    maxProbability: confidenceOf('maxProbability', probabilities, K),
    margin: confidenceOf('margin', probabilities, K),
    energy: negativeEnergy(await rawScores(model, flows), K),
  };
}

async function rawScores(model, flows) {
  const folder = await mkdtemp(join(tmpdir(), 'open-world-model-'));
  await model.save(folder);
  const library = loadXgboost(findXgboostLibrary('.cache/setup'));
  const names = columnNames(flows.featureNames, true);
  const trees = XgboostTrees.fromBytes(
    library,
    await readFile(join(folder, 'model.ubj')),
    names,
    2,
  );
  const scores = new Float32Array(flows.n * model.classes.length);
  let end = 0;
  for (const batch of matrixRows(streamOf(flows), true)) {
    const margins = trees.margins(batch);
    scores.set(margins, end);
    end += margins.length;
  }
  trees.dispose();
  await rm(folder, { recursive: true });
  return scores;
}

/** Weeks until each new app is a candidate, and candidates that are none. */
async function emerging(world, seed) {
  const data = await trainingFlows(world, SPLIT);
  const { model } = await fit(data, seed);
  const validation = model.predict(data.validation.flows);
  const reject = fitRejectRule(validation, data.classes);
  const rejecting = {
    ...{ classes: model.classes, reject },
    predict: (flows) => model.predict(flows),
  };
  const known = await trainedNames(world, [...SPLIT.train, ...SPLIT.validate]);
  const names = [];
  const result = [];
  const truth = { near: 'new-app-2022-w26', far: 'new-app-far-2022-w26' };
  for (const week of WATCHED) {
    names.push((await newNames(world, { model: rejecting, known }, week)).names);
    const services = findEmergingServices(names);
    const of = (app) => services.filter(({ domains }) => domains.some((d) => belongs(d, app)));
    const set = await weekFlows(world, week);
    const share = (app) => mean(set.app.map((name) => (name === app ? 1 : 0)));
    result.push(
      mapNumbers({
        ...{ seed, week, nearShare: share(truth.near), near: of(truth.near).length },
        ...{ farShare: share(truth.far), far: of(truth.far).length },
        others: services.length - of(truth.near).length - of(truth.far).length,
        names: services.map(({ name }) => name).join(' '),
      }),
    );
  }
  model.dispose();
  return result;
}

/** A host of an app lies under a domain that carries the app's name. */
function belongs({ value }, app) {
  return value === `${app}.example` || value.startsWith(`${app}-`);
}

function fit({ train, validation, classes }, seed) {
  return trainXgboost({
    ...{ train, validation, classes, preset: 'proof', seed, settings: SETTINGS },
    libraryPath: findXgboostLibrary('.cache/setup'),
  });
}

/** Apps of providers with several apps, and apps that are alone; by a seeded draw. */
function chooseUnknown({ app }, seed) {
  const names = [...new Set(app)].sort();
  const provider = (name) => name.split('-')[0];
  const order = shuffledIndices(names.length, seededRandom(seed, 'unknown'));
  const drawn = Array.from(order, (i) => names[i]);
  const shared = (name) => names.filter((other) => provider(other) === provider(name)).length > 1;
  return {
    near: drawn.filter(shared).slice(0, UNKNOWN),
    far: drawn.filter((name) => !shared(name)).slice(0, UNKNOWN),
  };
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function mapNumbers(row) {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      typeof value === 'number' ? Math.round(1e4 * value) / 1e4 : value,
    ]),
  );
}
