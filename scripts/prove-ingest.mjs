/**
 * `node scripts/prove-ingest.mjs [--weeks 10] [--flows-per-week 100000] [--kill-seconds 20] [--pairs 3]`:
 * ingest as a fan-out over many files, in homes of its own.
 *
 * - The worker is killed every so many seconds. At the end the rows, the sums and the derived tables are those of
 *   the raw files, each source is in the table once, and the log has no gap.
 * - A corrected file replaces its own rows and no others.
 * - Two workers against one, a slot and a thread each: ratio of the times, as the median of pairs.
 *
 * Prints one JSON document; exit code 1 when something did not hold. Needs what set-up builds.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Client, Connection } from '@temporalio/client';
import { installation } from '../dist/activities/installation.js';
import { endProcess } from '../dist/cli/embedded/process-record.js';
import { startTemporal } from '../dist/cli/embedded/temporal-server.js';
import { homeLayout } from '../dist/contracts/home.js';
import { FeatureDb, quote } from '../dist/feature-store/duckdb.js';
import { dataConverter } from '../dist/payloads/payload-codec.js';
import { freePort } from './proof/free-port.mjs';
import { queryHome } from './proof/query-home.mjs';
import { startWorker } from './proof/start-worker.mjs';

const { values } = parseArgs({
  options: {
    weeks: { type: 'string', default: '10' },
    'flows-per-week': { type: 'string', default: '100000' },
    'kill-seconds': { type: 'string', default: '20' },
    pairs: { type: 'string', default: '3' },
  },
});
const [weeks, flowsPerWeek, killSeconds, pairs] = [
  ...[values.weeks, values['flows-per-week'], values['kill-seconds'], values.pairs],
].map(Number);
const LIMIT_RATIO = 1.5;

const folder = await mkdtemp(join(tmpdir(), 'sentinel-ingest-'));
const raw = join(folder, 'raw');
const faults = [];
const result = { weeks, flowsPerWeek, kills: 0 };
try {
  const lastWeek = `2022-W${String(weeks).padStart(2, '0')}`;
  await cli(
    ...['generate', '--out', raw, '--seed', '7', '--weeks', `2022-W01..${lastWeek}`],
    ...['--flows-per-week', String(flowsPerWeek), '--compression', 'gz'],
  );
  await withHome('killed', async (home) => {
    result.seconds = await ingestUnderKills(home);
    await checkAgainstRaw(home);
    await checkLog(home);
    await correctOneFile(home);
  });
  const ratios = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const order = pair % 2 === 0 ? [1, 2] : [2, 1];
    const took = {};
    for (const workers of order) took[workers] = await secondsWith(workers);
    ratios.push(took[1] / took[2]);
    say(`one worker ${took[1].toFixed(1)} s, two ${took[2].toFixed(1)} s`);
  }
  if (pairs > 0) {
    result.ratio = ratios.toSorted((a, b) => a - b)[Math.floor(pairs / 2)];
    check(result.ratio >= LIMIT_RATIO, `two workers are ${LIMIT_RATIO} times as fast as one`);
  }
} catch (error) {
  faults.push(String(error));
  say(error.stack);
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
process.stdout.write(`${JSON.stringify({ ...result, faults }, null, 2)}\n`);
process.exitCode = faults.length === 0 ? 0 : 1;

/** One run of `ingest` over all files, whose worker dies again and again. */
async function ingestUnderKills({ client, start }) {
  let worker = await start('--queues', 'control,io,cpu');
  const startedMs = Date.now();
  let ended = false;
  const run = ingest(client).finally(() => (ended = true));
  run.catch(() => undefined); // awaited below
  while (!ended) {
    for (let waited = 0; waited < killSeconds && !ended; waited += 0.5) await sleep(500);
    if (ended) break;
    worker.process.kill('SIGKILL');
    result.kills += 1;
    worker = await start('--queues', 'control,io,cpu');
  }
  await run;
  return seconds(startedMs);
}

/** Count and sums by week and app, of the tables and of the raw files as DuckDB alone reads them. */
async function checkAgainstRaw({ layout }) {
  const sums = `count(*) AS flows, sum(bytes)::BIGINT AS bytes, sum(bytes_rev)::BIGINT AS bytes_rev,
    sum(packets)::BIGINT AS packets, sum(packets_rev)::BIGINT AS packets_rev, sum(ppi_len)::BIGINT AS ppi_len`;
  const db = await FeatureDb.open();
  try {
    const expected = await db.rows(
      `SELECT isoyear(time_first) AS year, week(time_first) AS week, app AS app, ${sums}
       FROM read_csv(${quote(`${raw}/**/*.csv.gz`)}) GROUP BY ALL ORDER BY ALL`,
    );
    const found = await queryHome(
      layout,
      `SELECT iso_year AS year, iso_week AS week, app, ${sums} FROM flows GROUP BY ALL ORDER BY ALL`,
    );
    check(same(found, expected), `${expected.length} sums by week and app are those of the files`);
    result.rows = expected.reduce((rows, { flows }) => rows + flows, 0);
    const daily = await queryHome(
      layout,
      'SELECT sum(flows)::BIGINT AS flows, sum(bytes)::BIGINT AS bytes FROM traffic_daily',
    );
    const total = (name) => expected.reduce((sum, row) => sum + row[name], 0);
    check(
      daily[0].flows === total('flows') && daily[0].bytes === total('bytes'),
      'the daily sums add up to the same',
    );
    const [features] = await queryHome(layout, 'SELECT count(*) AS n FROM flow_features');
    check(features.n === result.rows, 'each flow has its features once');
    const [rejected] = await queryHome(layout, 'SELECT count(*) AS n FROM flows_rejected').catch(
      () => [{ n: 0 }],
    );
    check(rejected.n === 0, 'no row was rejected');
  } finally {
    db.close();
  }
  const doubled = await queryHome(
    layout,
    'SELECT source_sha FROM flows GROUP BY source_sha, source_row HAVING count(*) > 1 LIMIT 1',
  );
  check(doubled.length === 0, 'no row of a source is there twice');
}

async function checkLog({ layout }) {
  const log = (await readdir(join(layout.tables, 'flows', '_delta_log')))
    .filter((name) => /^\d{20}\.json$/.test(name))
    .map((name) => Number.parseInt(name, 10))
    .sort((a, b) => a - b);
  result.versions = log.length;
  check(
    log.every((version, index) => version === index),
    `the log of flows has no gap: ${log.length} versions`,
  );
}

/** A file with a row less and another number in one: only its own rows change. */
async function correctOneFile({ layout, client, start }) {
  const content = `SELECT source_file, count(*) AS n, bit_xor(hash(flows))::VARCHAR AS content
    FROM flows GROUP BY source_file ORDER BY source_file`;
  const before = await queryHome(layout, content);
  const { source_file: file, n } = before[Math.floor(before.length / 2)];
  const [header, , second, ...rest] = gunzipSync(await readFile(file))
    .toString()
    .trimEnd()
    .split('\n');
  const bytes = header.split(',').indexOf('BYTES');
  const fields = second.split(',');
  check(bytes < header.split(',').indexOf('PPI'), 'the column to change comes before quoted ones');
  fields[bytes] = '4711';
  await writeFile(file, gzipSync(`${[header, fields.join(','), ...rest].join('\n')}\n`));
  const worker = await start('--queues', 'control,io,cpu');
  await ingest(client);
  await worker.stop();
  const after = await queryHome(layout, content);
  const others = (rows) => rows.filter((row) => row.source_file !== file);
  check(same(others(after), others(before)), 'a corrected file leaves all other rows as they are');
  check(
    after.find((row) => row.source_file === file)?.n === n - 1,
    'its own rows are those it has now',
  );
}

/** Seconds that an ingest of all files takes with so many workers, a slot and a thread each. */
async function secondsWith(workers) {
  return withHome(`workers-${workers}`, async ({ client, start }) => {
    await start('--queues', 'control,io');
    for (let count = 0; count < workers; count += 1) {
      await start('--queues', 'cpu', '--cpu-slots', '1', '--threads', '1');
    }
    const startedMs = Date.now();
    await ingest(client);
    return seconds(startedMs);
  });
}

function ingest(client) {
  return client.workflow.execute('ingest', {
    workflowId: 'ingest',
    taskQueue: 'control',
    args: [{ params: { inputs: [raw] } }],
  });
}

/** A home with a server of its own, which goes when `use` is done. */
async function withHome(name, use) {
  const layout = homeLayout(join(folder, name));
  // not the usual ports: a worker of another home that waits there for its server would take our tasks
  const samePorts = { grpc: await freePort(), ui: await freePort() };
  const server = await startTemporal(layout, installation.temporal, { samePorts });
  const client = new Client({
    connection: await Connection.connect({ address: server.address }),
    dataConverter: dataConverter(layout),
  });
  const workers = [];
  const start = async (...more) => {
    const worker = await startWorker(layout, server.address, ...more);
    workers.push(worker);
    return worker;
  };
  try {
    return await use({ layout, client, start });
  } finally {
    await Promise.all(workers.map(({ stop }) => stop()));
    await client.connection.close();
    await endProcess(layout.processes, server.record);
  }
}

async function cli(...args) {
  const entry = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js');
  const child = spawn(process.execPath, [entry, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`sentinel ${args.join(' ')}: exit code ${code}`);
}

function check(holds, fault) {
  say(`${holds ? 'holds' : 'DOES NOT HOLD'}: ${fault}`);
  if (!holds) faults.push(fault);
}

function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

function seconds(sinceMs) {
  return Math.round((Date.now() - sinceMs) / 100) / 10;
}

function say(line) {
  process.stderr.write(`${line}\n`);
}
