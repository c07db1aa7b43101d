#!/usr/bin/env node
/**
 * `node scripts/measure-vpn.mjs [--seeds 101,102,103] [--flows 6000] [--only real|generated]`: how well VPN tunnels are found.
 *
 * Real: the captures in test/data, each left out once, so that no capture is on both sides; by flow and by capture
 * (a capture is a VPN when more than half of its flows are). Generated: three weeks to train on, the two behind them
 * to score. Each by the tunnel features, by bytes, packets and duration alone, and by all columns.
 *
 * Prints two tables with 95 % bootstrap intervals. Needs what set-up builds; about four minutes.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seededRandom } from '../dist/contracts/seeded-random.js';
import { wholeWeeks } from '../dist/domain/lifecycle/split-weeks.js';
import { FeatureDb } from '../dist/feature-store/duckdb.js';
import { parseFlows } from '../dist/feature-store/ingest/parse-flows.js';
import { readFlowSet, readParsedFlows } from '../dist/feature-store/read-flows.js';
import { listSources } from '../dist/feature-store/sources/list-sources.js';
import { groupByDayAndClass } from '../dist/models/evaluation/bootstrap.js';
import { majorityOf, scoreDetection } from '../dist/models/evaluation/detection.js';
import { leaveGroupsOut } from '../dist/models/evaluation/leave-groups-out.js';
import { rocAuc } from '../dist/models/evaluation/ranking.js';
import { PPI_WIDTH, selectFlows } from '../dist/models/model.js';
import { shuffledIndices } from '../dist/models/random.js';
import {
  trainVpnDetector,
  VPN_CLASSES,
  VPN_INPUTS,
  vpnClass,
  vpnColumns,
} from '../dist/models/vpn/detector.js';
import { findXgboostLibrary } from '../dist/models/xgboost/bindings.js';
import { generatedWorld } from './proof/generated-world.mjs';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '101,102,103' },
    flows: { type: 'string', default: '6000' },
    only: { type: 'string' },
  },
});
const TEST_DATA = join(import.meta.dirname, '..', 'test', 'data');
const CAPTURES = ['ndpi-vpn.csv.gz', 'ndpi-tls.csv.xz', 'ndpi-quic.csv.gz'];
const TRAIN = ['2022-W22', '2022-W23', '2022-W24'];
const TEST = ['2022-W25', '2022-W26'];
const options = { threads: 2, libraryPath: findXgboostLibrary('.cache/setup') };

if (values.only !== 'generated') console.table(await realCaptures());
if (values.only !== 'real') {
  const rows = [];
  for (const seed of values.seeds.split(',').map(Number)) rows.push(...(await generated(seed)));
  console.table(rows);
}

/**
 * Every capture once as test, by each kind of input; by flow and by capture. Below them, for contrast alone, the same
 * detectors with a random tenth of the flows as test, wherever they were captured.
 */
async function realCaptures() {
  const { flows, captures, labels } = await readCaptures();
  const names = [...new Set(captures)];
  const groups = Int32Array.from(captures, (name) => names.indexOf(name));
  const truth = majorityOf(labels, groups);
  const random = () => seededRandom(1, 'captures');
  const rows = [];
  for (const inputs of VPN_INPUTS) {
    const scores = await askHeldOut(inputs, flows, labels, groups);
    const said = decided(scores);
    const byCapture = {
      labels: truth,
      said: majorityOf(said, groups),
      groups: Int32Array.from(names.keys()),
    };
    const means = names.map((_, g) => mean(scores.filter((_, row) => groups[row] === g)));
    rows.push(
      {
        ...{ inputs, 'left out': 'capture', by: 'flow', n: flows.n },
        ...shown(scoreDetection({ labels, said, groups, random: random() }), scores, labels),
      },
      {
        ...{ inputs, 'left out': 'capture', by: 'capture', n: names.length },
        ...shown(scoreDetection({ ...byCapture, random: random() }), means, truth),
      },
    );
  }
  const tenths = Int32Array.from(shuffledIndices(flows.n, random()), (place) => place % 10);
  for (const inputs of VPN_INPUTS) {
    const scores = await askHeldOut(inputs, flows, labels, tenths);
    const detected = scoreDetection({ labels, said: decided(scores), groups, random: random() });
    const row = { inputs, 'left out': 'tenth of flows', by: 'flow', n: flows.n };
    rows.push({ ...row, ...shown(detected, scores, labels) });
  }
  return rows;
}

/** [N] probability of a VPN, of each flow by a detector that was trained on the other groups. */
async function askHeldOut(inputs, flows, labels, groups) {
  const scores = new Float64Array(flows.n);
  for (const { train, test } of leaveGroupsOut(groups)) {
    const training = { inputs, seed: 1, flows: selectFlows(flows, train) };
    const answers = await fitAndAsk(
      { ...training, labels: pick(labels, train) },
      selectFlows(flows, test),
    );
    test.forEach((row, i) => (scores[row] = answers[i]));
  }
  return scores;
}

/** The flows of all capture files, and the capture of each. */
async function readCaptures() {
  const scratch = await mkdtemp(join(tmpdir(), 'measure-vpn-'));
  const db = await FeatureDb.open({ threads: 1 });
  const sets = [];
  const captures = [];
  try {
    for (const file of CAPTURES) {
      const [source] = (await listSources([join(TEST_DATA, 'flows', file)])).flows;
      const parsed = await parseFlows({ source, db, stagingDir: join(scratch, file) });
      const table = await readFile(
        join(TEST_DATA, 'captures', file.replace(/\.csv\..z$/, '.captures.csv')),
        'utf8',
      );
      const lines = table.trim().split('\n').slice(1); // in the order of the flows
      if (lines.length !== parsed.rowsStored) throw new Error(`${file}: flows and captures differ`);
      await readParsedFlows({ db, parsed, scratchDir: join(scratch, 'features') }, (set) => {
        sets.push(set);
        for (const row of set.sourceRow) captures.push(lines[row - 1].split(',')[1]);
        return Promise.resolve();
      });
    }
  } finally {
    db.close();
    await rm(scratch, { recursive: true });
  }
  return { flows: joinSets(sets), captures, labels: Int32Array.from(sets.flatMap(labelsOf)) };
}

/** Trained on some weeks, asked about later ones. */
async function generated(seed) {
  const folder = await mkdtemp(join(tmpdir(), 'measure-vpn-'));
  const world = await generatedWorld(folder, {
    ...{ seed, from: TRAIN[0], to: TEST.at(-1), events: [`vpn@${TRAIN[0]}`] },
    flowsPerWeek: Number(values.flows),
  });
  try {
    const train = await readFlowSet(world, wholeWeeks(TRAIN));
    const test = await readFlowSet(world, wholeWeeks(TEST));
    const labels = Int32Array.from(labelsOf(test));
    const groups = groupByDayAndClass(test.timeFirstMs, labels);
    const rows = [];
    for (const inputs of VPN_INPUTS) {
      const known = { flows: train, labels: Int32Array.from(labelsOf(train)) };
      const scores = await fitAndAsk({ inputs, seed, ...known }, test);
      const random = seededRandom(seed, 'days');
      const detected = scoreDetection({ labels, said: decided(scores), groups, random });
      rows.push({ inputs, seed, n: test.n, ...shown(detected, scores, labels) });
    }
    return rows;
  } finally {
    world.db.close();
    await rm(folder, { recursive: true });
  }
}

/** [N] probability of a VPN. */
async function fitAndAsk(training, flows) {
  const model = await trainVpnDetector({ ...training, ...options });
  const probabilities = model.predict(vpnColumns(flows, training.inputs));
  model.dispose();
  return Float64Array.from({ length: flows.n }, (_, i) => probabilities[2 * i + 1]);
}

function decided(scores) {
  return Int32Array.from(scores, (score) => (score > 0.5 ? 1 : 0));
}

function labelsOf({ app, category }) {
  return app.map((name, i) => VPN_CLASSES.indexOf(vpnClass(name, category[i])));
}

function joinSets(sets) {
  const n = sets.reduce((rows, set) => rows + set.n, 0);
  const { featureNames } = sets[0];
  const joined = {
    ...{ n, featureNames, tabular: new Float32Array(n * featureNames.length) },
    ...{ ppi: new Float32Array(n * PPI_WIDTH), lengths: new Uint8Array(n) },
  };
  let row = 0;
  for (const set of sets) {
    joined.tabular.set(set.tabular, row * featureNames.length);
    joined.ppi.set(set.ppi, row * PPI_WIDTH);
    joined.lengths.set(set.lengths, row);
    row += set.n;
  }
  return joined;
}

function pick(array, rows) {
  return Int32Array.from(rows, (row) => array[row]);
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function shown({ present, said, found, precision, recall }, scores, labels) {
  const text = ({ value, lower, upper }) =>
    `${value.toFixed(3)} (${lower.toFixed(3)}, ${upper.toFixed(3)})`;
  return {
    vpn: present,
    said,
    found,
    precision: text(precision),
    recall: text(recall),
    AUROC: rocAuc(scores, labels).toFixed(3),
  };
}
