/**
 * `SENTINEL_HOME=DIR node scripts/run-every-kind.mjs FLOWS PRESET`: makes a home with a run of every kind,
 * for the saved histories and homes of a release. `up` runs the main job, a backfill and a schedule's
 * tick; on a server that soon suggests to continue as new, DAGs of its own have a branch, a short circuit,
 * approvals, a teardown, callbacks, a map in batches and a rerun. At the end it saves the histories
 * (`scripts/save-histories.mjs`). `test/homes/README.md` has the whole sequence of commands.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { activityCatalogue } from '../dist/activities/catalogue.js';
import { compiledPlans } from '../dist/activities/compiled-plans.js';
import { installation } from '../dist/activities/installation.js';
import { planStore } from '../dist/activities/plan-store.js';
import { APPROVE_UPDATE, RUN_QUERY } from '../dist/contracts/engine.js';
import { homeLayout } from '../dist/contracts/home.js';
import { SEARCH_ATTRIBUTES } from '../dist/contracts/queues.js';
import { compileAll } from '../dist/dag/compile.js';
import { activities, dag } from '../dist/dag/declare.js';
import { dataConverter } from '../dist/payloads/payload-codec.js';

/** Events; only `long` and `mapped` have more. */
const SUGGEST_AT = 200;
const PORT = 17_233;
const RECEIVER_PORT = 17_234;
const WIDE = 510;
const LONG = 60;
const WEEKS = ['--from', '2021-W01', '--to', '2021-W04'];
/** The tick of that Monday is about the week before. */
const TICK_WEEK = '2022-W25';
const TICK = [
  '--schedule-id',
  'weekly',
  '--overlap-policy',
  'AllowAll',
  '--start-time',
  '2022-06-27T01:59:59Z',
  '--end-time',
  '2022-06-27T02:00:00Z',
];

const act = activities();
const DAGS = [
  dag('branched', { params: { word: 'left' } }, (d) => {
    const route = d.branch('route', d.params.word, ['left', 'right']);
    const left = d.task('left', act.noop, { input: { value: 1 }, after: [route.case('left')] });
    const right = d.task('right', act.noop, { input: { value: 2 }, after: [route.case('right')] });
    const triggerRule = 'none_failed_min_one_success';
    return d.task('join', act.noop, { input: { value: 3 }, after: [left, right], triggerRule });
  }),
  dag('short-circuit', { params: { open: false } }, (d) => {
    const gate = d.shortCircuit('gate', d.params.open);
    const first = d.task('first', act.noop, { input: { value: 1 }, after: [gate] });
    d.task('last', act.noop, { input: { value: 2 }, after: [first] });
    return {};
  }),
  dag('approval', { params: {} }, (d) => {
    const options = ['yes', 'no'];
    const first = d.approval('first', { question: 'promote?', options });
    const expiry = { expiresMs: 500, onExpiry: 'no' };
    const second = d.approval('second', { question: 'sure?', options, ...expiry, after: [first] });
    d.task('last', act.noop, { input: { value: 1 }, after: [second] });
    return { first: first.option, second: second.option };
  }),
  dag('teardown', { params: { value: 1 } }, (d) => {
    const made = d.setup('make', act.noop, { input: { value: 1 } });
    const work = d.task('work', act.noop, { input: { value: d.params.value }, after: [made] });
    d.teardown('clean', act.noop, { input: { value: 2 }, setups: [made], after: [work] });
    return work;
  }),
  dag('callback', { params: {}, callbacks: callbacks() }, (d) =>
    d.task('work', act.noop, { input: { value: 1 }, callbacks: callbacks() }),
  ),
  dag('mapped', { params: {} }, (d) =>
    d.map('each', act.noop, {
      over: Array.from({ length: WIDE }, (_, value) => value),
      input: (value) => ({ value }),
      width: 20,
    }),
  ),
  dag('long', { params: {} }, (d) => {
    let last = d.task('t0', act.noop, { input: { value: 0 } });
    for (let index = 1; index < LONG; index += 1) {
      last = d.task(`t${index}`, act.noop, { input: { value: last.value } });
    }
    return last;
  }),
];

const [flows, preset] = process.argv.slice(2);
const layout = homeLayout(resolve(process.env.SENTINEL_HOME ?? '.sentinel'));
const main = join(installation.root, 'dist', 'cli', 'main.js');
const address = `127.0.0.1:${PORT}`;

await runPipelines();
await runDags();

/** What needs models: under `up`. */
async function runPipelines() {
  const up = spawn('node', [main, 'up', '--input', flows, '--preset', preset], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const closed = once(up, 'close');
  const ready = new Promise((resolve) => {
    createInterface({ input: up.stderr }).on('line', (line) => {
      process.stderr.write(`${line}\n`);
      if (line.includes('Ctrl-C ends it')) resolve(true);
    });
  });
  if (!(await Promise.race([ready, closed.then(() => false)]))) throw new Error('`up` has ended');
  sentinel('ingest', flows);
  sentinel('backfill', 'weekly', ...WEEKS, '--dry-run');
  sentinel('backfill', 'weekly', ...WEEKS, '--wait');
  sentinel('temporal', 'schedule', 'backfill', ...TICK);
  for (let state = ''; !state.includes('success'); await sleep(500)) {
    state = sentinel('runs', 'list', '--dag', 'weekly', '--partition', TICK_WEEK, '--json');
  }
  up.kill('SIGINT');
  await closed;
}

/** What needs Temporal and a worker only. */
async function runDags() {
  const receiver = createServer((request, response) => {
    request.resume().once('end', () => response.writeHead(204).end());
  }).listen(RECEIVER_PORT, '127.0.0.1');
  const temporal = spawn(installation.temporal, [
    ...['server', 'start-dev', '--headless', '--log-level', 'warn', '--port', String(PORT)],
    ...['--db-filename', join(layout.temporal, 'temporal.db')],
    ...Object.values(SEARCH_ATTRIBUTES).flatMap((name) => [
      '--search-attribute',
      `${name}=Keyword`,
    ]),
    ...['--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${SUGGEST_AT}`],
  ]);
  const connection = await Connection.connect({ address, connectTimeout: '30s' });
  const args = ['--home', layout.home, '--temporal', address, '--mlflow', 'http://127.0.0.1:9'];
  const worker = spawn('node', [installation.workerEntry, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    await runEach(new Client({ connection, dataConverter: dataConverter(layout) }));
    const save = fileURLToPath(new URL('save-histories.mjs', import.meta.url));
    execFileSync('node', [save], { stdio: 'inherit', env: environment() });
  } finally {
    await connection.close();
    await end(worker);
    await end(temporal);
    receiver.close();
  }
}

async function runEach(client) {
  const catalogue = activityCatalogue();
  const [{ codeVersion }] = compiledPlans().values();
  const plans = compileAll(DAGS, { catalogue, codeVersion, nativeWorkflows: [] });
  const store = planStore(layout.plans, plans);
  const runs = [];
  for (const plan of plans.values()) {
    const planHash = await store.write(plan);
    const params = plan.dag === 'teardown' ? { value: 0.5 } : {}; // the task takes whole numbers only
    const options = { workflowId: `${plan.dag}/1`, taskQueue: 'control' };
    const args = [{ planHash, params }];
    runs.push(await client.workflow.start(plan.dag, { ...options, args }));
  }
  const approval = client.workflow.getHandle('approval/1');
  while ((await stateOf(approval, 'first')) !== 'running') await sleep(100);
  await approval.executeUpdate(APPROVE_UPDATE, {
    args: [{ task: 'first', option: 'yes', by: 'alice' }],
  });
  await Promise.all(runs.map((run) => run.result().catch(() => undefined))); // one is to fail
  sentinel('runs', 'rerun', 'branched/1', '--from', 'left', '--wait');
}

/** Undefined until the run has its plan, for it knows no queries before. */
async function stateOf(run, task) {
  const { tasks = [] } = await run.query(RUN_QUERY).catch(() => ({}));
  return tasks.find((one) => one.task === task)?.state;
}

/** Runs a command on the home; returns what it prints. */
function sentinel(...args) {
  return execFileSync('node', [main, ...args], { encoding: 'utf8', env: environment() });
}

/** The server of `runDags` has no record in the home. */
function environment() {
  return existsSync(join(layout.processes, 'temporal.json'))
    ? process.env
    : { ...process.env, TEMPORAL_ADDRESS: address };
}

async function end(child) {
  child.kill('SIGTERM');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** One by webhook, one by command. */
function callbacks() {
  const on = ['success', 'failed'];
  const url = `http://127.0.0.1:${RECEIVER_PORT}/`;
  return [
    { on, notify: { kind: 'webhook', url } },
    { on, notify: { kind: 'command', command: ['true'] } },
  ];
}
