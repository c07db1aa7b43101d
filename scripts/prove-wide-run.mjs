/**
 * `node scripts/prove-wide-run.mjs [--tasks 20000] [--width 1000] [--beside-seconds 600] [--megabytes 50]`:
 * what one history, one message or one process could not hold, in a home of its own with the server and
 * the worker of an installation:
 *
 * - a run that hands a large value from one task to the next,
 * - a run of many mapped tasks beside one long task,
 * - the same, cancelled midway.
 *
 * Each part has a fresh worker, whose memory is sampled every second. Mapped tasks that must be seen from
 * outside, the long task and the large value are activities of this process, on a queue of their own.
 *
 * Prints a table, or with `--json` one JSON document; exit code 1 when something did not hold. Needs what
 * set-up builds.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clearInterval, setInterval } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { Context } from '@temporalio/activity';
import { contractHash } from '../dist/activities/catalogue.js';
import { withHeartbeats } from '../dist/activities/heartbeats.js';
import { installation } from '../dist/activities/installation.js';
import { planStore } from '../dist/activities/plan-store.js';
import { endProcess } from '../dist/cli/embedded/process-record.js';
import { startTemporal } from '../dist/cli/embedded/temporal-server.js';
import { homeLayout } from '../dist/contracts/home.js';
import { readPlan } from '../dist/dag/plan.js';
import { listFolders } from '../dist/feature-store/delta/storage-of.js';
import { dataConverter } from '../dist/payloads/payload-codec.js';
import { temporalConfig } from '../dist/temporal.config.js';
import { freePort } from './proof/free-port.mjs';
import { queryHome } from './proof/query-home.mjs';
import { startWorker, workerLog } from './proof/start-worker.mjs';

const { values } = parseArgs({
  options: {
    tasks: { type: 'string', default: '20000' },
    width: { type: 'string', default: '1000' },
    'beside-seconds': { type: 'string', default: '600' },
    megabytes: { type: 'string', default: '50' },
    json: { type: 'boolean', default: false },
  },
});
const [tasks, width, besideSeconds, megabytes] = [
  ...[values.tasks, values.width, values['beside-seconds'], values.megabytes],
].map(Number);

/** The most memory that a worker may take. */
const LIMIT_MB = 1_000;
/** The longest history; the server ends a run at 51,200 events. */
const LIMIT_EVENTS = 20_000;
/** Served by this process. */
const QUEUE = 'drill';
/** No part takes longer than this beside its longest task. */
const PATIENCE_MS = 1_800_000;
const RUNS = { large: 'drill/large-value', wide: 'drill/wide', cancelled: 'drill/cancelled' };

const layout = homeLayout(await mkdtemp(join(tmpdir(), 'sentinel-wide-')));
// not the usual ones: a worker of another home that waits there for its server would take our tasks
const samePorts = { grpc: await freePort(), ui: await freePort() };
const server = await startTemporal(layout, installation.temporal, { samePorts });
const converter = dataConverter(layout);
const { connection } = temporalConfig(server.address);
const client = new Client({
  connection: await Connection.connect(connection),
  dataConverter: converter,
});
const plans = planStore(layout.plans, new Map());
const faults = [];
const parts = [];

let begun = 0;
Runtime.install({ logger: new DefaultLogger('ERROR') });
const drill = await Worker.create({
  connection: await NativeConnection.connect(connection),
  dataConverter: converter,
  taskQueue: QUEUE,
  maxHeartbeatThrottleInterval: '2s',
  activities: {
    waitSeconds: (seconds) => withHeartbeats(() => Context.current().sleep(seconds * 1_000)),
    makeRows: async (count) => Array.from({ length: count }, (_, row) => aRow(row)),
    countRows: async (rows) => rows.length,
    countStart: async (value) => {
      begun += 1;
      return value;
    },
  },
});
const drilling = drill.run();
try {
  await part('large value', RUNS.large, largeValue);
  await part('wide', RUNS.wide, wideBesideLong);
  await part('cancelled', RUNS.cancelled, cancelledMidway);
} catch (error) {
  faults.push(String(error));
  say(
    `${error.stack}\n${error.cause?.stack}\n${(await readFile(workerLog(layout), 'utf8')).slice(-4_000)}`,
  );
} finally {
  drill.shutdown();
  await drilling;
  await client.connection.close();
  await endProcess(layout.processes, server.record);
  await rm(layout.home, { recursive: true, force: true, maxRetries: 5 });
}
if (values.json) process.stdout.write(`${JSON.stringify({ parts, faults }, null, 2)}\n`);
else console.table(parts);
process.exitCode = faults.length === 0 ? 0 : 1;

/** One value of so many MB, handed from a task to the next. */
async function largeValue() {
  const rows = megabytes * 10_000; // `aRow` takes 100 bytes
  const handle = await start(RUNS.large, {
    tasks: [
      { id: 'make', target: drillActivity('makeRows'), input: rows },
      {
        id: 'count',
        target: drillActivity('countRows'),
        upstream: ['make'],
        input: { $task: 'make', path: [] },
      },
    ],
    output: { $task: 'count', path: [] },
  });
  check((await handle.result()) === rows, `${megabytes} MB went from one task to the next`);
  await untilRecorded(RUNS.large);
}

/** Mapped tasks of the engine's own worker, beside one that lasts longer than most of them. */
async function wideBesideLong() {
  const startedMs = Date.now();
  const handle = await start(RUNS.wide, {
    tasks: [
      { id: 'beside', target: drillActivity('waitSeconds'), input: besideSeconds },
      {
        id: 'each',
        target: { ...activity('noop', 'control'), contract: contractHash('noop') },
        input: { value: { $item: true, path: [] } },
        map: { over: Array.from({ length: tasks }, (_, value) => value), width },
      },
      {
        id: 'join',
        target: { kind: 'inline' },
        upstream: ['beside', 'each'],
        input: { $task: 'each', path: [] },
      },
    ],
    output: { $task: 'join', path: [] },
  });
  const output = await handle.result();
  check(
    output.length === tasks && output.every(({ value }, index) => value === index),
    `the run hands on the output of each of ${tasks} tasks, in order`,
  );
  const endedMs = Date.now();
  await untilRecorded(RUNS.wide);
  const recordedSeconds = seconds(endedMs);
  const [row] = await query(
    `SELECT count(*) AS n, count(DISTINCT map_index) AS different, min(map_index) AS low,
       max(map_index) AS high, count(*) FILTER (state = 'success' AND tries = 1) AS good,
       date_diff('millisecond', min(started_at), max(finished_at)) / 1000 AS took
     FROM task_runs WHERE dag_run_id = '${RUNS.wide}' AND task = 'each'`,
  );
  check(
    [row.n, row.different, row.good].every((n) => Number(n) === tasks) &&
      Number(row.low) === 0 &&
      Number(row.high) === tasks - 1,
    'every index stands in task_runs exactly once, as a success of one try',
  );
  say(`the run took ${seconds(startedMs)} s, its mapped tasks ${row.took} s`);
  return { tasksSeconds: Number(row.took), recordedSeconds };
}

/** Cancelled when a third of its tasks have begun. */
async function cancelledMidway() {
  begun = 0;
  const handle = await start(RUNS.cancelled, {
    tasks: [
      { id: 'beside', target: drillActivity('waitSeconds'), input: 86_400 },
      {
        id: 'each',
        target: drillActivity('countStart'),
        input: { $item: true, path: [] },
        map: { over: Array.from({ length: tasks }, (_, value) => value), width },
      },
    ],
  });
  await until(() => begun >= tasks / 3);
  const cancelledMs = Date.now();
  await handle.cancel();
  const ended = await handle.result().catch((error) => error);
  const endSeconds = seconds(cancelledMs);
  const begunAtEnd = begun;
  check(
    ended instanceof WorkflowFailedError && (await handle.describe()).status.name === 'CANCELLED',
    'the run ends as cancelled',
  );
  await untilRecorded(RUNS.cancelled);
  await until(async () => (await executions(RUNS.cancelled)).every(({ open }) => !open), 60_000);
  check(true, 'no execution of it is open');
  const pending = await Promise.all(
    (await executions(RUNS.cancelled)).map(async ({ workflowId, runId }) => {
      const { raw } = await client.workflow.getHandle(workflowId, runId).describe();
      return raw.pendingActivities?.length ?? 0;
    }),
  );
  check(
    pending.every((count) => count === 0),
    'no activity of it is pending',
  );
  await sleep(10_000); // longer than an activity waits for a worker
  check(begun === begunAtEnd && begun < tasks, `nothing ran afterwards: ${begun} tasks had begun`);
  const [run] = await query(`SELECT state FROM runs WHERE dag_run_id = '${RUNS.cancelled}'`);
  check(run?.state === 'cancelled', 'its state in `runs` is cancelled');
  return { endSeconds, begun };
}

/** Runs a part on a worker of its own; its line of the table. */
async function part(name, runId, prove) {
  say(`${name}:`);
  const worker = await startMeasured();
  const startedMs = Date.now();
  try {
    const more = await prove();
    const took = seconds(startedMs);
    const histories = await executions(runId);
    const longest = Math.max(...histories.map(({ events }) => events));
    const workerMb = await worker.mostMb();
    check(longest <= LIMIT_EVENTS, `no history is longer than ${LIMIT_EVENTS} events: ${longest}`);
    check(workerMb < LIMIT_MB, `the worker stays below ${LIMIT_MB} MB: ${workerMb} MB`);
    parts.push({
      ...{ part: name, seconds: took, workerMb, histories: histories.length },
      longestHistory: longest,
      largestHistoryMb: Math.max(...histories.map(({ mb }) => mb)),
      ...more,
    });
  } finally {
    await worker.stop();
  }
}

/** The worker of an installation, and the most memory it has taken. */
async function startMeasured() {
  const worker = await startWorker(layout, server.address);
  const { pid } = worker.process;
  let most = 0;
  const sample = async () => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    // the kernel keeps the maximum itself: no peak between two samples is missed
    most = Math.max(most, Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1_024);
  };
  const timer = setInterval(sample, 1_000);
  return {
    async mostMb() {
      await sample();
      const { exitCode, signalCode } = worker.process;
      if (exitCode !== null || signalCode !== null) throw new Error('the worker has died');
      return Math.round(most);
    },
    async stop() {
      clearInterval(timer);
      await worker.stop();
    },
  };
}

async function start(workflowId, shape) {
  const dag = workflowId.split('/')[0];
  const planHash = await plans.write(readPlan({ format: 2, dag, ...shape }));
  return client.workflow.start(dag, { workflowId, taskQueue: 'control', args: [{ planHash }] });
}

function drillActivity(name) {
  return { ...activity(name, QUEUE), contract: '' };
}

function activity(name, queue) {
  return { kind: 'activity', name, queue, timeoutMs: 90_000_000 };
}

/** 100 bytes of JSON. */
function aRow(row) {
  const number = String(row).padStart(8, '0');
  return { row: number, name: `name-${number}`.padEnd(72, '.') };
}

/** Every execution of a run: its own, and those of its batches. */
async function executions(runId) {
  const found = [];
  for await (const { workflowId, runId: temporalRunId, raw } of client.workflow.list()) {
    if (workflowId !== runId && !workflowId.startsWith(`${runId}:`)) continue;
    found.push({
      ...{ workflowId, runId: temporalRunId, open: raw.closeTime == null },
      events: Number(raw.historyLength),
      mb: Math.round(Number(raw.historySizeBytes) / 10_000) / 100,
    });
  }
  return found;
}

async function untilRecorded(dagRunId) {
  const sql = `SELECT 1 FROM runs WHERE dag_run_id = '${dagRunId}'`;
  await until(async () => (await query(sql)).length > 0, 300_000);
}

/** Rows of SQL over the home's tables; none while there is no table. */
async function query(sql) {
  if (!(await listFolders(layout.tables)).includes('runs')) return [];
  return queryHome(layout, sql, { threads: 1 });
}

async function until(holds, patienceMs = PATIENCE_MS) {
  const endMs = Date.now() + patienceMs;
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`waited in vain for ${holds}`);
    await sleep(500);
  }
}

function check(holds, fault) {
  say(`  ${holds ? 'holds' : 'DOES NOT HOLD'}: ${fault}`);
  if (!holds) faults.push(fault);
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

function seconds(sinceMs) {
  return Math.round((Date.now() - sinceMs) / 100) / 10;
}
