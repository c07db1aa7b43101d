#!/usr/bin/env node
/**
 * `node scripts/measure-open-world.mjs --out DIR [--python VENV/bin/python] [--seeds 1,2,3,4,5] [--flows 10000]
 * [--only rejected|emerging]`: what the reject option finds, beside the same model in Python on the same rows.
 *
 * Rejected: of each generated world of 180 apps, whole categories and single apps are left out of training. Far ones
 * are of providers that serve no known app, near ones of providers that do. Boosted trees with the preset `full` learn
 * three weeks, the fourth gives the thresholds that 5 % of known flows lie below, the fifth is asked about. The twin
 * (`scripts/open-world/twin.py`) needs scripts/bench/requirements.txt and scikit-learn; without `--python` there is none.
 *
 * Emerging: a small model of all apps (40 rounds) watches six weeks in which two new apps grow and one provider moves
 * its hosts: when the new apps are found, and what else is.
 *
 * What is done stands in DIR/seed-N and is not done again, so a run that was stopped goes on. Prints tables by seed,
 * and the means of the first one. On two cores a seed takes about eight minutes, with the twin twelve.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { newNames, trainedNames } from '../dist/activities/jobs/count-names.js';
import { fitTrees } from '../dist/activities/jobs/fit-trees.js';
import { matrixRows, streamOf } from '../dist/models/boosting/matrix-rows.js';
import { columnNames } from '../dist/models/column-names.js';
import { combineProbabilities, fitCombination } from '../dist/models/ensemble/combination.js';
import { predictedClasses } from '../dist/models/evaluation/classification.js';
import { conformalQuantile } from '../dist/models/evaluation/conformal.js';
import { falsePositiveRate, openSetRate, rocAuc } from '../dist/models/evaluation/ranking.js';
import { loadModel } from '../dist/models/load-model.js';
import { confidenceOf, negativeEnergy } from '../dist/models/open-world/confidence.js';
import { findEmergingServices } from '../dist/models/open-world/emerging-services.js';
import { fitRejectRule, rejectFlows } from '../dist/models/open-world/reject-rule.js';
import { findXgboostLibrary, loadXgboost } from '../dist/models/xgboost/bindings.js';
import { XgboostTrees } from '../dist/models/xgboost/booster.js';
import { FAR, NEAR, openWorldData, worldOf } from './open-world/data.mjs';
import { trainingFlows, weekFlows } from './proof/generated-world.mjs';

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    python: { type: 'string' },
    seeds: { type: 'string', default: '1,2,3,4,5' },
    flows: { type: 'string', default: '10000' },
    threads: { type: 'string', default: '2' },
    only: { type: 'string' },
  },
});
if (values.out === undefined) throw new Error('--out DIR is needed');
const SETUP = '.cache/setup';
const SPLIT = { train: ['2022-W22', '2022-W23', '2022-W24'], validate: ['2022-W25'] };
const WATCHED = ['2022-W26', '2022-W27', '2022-W28', '2022-W29', '2022-W30', '2022-W31'];
const EVENTS = ['new-app@2022-W26', 'new-app-far@2022-W26', 'rename@2022-W28'];
const NEW_APPS = { near: 'new-app-2022-w26', far: 'new-app-far-2022-w26' };
/** Of the flows, from which on a new app is to be found within two weeks. */
const NOTABLE_SHARE = 0.003;
/** Student's t for 95 % within, 1..9 degrees of freedom. */
const T_975 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];
const TWIN = fileURLToPath(new URL('open-world/twin.py', import.meta.url));
const preset = JSON.parse(
  await readFile(new URL('../pipelines/presets/full.json', import.meta.url), 'utf8'),
);
const threads = Number(values.threads);

const rejected = [];
const found = [];
for (const seed of values.seeds.split(',').map(Number)) {
  const folder = resolve(values.out, `seed-${seed}`);
  await mkdir(folder, { recursive: true });
  const world = await worldOf(join(folder, 'world'), {
    ...{ seed, from: SPLIT.train[0], to: WATCHED.at(-1), events: EVENTS },
    flowsPerWeek: Number(values.flows),
  });
  if (values.only !== 'emerging') rejected.push(...(await rejections(folder, world, seed)));
  if (values.only !== 'rejected') found.push(await emerging(folder, world, seed));
  world.db.close();
}
if (rejected.length > 0) {
  console.table(rejected.map(rounded));
  console.table(meansOf(rejected));
}
if (found.length > 0) console.table(found);

/** What each score rejects of known, near and far flows, and how well it tells them apart. */
async function rejections(folder, world, seed) {
  const data = await openWorldData(folder, world, { ...SPLIT, test: WATCHED[0] }, seed);
  const { classes, validation, test, unknown } = data;
  const parts = { validation: validation.flows, test: test.flows };
  const flowsOf = (kind) => test.labels.filter((label) => label === kind).length;
  say(
    `seed ${seed}: ${classes.length} known apps; without the categories ${unknown.categories.join(', ')}; ` +
      `near ${unknown.near.length} apps, ${flowsOf(NEAR)} flows; far ${unknown.far.length} apps, ${flowsOf(FAR)} flows`,
  );
  const members = [];
  for (const kind of ['xgboost', 'lightgbm']) {
    const at = join(folder, `ours-${kind}`);
    const model = await readOrTrain(at, kind, preset.boosting, data, seed);
    members.push(mapValues(parts, (flows) => model.predict(flows)));
    model.dispose();
  }
  const margins = await marginsOf(join(folder, 'ours-xgboost'), parts, classes);
  const fitted = fitCombination(
    {
      ...{ members: members.map((member) => member.validation), labels: validation.labels },
      ...{ timeFirstMs: validation.timeFirstMs, classCount: classes.length },
    },
    seed,
  );
  say(`weights ${fitted.stacking ? 'stacked' : fitted.weights.join(' ')}`);
  const together = mapValues(parts, (_, part) =>
    combineProbabilities(
      members.map((member) => member[part]),
      fitted,
      classes.length,
    ),
  );
  const confident = (score, of) =>
    mapValues(of, (probabilities) => confidenceOf(score, probabilities, classes.length));
  const scores = [
    ['xgboost', 'greatest probability', members[0].test, confident('maxProbability', members[0])],
    ['xgboost', 'margin', members[0].test, confident('margin', members[0])],
    [
      ...['xgboost', 'energy', members[0].test],
      mapValues(margins, (scores) => negativeEnergy(scores, classes.length)),
    ],
    ['xgboost', 'certainty', members[0].test, confident('certainty', members[0])],
    ['ensemble', 'greatest probability', together.test, confident('maxProbability', together)],
    ['ensemble', 'certainty', together.test, confident('certainty', together)],
  ];
  const rows = scores.map(([model, score, probabilities, confidence]) => {
    const doubts = Float64Array.from(confidence.validation, (value) => -value);
    const threshold = -conformalQuantile(doubts, 0.05);
    const below = Uint8Array.from(confidence.test, (value) => (value < threshold ? 1 : 0));
    const numbers = scoresOf(test.labels, probabilities, below, confidence.test, classes);
    return { seed, side: 'ours', model, score, ...numbers };
  });
  for (const [model, of] of Object.entries({ xgboost: members[0], ensemble: together })) {
    const rule = fitRejectRule(of.validation, validation.labels, classes.length);
    const below = rejectFlows(rule, of.test, classes);
    const confidence = confidenceOf(rule.score, of.test, classes.length);
    rows.push({
      ...{ seed, side: 'ours', model, score: 'rule' },
      ...scoresOf(test.labels, of.test, below, confidence, classes),
    });
  }
  if (values.python !== undefined) {
    const twin = join(folder, 'twin.json');
    if (!existsSync(twin)) {
      const asked = JSON.stringify({ folder, seed, threads, preset });
      execFileSync(values.python, [TWIN, asked], { stdio: ['ignore', 'inherit', 'inherit'] });
    }
    const theirs = JSON.parse(await readFile(twin, 'utf8'));
    rows.push(...theirs.map((row) => ({ seed, side: 'twin', model: 'xgboost', ...row })));
  }
  for (const row of rows) say(JSON.stringify(rounded(row)));
  return rows;
}

/** Scores of one week whose flows of unknown apps have the labels NEAR and FAR. */
function scoresOf(labels, probabilities, below, confidence, classes) {
  const predicted = predictedClasses(probabilities, classes.length);
  const rowsOf = (kind) => [...labels.keys()].filter((i) => labels[i] === kind);
  const known = [...labels.keys()].filter((i) => labels[i] >= 0);
  const shareOf = (rows, is) => rows.reduce((sum, i) => sum + (is(i) ? 1 : 0), 0) / rows.length;
  const numbers = {
    accuracy: shareOf(known, (i) => predicted[i] === labels[i]),
    'known rejected': shareOf(known, (i) => below[i]),
    'right rejected': shareOf(
      known.filter((i) => predicted[i] === labels[i]),
      (i) => below[i],
    ),
  };
  for (const [name, kind] of [
    ['near', NEAR],
    ['far', FAR],
  ]) {
    const rows = [...known, ...rowsOf(kind)];
    const doubts = rows.map((i) => -confidence[i]);
    const unknown = rows.map((i) => (labels[i] < 0 ? 1 : 0));
    numbers[`${name} rejected`] = shareOf(rowsOf(kind), (i) => below[i]);
    numbers[`${name} AUROC`] = rocAuc(doubts, unknown);
    numbers[`${name} FPR@95`] = falsePositiveRate(doubts, unknown);
    numbers[`${name} OSCR`] = openSetRate(
      rows.map((i) => confidence[i]),
      rows.map((i) => labels[i] >= 0),
      rows.map((i) => predicted[i] === labels[i]),
    );
  }
  return numbers;
}

async function readOrTrain(at, kind, boosting, { train, validation, classes }, seed) {
  if (!existsSync(join(at, 'model.json'))) {
    const spec = { name: kind, target: 'APP', kind };
    const request = { ...{ train, validation, classes, seed }, preset: preset.name };
    const { model, best } = await fitTrees(spec, request, boosting, {
      ...{ setupDir: SETUP, threads },
      onRound: (round) => round.round % 25 === 0 && say(`${kind} ${JSON.stringify(round)}`),
    });
    say(`${kind}: ${best} rounds`);
    await model.save(at);
    return model;
  }
  return loadModel(at, { setupDir: SETUP, threads });
}

/** XGBoost's raw scores, [N, K] for each part. */
async function marginsOf(at, parts, classes) {
  const { featureNames } = parts.test;
  const names = columnNames(featureNames, true);
  const bytes = await readFile(join(at, 'model.ubj'));
  const trees = XgboostTrees.fromBytes(
    loadXgboost(findXgboostLibrary(SETUP)),
    bytes,
    names,
    threads,
  );
  const margins = mapValues(parts, (flows) => {
    const scores = new Float32Array(flows.n * classes.length);
    let end = 0;
    for (const batch of matrixRows(streamOf(flows), true)) {
      const found = trees.margins(batch);
      scores.set(found, end);
      end += found.length;
    }
    return scores;
  });
  trees.dispose();
  return margins;
}

/** Weeks from the first in which each new app is notable until it is a candidate, and the candidates that are none. */
async function emerging(folder, world, seed) {
  const data = await trainingFlows(world, SPLIT);
  const fast = { ...preset.boosting, rounds: 40, eta: 0.2, maxDepth: 6, maxBin: 64 };
  const model = await readOrTrain(join(folder, 'all-apps'), 'xgboost', fast, data, seed);
  const reject = fitRejectRule(
    model.predict(data.validation.flows),
    data.validation.labels,
    data.classes.length,
  );
  const rejecting = {
    ...{ classes: model.classes, reject },
    predict: (flows) => model.predict(flows),
  };
  const known = await trainedNames(world, [...SPLIT.train, ...SPLIT.validate]);
  const names = [];
  const first = {};
  let services = [];
  for (const [w, week] of WATCHED.entries()) {
    const counted = await newNames(world, { model: rejecting, known }, week);
    names.push(counted.names);
    services = findEmergingServices(names);
    const { app } = await weekFlows(world, week);
    for (const [kind, name] of Object.entries(NEW_APPS)) {
      const share = app.filter((other) => other === name).length / app.length;
      if (share >= NOTABLE_SHARE) first[`${kind} notable`] ??= w;
      if (services.some((service) => isOf(service, name))) first[`${kind} found`] ??= w;
    }
    say(
      `${week}: ${(counted.rejected / app.length).toFixed(3)} rejected; ` +
        services.map(({ name, weeks }) => `${name} since ${weeks[0].week}`).join(', '),
    );
  }
  model.dispose();
  const others = services.filter(
    (service) => !Object.values(NEW_APPS).some((name) => isOf(service, name)),
  );
  return {
    seed,
    near: first['near found'] - first['near notable'],
    far: first['far found'] - first['far notable'],
    others: others.map(({ name }) => name).join(' '),
  };
}

/** Whether hosts of an app are among the domains, which carry its name. */
function isOf({ domains }, app) {
  return domains.some(({ value }) => value === `${app}.example` || value.startsWith(`${app}-`));
}

/** Mean and half of its 95 % interval over the seeds (Student's t), by side, model and score. */
function meansOf(rows) {
  const [{ seed: first }] = rows;
  return rows.flatMap(({ seed, side, model, score, ...numbers }) => {
    if (seed !== first) return [];
    const own = rows.filter(
      (row) => row.side === side && row.model === model && row.score === score,
    );
    const means = mapValues(numbers, (_, name) => {
      const n = own.length;
      const mean = own.reduce((sum, row) => sum + row[name], 0) / n;
      const squares = own.reduce((sum, row) => sum + (row[name] - mean) ** 2, 0);
      const half = T_975[n - 2] * Math.sqrt(squares / (n - 1) / n);
      return `${mean.toFixed(3)} ± ${half.toFixed(3)}`;
    });
    return { side, model, score, ...means };
  });
}

function rounded(row) {
  return mapValues(row, (value) =>
    typeof value === 'number' ? Math.round(1e4 * value) / 1e4 : value,
  );
}

function mapValues(values, change) {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, change(value, key)]),
  );
}

function say(text) {
  process.stderr.write(`${text}\n`);
}
