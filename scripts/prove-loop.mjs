#!/usr/bin/env node
/**
 * `node scripts/prove-loop.mjs [--weeks 10] [--seed 7] [--flows 3000] [--apps 40]`: the loop on the real servers, week after
 * week of a generated year, with nobody at it. Seven weeks of flows train the first champions; each week that follows is
 * put into the input folder, `daily` watches its days and `weekly` the week, and what they decide is done.
 *
 * It must hold that each window is judged once, that every retraining that the log tells of came to an end, and that what
 * serves is what was promoted last. Prints one JSON document, with the weighted F1 of what served and of the first version;
 * exit code 1 when something did not hold. On two cores a week takes about two minutes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openVersion } from '../dist/activities/compare-versions.js';
import { installation } from '../dist/activities/installation.js';
import { generateFlows } from '../dist/activities/jobs/generate-flows.js';
import { withLabels } from '../dist/activities/jobs/label-flows.js';
import { openTransformer } from '../dist/activities/jobs/open-model.js';
import { homeLayout } from '../dist/contracts/home.js';
import { partitionInterval, weekRange } from '../dist/dag/partitions.js';
import { wholeWeeks } from '../dist/domain/lifecycle/split-weeks.js';
import { FeatureDb } from '../dist/feature-store/duckdb.js';
import { readFlowSet } from '../dist/feature-store/read-flows.js';
import { evaluate } from '../dist/models/evaluation/classification.js';
import { MlflowClient } from '../dist/models/registry/mlflow-client.js';
import { ENSEMBLE } from '../dist/pipelines/train.js';
import { queryHome } from './proof/query-home.mjs';

const { values } = parseArgs({
  options: {
    weeks: { type: 'string', default: '10' },
    seed: { type: 'string', default: '7' },
    flows: { type: 'string', default: '3000' },
    apps: { type: 'string', default: '40' },
  },
});
const [count, seed, flowsPerWeek, apps] = [
  values.weeks,
  values.seed,
  values.flows,
  values.apps,
].map(Number);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sentinel = join(root, 'dist', 'cli', 'main.js');
const folder = await mkdtemp(join(tmpdir(), 'sentinel-loop-'));
const layout = homeLayout(join(folder, 'home'));
const env = { ...process.env, SENTINEL_HOME: layout.home };
delete env.TEMPORAL_ADDRESS;
const say = (line) => process.stderr.write(`${line}\n`);
const faults = [];
const check = (holds, fault) => {
  say(`${holds ? 'holds' : 'DOES NOT HOLD'}: ${fault}`);
  if (!holds) faults.push(fault);
};

const FIRST = weekRange('2022-W02', '2022-W08');
const LATER = weekRange('2022-W09', '2022-W52').slice(0, count);
/** Days with fewer flows are not judged. */
const MIN_DAY_ROWS = 200;
const generated = join(folder, 'generated');
const input = join(folder, 'input');
say(`generating ${FIRST.length + LATER.length} weeks`);
await generateFlows({
  ...{ outDir: generated, seed, flowsPerWeek, apps, compression: 'gz', events: ['tls-year22'] },
  weeks: [...FIRST, ...LATER],
});
for (const week of FIRST) await arrive(week);
const preset = join(folder, 'preset.json');
await writeFile(preset, JSON.stringify(await lightPreset()));
const up = spawn(process.execPath, [sentinel, 'up', '--input', input, '--preset', preset], {
  env,
  stdio: ['ignore', 'ignore', 'pipe'],
});
let said = '';
up.stderr.setEncoding('utf8').on('data', (text) => (said += text));
const weeks = [];
try {
  await until(() => said.includes('Ctrl-C ends it'));
  for (const week of LATER) {
    await arrive(week);
    const startedMs = Date.now();
    await cli('run', 'daily', '--partition', lastDayOf(week), '--wait', '--json');
    await cli('run', 'weekly', '--partition', week, '--wait', '--json');
    const served = await servedF1(week);
    const frozen = await frozenF1(week);
    weeks.push({ week, ...served, frozen, seconds: Math.round((Date.now() - startedMs) / 1000) });
    say(`${week}: weighted F1 ${served.loop.toFixed(3)}, first version ${frozen.toFixed(3)}`);
  }
  const decisions = await decided();
  const windows = await rows(
    `SELECT partition, count(DISTINCT report_hash) AS n FROM drift_scores GROUP BY partition`,
  );
  const busy = await rows(
    `SELECT strftime(day, '%Y-%m-%d') AS day FROM traffic_daily GROUP BY ALL HAVING sum(flows) >= ${MIN_DAY_ROWS}`,
  );
  const days = new Set(busy.map(({ day }) => day));
  const watched = LATER.flatMap((week) => [week, ...daysOf(week).filter((day) => days.has(day))]);
  const judged = new Map(windows.map(({ partition, n }) => [partition, Number(n)]));
  check(
    watched.every((window) => judged.get(window) === 1),
    `each of ${watched.length} weeks and days was judged once`,
  );
  const retrains = decisions.filter(({ kind }) => kind === 'retrain').length;
  const ends = decisions.filter(
    ({ kind, evidence }) =>
      kind === 'failed' || (evidence.gate !== undefined && evidence.gate !== null),
  ).length;
  check(retrains === ends, `${retrains} retrainings, each with an end (${ends})`);
  const moves = decisions.filter(({ kind }) => kind === 'promoted' || kind === 'rolled_back');
  const last = moves.at(-1)?.evidence;
  const serving = (await mlflow().then((client) => client.models.getByAlias(ENSEMBLE, 'champion')))
    ?.version;
  check(serving === (last?.challenger ?? last?.version ?? '1'), `version ${serving} serves`);
  const open = await cli('runs', 'list', '--json');
  check(!JSON.stringify(open).includes('"failed"'), 'no run failed');
  process.stdout.write(
    `${JSON.stringify({ seed, weeks, decisions: decisions.map(({ partition, kind, reason }) => ({ partition, kind, reason })), faults }, null, 2)}\n`,
  );
} catch (error) {
  faults.push(String(error));
  say(`${error.stack}\n${said.slice(-2000)}`);
} finally {
  up.kill('SIGINT');
  if (up.exitCode === null) await once(up, 'close');
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
process.exitCode = faults.length === 0 ? 0 : 1;

/** The files of a week, into the input folder. */
async function arrive(week) {
  const [year, number] = week.split('-W');
  const name = (await readdir(generated)).find((entry) => entry === `WEEK-${year}-${number}`);
  await mkdir(input, { recursive: true });
  await cp(join(generated, name), join(input, name), { recursive: true });
}

/** The demo's, with the policy that holds where nothing is said but for the size of the flows. */
async function lightPreset() {
  const demo = JSON.parse(await readFile(join(root, 'pipelines', 'presets', 'demo.json'), 'utf8'));
  return { ...demo, name: 'proof', retrainWeeks: 3, policy: {} };
}

function daysOf(week) {
  const { startMs } = partitionInterval('iso-week', week);
  return Array.from({ length: 7 }, (_, day) =>
    new Date(startMs + day * 86_400_000).toISOString().slice(0, 10),
  );
}

function lastDayOf(week) {
  return daysOf(week).at(-1);
}

/** The mean over the flows of the week's days of what served on each; the version that served last. */
async function servedF1(week) {
  const days = new Set(daysOf(week));
  const judged = (await decided()).filter(
    ({ partition, evidence }) => days.has(partition) && evidence.scores !== undefined,
  );
  const byDay = new Map(judged.map(({ partition, evidence }) => [partition, evidence]));
  let [sum, total, version] = [0, 0, ''];
  for (const evidence of byDay.values()) {
    const served = evidence.scores.find((score) => score.version === evidence.version);
    if (served === undefined) continue;
    sum += served.weightedF1 * evidence.rows;
    total += evidence.rows;
    version = evidence.version;
  }
  return { loop: sum / total, version };
}

async function frozenF1(week) {
  const context = {
    ...{ layout, setupDir: installation.setupDir },
    ...{ mlflow: await mlflow(), progress: () => undefined },
  };
  const { model, local } = await openVersion(context, `${ENSEMBLE}/1`);
  const db = await FeatureDb.open();
  try {
    const source = { db, tablesRoot: layout.tables, transformer: await openTransformer(local) };
    const set = await readFlowSet(source, wholeWeeks([week]));
    const known = withLabels(set, 'APP', model.classes);
    const scores = evaluate(model.predict(known.flows), known.labels, model.classes);
    return scores.weightedF1;
  } finally {
    model.dispose();
    db.close();
  }
}

async function mlflow() {
  const { ports } = JSON.parse(await readFile(join(layout.processes, 'mlflow.json'), 'utf8'));
  return new MlflowClient({ baseUrl: `http://127.0.0.1:${ports.http}` });
}

async function decided() {
  const all = await rows(
    'SELECT partition, kind, reason, evidence FROM decisions ORDER BY decided_at, key',
  );
  return all.map((row) => ({ ...row, evidence: JSON.parse(row.evidence) }));
}

function rows(sql) {
  return queryHome(layout, sql, { threads: 1 });
}

/** JSON of a command; throws what it said when it fails. */
async function cli(...args) {
  const child = spawn(process.execPath, [sentinel, ...args], { env });
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => (out[name] += text));
  }
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`sentinel ${args.join(' ')}: ${out.stderr}`);
  return JSON.parse(out.stdout);
}

async function until(holds) {
  while (!(await holds())) {
    if (up.exitCode !== null) throw new Error(`\`sentinel up\` has ended: ${said}`);
    await sleep(500);
  }
}
