#!/usr/bin/env node
/**
 * `node scripts/prove-promotion.mjs [--rounds 1] [--only worker|mlflow|temporal] [--home DIR]`: promotion and rollback of an ensemble
 * while the worker, MLflow and the Temporal server are killed at each of their steps, in a home of its own,
 * or in one that has two versions of the ensemble and serves nobody.
 *
 * The registry is reached through a proxy that holds one request, before it is passed on or after it was answered, so
 * that the death comes exactly there. Meanwhile flows are answered again and again as `classify` does it. It must hold that
 * every answer is that of one version, that one version serves at each moment, that the move is done in the end, and that
 * the decision log has each of its decisions once.
 *
 * Prints one JSON document; exit code 1 when something did not hold. Needs what set-up builds, and takes some minutes.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { openVersion } from '../dist/activities/compare-versions.js';
import { installation } from '../dist/activities/installation.js';
import { generateFlows } from '../dist/activities/jobs/generate-flows.js';
import { openTransformer } from '../dist/activities/jobs/open-model.js';
import { CHAMPION } from '../dist/activities/model-store.js';
import { askLifecycle, lifecycleStatus } from '../dist/activities/steer-lifecycle.js';
import { keepAlive } from '../dist/cli/embedded/keep-alive.js';
import { markedProcesses } from '../dist/cli/embedded/marked-processes.js';
import { startMlflow } from '../dist/cli/embedded/mlflow-server.js';
import { readRecord } from '../dist/cli/embedded/process-record.js';
import { startTemporal } from '../dist/cli/embedded/temporal-server.js';
import { startWorker } from '../dist/cli/embedded/worker-process.js';
import { homeLayout } from '../dist/contracts/home.js';
import { weekRange } from '../dist/dag/partitions.js';
import { wholeWeeks } from '../dist/domain/lifecycle/split-weeks.js';
import { FeatureDb } from '../dist/feature-store/duckdb.js';
import { readFlowSet } from '../dist/feature-store/read-flows.js';
import { MlflowClient } from '../dist/models/registry/mlflow-client.js';
import { dataConverter } from '../dist/payloads/payload-codec.js';
import { ENSEMBLE } from '../dist/pipelines/train.js';
import { startHoldingProxy } from './proof/holding-proxy.mjs';
import { queryHome } from './proof/query-home.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '1' },
    only: { type: 'string' },
    home: { type: 'string' },
  },
});
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = await mkdtemp(join(tmpdir(), 'sentinel-promotion-'));
const layout = homeLayout(values.home ?? join(folder, 'home'));
const LAST_WEEK = '2022-W27';
const say = (line) => process.stderr.write(`${line}\n`);

/** Requests of the registry that the steps make. */
const moves = (request) =>
  request.method === 'POST' && request.url.includes('/registered-models/alias');
const asksVersion = (request) => request.url.includes('/model-versions/get');
const asksAlias = (request) =>
  request.method === 'GET' && request.url.includes('/registered-models/alias');
/** Where a process dies: at a request, or as soon as a decision is in the table. */
const STEPS = [
  { step: 'intent recorded', decisions: 1 },
  { step: 'check, before it is asked', when: 'before', matches: asksVersion },
  { step: 'check, before the answer', when: 'after', matches: asksVersion },
  { step: 'move, before it is asked', when: 'before', matches: moves },
  { step: 'move, before the answer', when: 'after', matches: moves },
  { step: 'read back, before it is asked', when: 'before', matches: asksAlias, after: moves },
  { step: 'read back, before the answer', when: 'after', matches: asksAlias, after: moves },
  { step: 'outcome recorded', decisions: 2 },
];
const TARGETS = values.only === undefined ? ['worker', 'mlflow', 'temporal'] : [values.only];
const faults = [];

if (!existsSync(layout.home)) await makeHome();
const servers = await startServers();
const reader = await startReader(servers.mlflow);
const cases = [];
try {
  let [from, to] = [await reader.serving(), reader.other(await reader.serving())];
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const target of TARGETS) {
      for (const step of STEPS) {
        for (const asked of [{ kind: 'promote', version: to }, { kind: 'rollback' }]) {
          const [before, after] = asked.kind === 'promote' ? [from, to] : [to, from];
          cases.push(await dieAt(target, step, { ...asked, by: 'proof' }, before, after));
        }
      }
    }
  }
} catch (error) {
  faults.push(String(error));
  say(error.stack);
} finally {
  await reader.stop();
  await servers.stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
const { answers, unavailable, mixed } = reader.counts;
process.stdout.write(
  `${JSON.stringify({ cases, answers, unavailable, mixed, faults }, null, 2)}\n`,
);
process.exitCode = faults.length === 0 && mixed === 0 ? 0 : 1;

/** One move of the alias with one death; what did not hold goes into `faults`. */
async function dieAt(target, step, asked, before, after) {
  const name = `${asked.kind}, ${target} dies at: ${step.step}`;
  const logged = await countDecisions();
  const died = arm(step, logged).then(async (release) => {
    await kill(target);
    release();
  });
  const startedMs = Date.now();
  askLifecycle(servers.client(), ENSEMBLE, asked).catch(() => undefined); // its answer may be lost with a server
  await died;
  await until(async () => {
    const status = await lifecycleStatus(servers.client(), ENSEMBLE);
    return status?.atRest === true && (await countDecisions()) >= logged + 2;
  }, name);
  const seconds = Math.round((Date.now() - startedMs) / 100) / 10;
  const kinds = (await decisions()).slice(logged);
  const wanted = asked.kind === 'promote' ? ['promote', 'promoted'] : ['roll_back', 'rolled_back'];
  const serving = await reader.serving();
  const holds = serving === after && JSON.stringify(kinds) === JSON.stringify(wanted);
  if (!holds) faults.push(`${name}: ${before} to ${after}, serves ${serving}; ${kinds.join(', ')}`);
  say(`${holds ? 'holds' : 'DOES NOT HOLD'}: ${name} (${seconds} s)`);
  return { asked: asked.kind, target, step: step.step, seconds, holds };
}

/** Resolves at the step, with what lets it go on. */
async function arm({ decisions: count, when, matches, after }, logged) {
  if (count !== undefined) {
    const folder = join(layout.tables, 'decisions', '_delta_log');
    const commits = async () =>
      (await readdir(folder)).filter((file) => file.endsWith('.json')).length;
    const wanted = (await commits()) + count;
    await until(async () => (await commits()) >= wanted, `decision ${logged + count}`, 5);
    return () => undefined;
  }
  let moved = after === undefined;
  const held = servers.proxy.holdNext(when, (request) => {
    if (moved) return matches(request);
    moved = after(request);
    return false;
  });
  await held.atRequest;
  return held.release;
}

/** All processes of a server: MLflow has a child that would go on without it. */
async function kill(name) {
  const dying = markedProcesses(layout.home, name);
  for (const pid of dying) process.kill(pid, 'SIGKILL');
  const isLeft = (pid) => markedProcesses(layout.home, name).includes(pid);
  await until(() => !dying.some(isLeft), `${name} to die`, 5); // another may have been started by then
}

async function decisions() {
  const rows = await queryHome(
    layout,
    `SELECT kind FROM decisions WHERE model = '${ENSEMBLE}' AND kind <> 'noted' ORDER BY decided_at, key`,
    { threads: 1 },
  );
  return rows.map(({ kind }) => kind);
}

async function countDecisions() {
  return (await decisions()).length;
}

/** A home with two versions of the ensemble: six small weeks, of which the exporter change needs a retraining. */
async function makeHome() {
  const input = join(folder, 'flows');
  const world = { seed: 7, weeks: weekRange('2022-W22', LAST_WEEK), flowsPerWeek: 700, apps: 12 };
  await generateFlows({
    ...world,
    outDir: input,
    events: ['exporter@2022-W26'],
    compression: 'none',
  });
  const args = ['up', '--once', '--input', input];
  const preset = join(root, 'test', 'e2e', 'small.preset.json');
  const up = spawn(
    process.execPath,
    [join(root, 'dist', 'cli', 'main.js'), ...args, '--preset', preset],
    { env: { ...process.env, SENTINEL_HOME: layout.home }, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const [code] = await once(up, 'close');
  if (code !== 0) throw new Error(`sentinel up ended with ${code}`);
}

/** The servers of `sentinel up`, with the proxy between worker and registry. */
async function startServers() {
  const temporal = await startTemporal(layout, installation.temporal);
  const mlflow = await startMlflow(layout, installation.mlflow);
  const proxy = await startHoldingProxy(mlflow.record.ports.http);
  const worker = await startWorker(layout, {
    entry: installation.workerEntry,
    args: ['--home', layout.home, '--temporal', temporal.address, '--mlflow', proxy.url],
    onRestart: () => undefined,
    healthyMs: 0, // it is killed, it does not fail
  });
  const stopWatching = keepAlive(
    [
      {
        record: temporal.record,
        restart: async (samePorts) =>
          (await startTemporal(layout, installation.temporal, { samePorts })).record,
      },
      {
        record: mlflow.record,
        restart: async (ports) => (await startMlflow(layout, installation.mlflow, ports)).record,
      },
    ],
    () => undefined,
    200,
  );
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection, dataConverter: dataConverter(layout) });
  return {
    proxy,
    client: () => client,
    mlflow: new MlflowClient({ baseUrl: mlflow.url }),
    async stop() {
      await stopWatching();
      await worker.stop();
      await connection.close();
      proxy.stop();
      for (const name of ['mlflow', 'temporal']) {
        const record = await readRecord(layout.processes, name);
        process.kill(record.pid, 'SIGTERM');
      }
    },
  };
}

/** Answers the same flows over and over with whatever serves, and holds each answer against those of the versions. */
async function startReader(mlflow) {
  const context = { layout, setupDir: installation.setupDir, mlflow, progress: () => undefined };
  const counts = { answers: 0, unavailable: 0, mixed: 0 };
  const known = new Map();
  for (const version of ['1', '2']) known.set(await answer(`${ENSEMBLE}/${version}`), version);
  if (known.size < 2)
    throw new Error('both versions answer alike: nothing could be told from answers');
  let stopping = false;
  const reading = (async () => {
    while (!stopping) {
      const said = await answer(`${ENSEMBLE}@${CHAMPION}`).catch(() => undefined);
      if (said === undefined) counts.unavailable += 1;
      else if (known.has(said)) counts.answers += 1;
      else counts.mixed += 1;
      await sleep(20);
    }
  })();
  return {
    counts,
    other: (version) => (version === '1' ? '2' : '1'),
    async serving() {
      let found;
      await until(async () => {
        found = await mlflow.models.getByAlias(ENSEMBLE, CHAMPION);
        return true;
      }, 'the registry');
      return found?.version;
    },
    async stop() {
      stopping = true;
      await reading;
    },
  };

  /** SHA-256 of members and probabilities. */
  async function answer(id) {
    const { model, local } = await openVersion(context, id);
    const db = await FeatureDb.open({ threads: 1 });
    try {
      const source = { db, tablesRoot: layout.tables, transformer: await openTransformer(local) };
      const set = await readFlowSet(source, wholeWeeks([LAST_WEEK]), { maxRows: 50 });
      const members = local.members.map(({ name, version }) => `${name}/${version}`);
      const hash = createHash('sha256').update(members.join(' '));
      return hash.update(Buffer.from(model.predict(set).buffer)).digest('hex');
    } finally {
      model.dispose();
      db.close();
    }
  }
}

async function until(holds, what, waitMs = 100) {
  const endMs = Date.now() + 180_000;
  while (!(await Promise.resolve(holds()).catch(() => false))) {
    if (Date.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await sleep(waitMs);
  }
}
