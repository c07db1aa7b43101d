/** `sentinel lifecycle`: the loop that retrains and promotes, steered and tried out. */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { installation } from '../../activities/installation.js';
import { readRawFlows } from '../../activities/jobs/read-raw-flows.js';
import { simulateLifecycle, type Simulation } from '../../activities/jobs/simulate-lifecycle.js';
import { parsePolicy } from '../../activities/model-policy.js';
import { DEFAULT_POLICY, type LifecyclePolicy } from '../../contracts/lifecycle-policy.js';
import { completePolicy } from '../../contracts/schemas/lifecycle-policy.js';
import { wholeNumber } from '../option-values.js';
import { printJson, say, table } from '../output.js';
import { policyCommand, readPolicyText } from './lifecycle-policy.js';
import { showCommand, steerCommands } from './lifecycle-steer.js';

interface SimulateOptions {
  readonly input: string;
  readonly policy?: string;
  readonly firstWeeks: string;
  readonly recentWeeks: string;
  readonly seed: string;
  readonly threads: string;
  readonly json: boolean;
}

/** Trees that train in seconds: the loop is tried out, not the model. */
const LIGHT = { rounds: 30, earlyStoppingRounds: 10, eta: 0.3, maxDepth: 5, maxBin: 32 } as const;

/** The `lifecycle` command. */
export function lifecycleCommand(): Command {
  const command = new Command('lifecycle').description(
    'the loop that retrains and promotes by itself',
  );
  command
    .command('simulate')
    .description(
      'raw weeks in, the loop in virtual time with light models: needs no server and writes no table',
    )
    .requiredOption('--input <dir>', 'folder of raw files')
    .option('--policy <file>', 'a policy as JSON; what it leaves out is the default')
    .option('--first-weeks <n>', 'weeks that train the first version', '4')
    .option('--recent-weeks <n>', 'weeks that a retraining looks back', '4')
    .option('--seed <n>', 'of the trees and the drawn windows', '7')
    .option('--threads <n>', 'of the training', String(cpus().length))
    .option('--json', 'as JSON', false)
    .action(async (options: SimulateOptions) => {
      const policy = await readPolicy(options.policy);
      const threads = wholeNumber('--threads', options.threads);
      const scratchDir = await mkdtemp(join(tmpdir(), 'sentinel-simulate-'));
      try {
        const { flows, faults, rowsRejected } = await readRawFlows(options.input, {
          ...{ scratchDir, threads, progress: say },
        });
        const simulation = await simulateLifecycle({
          ...{ flows, policy, progress: say },
          firstWeeks: wholeNumber('--first-weeks', options.firstWeeks),
          recentWeeks: wholeNumber('--recent-weeks', options.recentWeeks),
          training: {
            ...{ boosting: LIGHT, threads, setupDir: installation.setupDir },
            seed: wholeNumber('--seed', options.seed),
          },
        });
        if (options.json) printJson({ ...simulation, rowsRejected, faults });
        else process.stdout.write(`${simulationText(simulation)}\n`);
        process.exitCode = faults.length === 0 ? 0 : 1;
      } finally {
        await rm(scratchDir, { recursive: true, force: true });
      }
    });
  for (const steer of [showCommand(), policyCommand(), ...steerCommands()])
    command.addCommand(steer);
  return command;
}

async function readPolicy(file: string | undefined): Promise<LifecyclePolicy> {
  if (file === undefined) return DEFAULT_POLICY;
  return completePolicy(parsePolicy(await readPolicyText(file), file));
}

function simulationText({ weeks, frozen, calendar, loop, decisions }: Simulation): string {
  const f1 = (value: number): string => value.toFixed(4);
  return [
    table(
      ['week', 'flows', 'frozen', 'calendar', 'loop', 'version'],
      [
        ...weeks.map((week) => [
          ...[week.partition, String(week.rows), f1(week.frozen), f1(week.calendar)],
          ...[f1(week.loop), week.version],
        ]),
        [
          ...['mean', '', f1(frozen.meanWeightedF1), f1(calendar.meanWeightedF1)],
          ...[f1(loop.meanWeightedF1), ''],
        ],
      ],
    ),
    table(
      ['window', 'decision', 'reason'],
      decisions
        .filter(({ kind }) => kind !== 'noted')
        .map(({ partition, kind, reason }) => [partition, kind, reason]),
    ),
    `${loop.retrains} retrainings and ${loop.rollbacks} rollbacks of the loop, ${calendar.retrains} retrainings of the calendar`,
  ].join('\n\n');
}
