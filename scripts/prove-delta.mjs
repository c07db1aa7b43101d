/**
 * `node scripts/prove-delta.mjs [--store disk|s3] [--writers 8] [--commits 500] [--kills 20] [--faults 5] [--every 1] [--seed 7]`:
 * processes that commit to one table at once and are killed at any moment. With `--store s3` the table lies in
 * a bucket of a real S3 server, and every request of a writer goes through a proxy that fails `--faults` percent of
 * them. No row may be lost or doubled, each job must have made one version, and every version (`--every 20`: each twentieth and the last) must be the
 * same to our reader, to DuckDB's `delta_scan` and to Python's `deltalake`.
 *
 * Prints one JSON document; exit code 1 when something did not hold. Needs what set-up with `--test` builds.
 */
import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { seededRandom } from '../dist/contracts/seeded-random.js';
import { scanSnapshot } from '../dist/feature-store/delta/scan.js';
import { advanceSnapshot, readSnapshot } from '../dist/feature-store/delta/snapshot.js';
import { storageOf } from '../dist/feature-store/delta/storage-of.js';
import { FeatureDb } from '../dist/feature-store/duckdb.js';
import { startProxy } from './prove-delta/faulty-proxy.mjs';
import { ROWS } from './prove-delta/race-table.mjs';
import { s3Environment, startS3Server } from './prove-delta/s3-server.mjs';

const { values } = parseArgs({
  options: {
    store: { type: 'string', default: 'disk' },
    writers: { type: 'string', default: '8' },
    commits: { type: 'string', default: '500' },
    kills: { type: 'string', default: '20' },
    faults: { type: 'string', default: '5' },
    every: { type: 'string', default: '1' },
    seed: { type: 'string', default: '7' },
  },
});
const [writers, commits, kills, percent, every, seed] = [
  values.writers,
  values.commits,
  values.kills,
  values.faults,
  values.every,
  values.seed,
].map(Number);
const scripts = dirname(fileURLToPath(import.meta.url));
const folder = await mkdtemp(join(tmpdir(), 'sentinel-race-'));
const seeded = seededRandom('prove-delta', seed);
const random = () => seeded.uniform();
const say = (line) => process.stderr.write(`${line}\n`);
const faults = [];
const check = (holds, fault) => {
  say(`${holds ? 'holds' : 'DOES NOT HOLD'}: ${fault}`);
  if (!holds) faults.push(fault);
};

// or the S3 server would outlive us
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
const place = await openStore();
const jobs = Array.from({ length: commits }, (_, id) =>
  random() < 0.7
    ? { id, kind: 'append', slot: `rows-${id % 4}` }
    : { id, kind: 'count', slot: `count-${id % 3}` },
);
try {
  const startedMs = Date.now();
  const race = await runRace();
  const seconds = (Date.now() - startedMs) / 1_000;
  say(`${commits} commits by ${writers} writers in ${seconds.toFixed(1)} s`);
  await checkVersions();
  await checkRows();
  const log = await storageOf(place.table).listLog();
  const report = {
    store: values.store,
    ...{ writers, commits, seconds, commitsPerSecond: Number((commits / seconds).toFixed(1)) },
    ...race,
    ...(place.proxy && { requests: place.proxy.requests(), faulty: place.proxy.faults }),
    leftTemporary: log.filter((name) => name.endsWith('.tmp')).length,
    faults,
  };
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  await place.close();
  await rm(folder, { recursive: true, force: true });
}

/** Where the table lies, what a writer's environment says of it, and what Python is told. */
async function openStore() {
  if (values.store === 'disk')
    return { table: join(folder, 'race'), env: {}, options: {}, close: async () => undefined };
  const server = await startS3Server(join(folder, 'objects'), 'tables');
  const proxy = await startProxy({
    target: server.url,
    fault: () => {
      if (random() * 100 >= percent) return undefined;
      return ['refused', 'lost', 'cut'][seeded.below(3)];
    },
  });
  // the checks below ask the server itself
  Object.assign(process.env, s3Environment, { AWS_ENDPOINT_URL: server.url });
  return {
    table: 's3://tables/home/race',
    env: { ...s3Environment, AWS_ENDPOINT_URL: proxy.url },
    options: { ...s3Environment, AWS_ENDPOINT_URL: server.url, AWS_ALLOW_HTTP: 'true' },
    proxy,
    close: async () => {
      await proxy.close();
      await server.close();
    },
  };
}

/** All jobs, each until some writer has said that it is done; a killed writer is replaced. */
async function runRace() {
  const queue = [...jobs];
  const counts = { killed: 0, repeated: 0, conflicts: 0, storeFaults: 0 };
  const versions = new Map();
  const alive = new Set();
  let failure;
  const startWriter = () => {
    const child = fork(
      join(scripts, 'prove-delta', 'race-writer.mjs'),
      [place.table, join(folder, 'staging')],
      { env: { ...process.env, ...place.env }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    );
    const writer = { child, job: undefined };
    alive.add(writer);
    const next = () => {
      writer.job = queue.shift();
      if (writer.job === undefined) child.disconnect();
      else child.send(writer.job);
    };
    child.on('message', (message) => {
      if (message.failed !== undefined) failure ??= message.reason;
      if (message.again === 'DELTA_CONFLICT') counts.conflicts += 1;
      else if (message.again !== undefined) counts.storeFaults += 1;
      if (message.done !== undefined) {
        if (message.kind === 'already') counts.repeated += 1;
        versions.set(message.done, message.version);
      }
      if (message.ready || message.done !== undefined) next();
    });
    child.once('exit', (code, signal) => {
      alive.delete(writer);
      if (signal === 'SIGKILL') {
        if (writer.job !== undefined && !versions.has(writer.job.id)) queue.unshift(writer.job);
        if (versions.size < commits) startWriter();
      } else if (versions.size < commits && writer.job !== undefined)
        failure ??= `a writer ended with code ${code}`;
    });
  };
  for (let index = 0; index < writers; index++) startWriter();
  let nextKill = commits / (kills + 1);
  while (versions.size < commits && failure === undefined) {
    await sleep(5 + random() * 20);
    const working = [...alive].filter(({ job }) => job !== undefined);
    if (counts.killed >= kills || versions.size < nextKill || working.length === 0) continue;
    working[seeded.below(working.length)].child.kill('SIGKILL');
    counts.killed += 1;
    nextKill = ((counts.killed + 1) * commits) / (kills + 1);
  }
  await Promise.all([...alive].map(({ child }) => child.kill('SIGKILL') && once(child, 'exit')));
  if (failure !== undefined) throw new Error(failure);
  return counts;
}

/** Every version, read three ways. */
async function checkVersions() {
  const names = await storageOf(place.table).listLog();
  const entries = names.filter((name) => name.endsWith('.json') && !name.startsWith('_'));
  check(
    entries.every((name, version) => Number(name.slice(0, 20)) === version),
    'the log has no gap',
  );
  check(entries.length === commits, `${commits} jobs made ${commits} versions, each one`);
  const last = entries.length - 1;
  const versions = entries.map((_, v) => v).filter((v) => v % every === 0 || v === last);
  const ours = [];
  const scanned = [];
  const db = await FeatureDb.open({ threads: 2 });
  try {
    await db.loadDelta();
    const table = `'${place.table}'`;
    let snapshot = await readSnapshot(place.table, { version: 0 });
    for (const version of versions) {
      snapshot = await advanceSnapshot(snapshot, { version });
      ours.push(await fingerprint(db, scanSnapshot(snapshot)));
      scanned.push(await fingerprint(db, `FROM delta_scan(${table}, version = ${version})`));
    }
  } finally {
    db.close();
  }
  const python = join(dirname(scripts), '.cache', 'setup', 'venv', 'bin', 'python');
  const { stdout } = await promisify(execFile)(
    python,
    [
      join(scripts, 'prove-delta', 'read_versions.py'),
      ...[place.table, JSON.stringify(versions), JSON.stringify(place.options)],
    ],
    { maxBuffer: 1e8 },
  );
  const deltalake = JSON.parse(stdout);
  const same = (found) =>
    found.length === ours.length &&
    found.every((row, index) => String(row) === String(ours[index]));
  check(same(scanned), `${versions.length} versions are the same to DuckDB's delta_scan`);
  check(same(deltalake), `${versions.length} versions are the same to Python's deltalake`);
}

async function fingerprint(db, select) {
  const [row] = await db.rows(
    `SELECT count(*) AS n, sum(id)::BIGINT AS total, sum(id * id)::BIGINT AS squares FROM (${select})`,
  );
  return [row.n, row.total, row.squares];
}

/** What the jobs must have left: twenty rows of each append, and the number of jobs of each counting slot. */
async function checkRows() {
  const db = await FeatureDb.open({ threads: 2 });
  try {
    const snapshot = await readSnapshot(place.table);
    const rows = await db.rows(
      `SELECT slot, job, count(*) AS n, count(DISTINCT id) AS ids, max(id) AS last FROM (${scanSnapshot(snapshot)}) GROUP BY ALL`,
    );
    const appended = rows.filter(({ slot }) => slot.startsWith('rows-'));
    const appends = jobs.filter(({ kind }) => kind === 'append');
    check(
      appended.length === appends.length &&
        appended.every(({ n, ids }) => n === ROWS && ids === ROWS),
      `${appends.length} appends left ${ROWS} rows each`,
    );
    for (const slot of new Set(
      jobs.filter(({ kind }) => kind === 'count').map((job) => job.slot),
    )) {
      const expected = jobs.filter((job) => job.slot === slot).length;
      const found = rows.filter((row) => row.slot === slot);
      check(
        found.length === 1 && found[0].n === 1 && found[0].last === expected,
        `${slot} counted ${expected} jobs`,
      );
    }
  } finally {
    db.close();
  }
}
