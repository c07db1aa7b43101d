/** `sentinel runs`: what runs there are, and what can be done about them. */
import { Command } from 'commander';
import { listRuns } from '../../activities/runs/list-runs.js';
import { showRun, type RunReport } from '../../activities/runs/show-run.js';
import { cancelRun, pauseRun, resumeRun } from '../../activities/runs/steer-run.js';
import type { RunView } from '../../contracts/engine.js';
import { RUN_STATES } from '../../contracts/states.js';
import { currentHome, withTemporal } from '../home.js';
import { oneOf, wholeNumber } from '../option-values.js';
import { printJson, table } from '../output.js';
import { withRuns } from '../run-sources.js';
import { logsCommand } from './runs-logs.js';
import { approveCommand, markCommand } from './runs-mark.js';
import { rerunCommand } from './runs-rerun.js';

interface ListCommandOptions {
  readonly dag?: string;
  readonly partition?: string;
  readonly state?: string;
  readonly limit: string;
  readonly all: boolean;
  readonly json: boolean;
}

/** The `runs` command and its subcommands. */
export function runsCommand(): Command {
  const command = new Command('runs').description('runs of DAGs, open and closed');
  command
    .command('list')
    .description('the newest runs first')
    .option('--dag <dag>', 'of this DAG only')
    .option('--partition <partition>', 'of this partition only, such as 2022-W23')
    .option('--state <state>', `one of ${RUN_STATES.join(', ')}`)
    .option('--limit <n>', 'at most this many', '20')
    .option('--all', "the engine's own workflows too", false)
    .option('--json', 'as JSON', false)
    .action(async ({ limit, all, json, ...filter }: ListCommandOptions) => {
      if (filter.state !== undefined) oneOf('--state', filter.state, RUN_STATES);
      const request = { ...filter, limit: wholeNumber('--limit', limit, 1), internal: all };
      const runs = await withRuns(currentHome(), (sources) => listRuns(sources, request));
      if (json) printJson(runs);
      else {
        const head = ['run', 'state', 'started', 'finished', 'plan'];
        const cells = runs.map(({ run, state, started, finished, plan }) => {
          return [run, state, started, finished, plan.slice(0, 12)];
        });
        process.stdout.write(`${table(head, cells)}\n`);
      }
    });
  command
    .command('show <run>')
    .description('a run, such as weekly/2022-W23, and its tasks: states, tries, times, reasons')
    .option('--run <id>', 'an earlier run of the same id, by the id that --json and rerun name')
    .option('--json', 'as JSON', false)
    .action(async (run: string, options: { run?: string; json: boolean }) => {
      const report = await withRuns(currentHome(), (sources) => showRun(sources, run, options.run));
      if (options.json) printJson(report);
      else process.stdout.write(`${runText(report)}\n`);
    });
  command
    .command('cancel <run>')
    .description('ask a run to stop; what runs is ended within seconds, nothing more starts')
    .option('--json', 'as JSON', false)
    .action(async (run: string, { json }: { json: boolean }) => {
      await withTemporal(currentHome(), (client) => cancelRun(client, run));
      if (json) printJson({ dagRunId: run, state: 'cancelling' });
      else process.stdout.write(`${run} is being cancelled\n`);
    });
  command
    .command('pause <run>')
    .description('start nothing more until it is resumed; what runs goes on to its end')
    .option('--json', 'as JSON', false)
    .action(async (run: string, { json }: { json: boolean }) => {
      tellPaused(await withTemporal(currentHome(), (client) => pauseRun(client, run)), json);
    });
  command
    .command('resume <run>')
    .description('let a paused run go on')
    .option('--json', 'as JSON', false)
    .action(async (run: string, { json }: { json: boolean }) => {
      tellPaused(await withTemporal(currentHome(), (client) => resumeRun(client, run)), json);
    });
  command.addCommand(rerunCommand());
  command.addCommand(markCommand());
  command.addCommand(approveCommand());
  command.addCommand(logsCommand());
  return command;
}

function tellPaused({ dagRunId, paused, tasks }: RunView, json: boolean): void {
  const running = tasks.filter(({ state }) => state === 'running').map(({ task }) => task);
  if (json) {
    printJson({ dagRunId, paused, running });
    return;
  }
  const rest = running.length === 0 ? 'nothing runs' : `under way: ${running.join(', ')}`;
  process.stdout.write(`${dagRunId} ${paused ? 'is paused' : 'goes on'}; ${rest}\n`);
}

function runText(run: RunReport): string {
  const lines: readonly (readonly [string, string])[] = [
    ['state', run.paused ? `${run.state}, paused` : run.state],
    ['reason', run.reason],
    ['run', run.temporalRunId],
    ['rerun of', run.rerunOf ?? ''],
    ['partition', run.partition],
    ['plan', run.planHash],
    ['params', shortened(JSON.stringify(run.params))],
    ['started', run.startedAt],
    ['finished', run.finishedAt ?? ''],
    ['seconds', run.seconds.toFixed(1)],
  ];
  const header = lines.filter(([, value]) => value !== '');
  const width = Math.max(...header.map(([name]) => name.length));
  const rows = run.tasks.map(({ task, state, done, total, tries, seconds, note }) => [
    total > 1 ? `${task} ${done}/${total}` : task,
    state,
    tries === 0 ? '' : tries,
    seconds?.toFixed(1) ?? '',
    note,
  ]);
  return [
    run.dagRunId,
    ...header.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    '',
    table(['task', 'state', 'tries', 'seconds', 'note'], rows),
  ].join('\n');
}

const LINE_LENGTH = 200;

function shortened(text: string): string {
  return text.length <= LINE_LENGTH ? text : `${text.slice(0, LINE_LENGTH)}… (all with --json)`;
}
