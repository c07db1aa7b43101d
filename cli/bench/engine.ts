/** The engine against hand-written Temporal workflows, on an embedded server of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
} from '@temporalio/worker';
import { activityCatalogue, contractHash } from '../../activities/catalogue.js';
import { createActivities } from '../../activities/index.js';
import { installation } from '../../activities/installation.js';
import { planStore } from '../../activities/plan-store.js';
import { homeLayout } from '../../contracts/home.js';
import { compile } from '../../dag/compile.js';
import { activities, dag } from '../../dag/declare.js';
import type { Plan } from '../../dag/plan.js';
import type { Tasks } from '../../contracts/schemas/tasks.js';
import { dataConverter } from '../../payloads/payload-codec.js';
import { endProcess } from '../embedded/process-record.js';
import { startTemporal } from '../embedded/temporal-server.js';
import { comparePairs, type BenchCase } from './pairs.js';

const act = activities<Tasks>();
const PEER = 'hand-written Temporal';

/** A chain, and a fan-out, of no-op tasks: milliseconds a task, from start to recorded result. */
export async function benchEngine(
  pairs: number,
  say: (line: string) => void,
): Promise<BenchCase[]> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const home = await mkdtemp(join(tmpdir(), 'sentinel-bench-'));
  const layout = homeLayout(home);
  const server = await startTemporal(layout, installation.temporal);
  try {
    const converter = dataConverter(layout);
    const client = new Client({
      connection: await Connection.connect({ address: server.address }),
      dataConverter: converter,
    });
    const connection = await NativeConnection.connect({ address: server.address });
    const served = createActivities({
      layout,
      setupDir: installation.setupDir,
      computeEntry: installation.computeEntry,
      mlflowUrl: 'http://127.0.0.1:9', // no task of the bench trains
      temporal: client,
      plans: new Map(),
    });
    const entry = fileURLToPath(new URL('../../workflows/bench/hand-written.js', import.meta.url));
    const peerBundle = await bundleWorkflowCode({
      workflowsPath: entry,
      logger: new DefaultLogger('ERROR'),
    });
    const workers = await Promise.all([
      Worker.create({
        connection,
        dataConverter: converter,
        taskQueue: 'control',
        activities: served,
        workflowBundle: { codePath: installation.workflowBundle },
      }),
      Worker.create({ connection, taskQueue: 'bench', workflowBundle: peerBundle }),
    ]);
    const cases = Promise.all(workers.map((worker) => worker.run()));
    const results = await measure(client, layout.plans, pairs, say);
    for (const worker of workers) worker.shutdown();
    await cases;
    await client.connection.close();
    await connection.close();
    return results;
  } finally {
    await endProcess(layout.processes, server.record);
    await rm(home, { recursive: true, force: true });
  }
}

async function measure(
  client: Client,
  plans: string,
  pairs: number,
  say: (line: string) => void,
): Promise<BenchCase[]> {
  const store = planStore(plans, new Map());
  const context = { contract: contractHash('noop'), planHash: 'bench' };
  let runs = 0;
  const timed = async (
    type: string,
    taskQueue: string,
    args: unknown[],
    tasks: number,
  ): Promise<number> => {
    const startedMs = performance.now();
    await client.workflow.execute(type, { workflowId: `bench-${(runs += 1)}`, taskQueue, args });
    return (performance.now() - startedMs) / tasks;
  };
  const results: BenchCase[] = [];
  for (const { name, tasks, plan, peer } of [
    { name: 'chain-100', tasks: 100, plan: chain(100), peer: 'handWrittenChain' },
    { name: 'fan-100', tasks: 100, plan: fan(100), peer: 'handWrittenFan' },
  ]) {
    const planHash = await store.write(plan);
    const ours = () => timed(plan.dag, 'control', [{ planHash }], tasks);
    const theirs = () => timed(peer, 'bench', [tasks, context], tasks);
    await ours();
    await theirs(); // both are warm
    const label = { case: name, unit: 'ms/task', peer: PEER };
    const result = await comparePairs(label, { ours, theirs }, pairs);
    say(`${name}: ${result.ours.toFixed(1)} ms/task, ${PEER} ${result.theirs.toFixed(1)}`);
    results.push(result);
  }
  return results;
}

/** `tasks` no-op tasks, each after the one before. */
function chain(tasks: number): Plan {
  return compiled(
    dag(`chain-${tasks}`, { params: {} }, (d) => {
      let last = d.task('t0', act.noop, { input: { value: 0 } });
      for (let index = 1; index < tasks; index += 1) {
        last = d.task(`t${index}`, act.noop, { input: { value: last.value } });
      }
      return last;
    }),
  );
}

/** One no-op task mapped over `tasks` elements, all at a time. */
function fan(tasks: number): Plan {
  const params = { values: Array.from({ length: tasks }, (_, value) => value) };
  return compiled(
    dag(`fan-${tasks}`, { params }, (d) =>
      d.map('t', act.noop, {
        over: d.params.values,
        input: (value) => ({ value }),
        width: tasks,
      }),
    ),
  );
}

function compiled(declared: Parameters<typeof compile>[0]): Plan {
  return compile(declared, {
    catalogue: activityCatalogue(),
    codeVersion: 'bench',
    workflowTypes: [],
  });
}
