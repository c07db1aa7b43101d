/**
 * `node scripts/prove-backfill.mjs [--seed 7] [--weeks 52] [--kills 5]`: a backfill of a year in a home
 * of its own, whose worker is killed again and again and whose Temporal server is killed once. Each week
 * must run exactly once, the dry run must have said so before, and the Schedule, asked for the same weeks
 * afterwards, must find every one of them done.
 *
 * Prints one JSON document; exit code 1 when something did not hold. Needs what set-up builds.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { seededRandom } from '../dist/contracts/seeded-random.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '7' },
    weeks: { type: 'string', default: '52' },
    kills: { type: 'string', default: '5' },
  },
});
const [seed, count, kills] = [values.seed, values.weeks, values.kills].map(Number);
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sentinel = join(root, 'dist', 'cli', 'main.js');
const folder = await mkdtemp(join(tmpdir(), 'sentinel-backfill-'));
const home = join(folder, 'home');
const input = join(folder, 'flows');
await mkdir(input);
const env = { ...process.env, SENTINEL_HOME: home };
delete env.TEMPORAL_ADDRESS;

const say = (line) => process.stderr.write(`${line}\n`);
const random = seededRandom('prove-backfill', seed);
const range = ['--from', '2021-W01', '--to', `2021-W${String(count).padStart(2, '0')}`];
const faults = [];
const check = (holds, fault) => {
  say(`${holds ? 'holds' : 'DOES NOT HOLD'}: ${fault}`);
  if (!holds) faults.push(fault);
};

// without flow files a run of `weekly` does little: lists, plans and reports
const up = spawn(process.execPath, [sentinel, 'up', '--input', input, '--preset', 'demo'], {
  env,
  stdio: ['ignore', 'ignore', 'pipe'],
});
let said = '';
up.stderr.setEncoding('utf8').on('data', (text) => (said += text));
try {
  await until(() => said.includes('Ctrl-C ends it'));
  const dry = await cli('backfill', 'weekly', ...range, '--dry-run', '--json');
  const planned = dry.rows.filter(({ action }) => action === 'run').map((row) => row.dagRunId);
  check(planned.length === count, `the dry run lists ${count} runs`);

  const startedMs = Date.now();
  const { backfillId } = await cli('backfill', 'weekly', ...range, '--json');
  // a process dies when so many runs have ended
  const deaths = Array.from({ length: kills }, () => 1 + random.below(Math.floor(count * 0.8)))
    .sort((a, b) => a - b)
    .map((after) => ({ after, name: 'worker' }));
  deaths.splice(Math.floor(kills / 2), 0, {
    after: deaths[Math.floor(kills / 2)]?.after ?? 1,
    name: 'temporal',
  });
  for (const { after, name } of deaths) {
    await until(async () => (await closedRuns()).length >= after);
    await sleep(random.uniform() * 2_000);
    const before = await pidOf(name);
    process.kill(before, 'SIGKILL');
    say(`killed the ${name} after ${after} runs`);
    await until(async () => (await pidOf(name).catch(() => before)) !== before);
  }
  const view = await cli('backfill', 'weekly', ...range, '--wait', '--json');
  const seconds = Math.round((Date.now() - startedMs) / 100) / 10;
  check(view.state === 'success', `${backfillId} has succeeded`);
  const ran = await closedRuns();
  check(same(ran, planned), 'what ran is what the dry run had listed, each once');
  const executions = await workflowIds("WorkflowType = 'weekly'");
  check(
    same(
      executions.filter((id) => planned.includes(id)),
      planned,
    ),
    'Temporal has one execution of each',
  );

  await cli(
    ...['temporal', 'schedule', 'backfill', '--schedule-id', 'weekly'],
    ...['--overlap-policy', 'AllowAll', '--start-time', '2021-01-10T00:00:00Z'],
    ...['--end-time', mondayAfter(count)],
  );
  const ticks = "WorkflowType = 'schedule-tick' AND ExecutionStatus != 'Running'";
  await until(async () => (await workflowIds(ticks)).length >= count);
  const results = await withClient(async (client) =>
    Promise.all((await workflowIds(ticks)).map((id) => client.workflow.getHandle(id).result())),
  );
  check(
    same(
      results.map(({ dagRunId }) => dagRunId),
      planned,
    ) && results.every(({ state }) => state === 'already-run'),
    'the Schedule names the same runs, and finds all of them done',
  );
  check(same(await closedRuns(), planned), 'it has run none of them again');
  process.stdout.write(
    `${JSON.stringify({ seed, runs: ran.length, kills: deaths, seconds, faults }, null, 2)}\n`,
  );
} catch (error) {
  faults.push(String(error));
  say(`${error.stack}\n${said}`);
} finally {
  up.kill('SIGINT');
  if (up.exitCode === null) await once(up, 'close');
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
process.exitCode = faults.length === 0 ? 0 : 1;

/** JSON of a command, or its text; throws what it said when it fails. */
async function cli(...args) {
  const child = spawn(process.execPath, [sentinel, ...args], { env });
  const out = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => (out[name] += text));
  }
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`sentinel ${args.join(' ')}: ${out.stderr}`);
  return args.includes('--json') ? JSON.parse(out.stdout) : out.stdout;
}

/** Ids of the closed runs of the weeks, as often as they were run. */
async function closedRuns() {
  const rows = await cli(
    ...['query', '--json'],
    "SELECT dag_run_id FROM runs WHERE dag = 'weekly' AND partition LIKE '2021-W%'",
  );
  return rows.map((row) => row.dag_run_id);
}

function workflowIds(query) {
  return withClient(async (client) => {
    const ids = [];
    for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
    return ids;
  });
}

async function withClient(use) {
  const { ports } = JSON.parse(await readFile(join(home, 'run', 'temporal.json'), 'utf8'));
  const connection = await Connection.connect({ address: `127.0.0.1:${ports.grpc}` });
  return use(new Client({ connection })).finally(() => connection.close());
}

async function pidOf(name) {
  return JSON.parse(await readFile(join(home, 'run', `${name}.json`), 'utf8')).pid;
}

async function until(holds) {
  const endMs = Date.now() + 600_000;
  while (!(await holds())) {
    if (up.exitCode !== null) throw new Error('`sentinel up` has ended');
    if (Date.now() > endMs) throw new Error(`waited in vain for ${holds}`);
    await sleep(500);
  }
}

/** Monday after the last week, when its tick is past: 2021-W01 starts on 4 January. */
function mondayAfter(weeks) {
  return new Date(Date.UTC(2021, 0, 5 + 7 * weeks)).toISOString();
}

function same(a, b) {
  return JSON.stringify([...a].sort()) === JSON.stringify([...b].sort());
}
