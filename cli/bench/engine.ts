/** The engine against hand-written Temporal workflows, on embedded servers of its own. */
import { fileURLToPath } from 'node:url';
import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  Runtime,
} from '@temporalio/worker';
import { contractHash } from '../../activities/catalogue.js';
import type { TaskContext } from '../../contracts/engine.js';
import { chainPlan, fanPlan } from './engine-plans.js';
import { openBenchSite } from './engine-site.js';
import { comparePairs, type BenchCase } from './pairs.js';

const HAND_WRITTEN = 'hand-written Temporal';

/** One shape, as a plan of ours and as a hand-written workflow. */
const SHAPES = [
  { name: 'chain-100', tasks: 100, plan: chainPlan, peer: 'handWrittenChain', unit: 'ms/task' },
  { name: 'fan-100', tasks: 100, plan: fanPlan, peer: 'handWrittenFan', unit: 'ms/task' },
  { name: 'fan-1000', tasks: 1_000, plan: fanPlan, peer: 'handWrittenFan', unit: 'ms/task' },
  { name: 'three-step', tasks: 3, plan: chainPlan, peer: 'handWrittenChain', unit: 'ms/run' },
] as const;

/**
 * Chains and fan-outs of tasks that do nothing, from the start of a run to its result. The last case
 * is the same chain on a server with Temporal's default settings.
 */
export async function benchEngine(
  pairs: number,
  say: (line: string) => void,
): Promise<BenchCase[]> {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    // the SDK's core writes its own log to stdout, where the JSON goes
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'ERROR' }) },
    },
  });
  const peers = await bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL('../../workflows/bench/hand-written.js', import.meta.url)),
    logger: new DefaultLogger('ERROR'),
  });
  const site = await openBenchSite(peers, true);
  const results: BenchCase[] = [];
  const compare: typeof comparePairs = async (label, { ours, theirs }, count) => {
    await ours();
    await theirs(); // both are warm
    const result = await comparePairs(label, { ours, theirs }, count);
    const [mine, other] = [result.ours.toFixed(1), result.theirs.toFixed(1)];
    say(`${label.case}: ${mine} ${label.unit}, ${label.peer} ${other}`);
    results.push(result);
    return result;
  };
  try {
    const run: TaskContext = {
      ...{ contract: contractHash('noop'), planHash: 'bench' },
      ...{ dagRunId: 'bench', temporalRunId: 'bench' },
    };
    for (const { name, tasks, plan, peer, unit } of SHAPES) {
      const compiled = plan(tasks);
      const per = unit === 'ms/task' ? tasks : 1;
      await compare(
        { case: name, unit, peer: HAND_WRITTEN },
        {
          ours: async () => (await site.ours(compiled)) / per,
          theirs: async () => (await site.theirs(peer, [tasks, run])) / per,
        },
        pairs,
      );
    }
    const defaults = await openBenchSite(peers, false);
    try {
      const chain = chainPlan(100);
      await compare(
        { case: 'chain-100 settings', unit: 'ms/task', peer: 'our engine, default server' },
        {
          ours: async () => (await site.ours(chain)) / 100,
          theirs: async () => (await defaults.ours(chain)) / 100,
        },
        pairs,
      );
    } finally {
      await defaults.stop();
    }
    return results;
  } finally {
    await site.stop();
  }
}
