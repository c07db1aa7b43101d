/** `sentinel runs logs`: what the tries of a run's tasks wrote, in the order of time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { locateRun, type LocatedRun, type RunSources } from '../../activities/runs/locate-run.js';
import { logReader, type LogLine } from '../../activities/runs/read-logs.js';
import { PipelineError } from '../../contracts/errors.js';
import { currentHome } from '../home.js';
import { wholeNumber } from '../option-values.js';
import { printJson } from '../output.js';
import { withRuns } from '../run-sources.js';

interface LogsOptions {
  readonly try?: string;
  readonly run?: string;
  readonly follow: boolean;
  readonly json: boolean;
}

const POLL_MS = 500;

/** The `logs` subcommand. */
export function logsCommand(): Command {
  return new Command('logs')
    .description('the logs of a run: of one task, or of all in the order of time')
    .argument('<run>', 'such as weekly/2022-W23')
    .argument('[task]', 'a task with all its elements, or one: parse, parse[3]')
    .option('--try <n>', 'of this try only')
    .option('--run <id>', 'an earlier run of the same id, by the id that --json and rerun name')
    .option('--follow', 'until the run has closed', false)
    .option('--json', 'as JSON; not with --follow', false)
    .action(async (run: string, task: string | undefined, options: LogsOptions) => {
      if (options.follow && options.json) throw followsNoJson();
      const layout = currentHome();
      const filter = {
        ...(task !== undefined && { task }),
        ...(options.try !== undefined && { try: wholeNumber('--try', options.try, 1) }),
      };
      await withRuns(layout, async (sources) => {
        const { temporalRunId, kind } = await locateRun(sources, run, options.run);
        const reader = logReader(layout, { dagRunId: run, temporalRunId }, filter);
        const lines = await reader.next();
        if (options.json)
          printJson(lines.map(({ atMs, ...line }) => ({ ...line, at: isoTime(atMs) })));
        else lines.forEach(print);
        if (options.follow) await follow(sources, run, kind, temporalRunId, reader);
        else if (lines.length === 0) throw noLog(run, temporalRunId, task);
      });
    });
}

/** Looks at the run before it reads, so that nothing written before the end is missed. */
async function follow(
  sources: RunSources,
  dagRunId: string,
  first: LocatedRun['kind'],
  temporalRunId: string,
  reader: ReturnType<typeof logReader>,
): Promise<void> {
  for (let kind = first; kind === 'open';) {
    await sleep(POLL_MS);
    ({ kind } = await locateRun(sources, dagRunId, temporalRunId));
    (await reader.next()).forEach(print);
  }
}

function print({ task, try: attempt, atMs, level, text }: LogLine): void {
  const label = attempt === 1 ? task : `${task} try ${attempt}`;
  process.stdout.write(`${isoTime(atMs)} ${label} ${level}: ${text}\n`);
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

function followsNoJson(): PipelineError {
  return new PipelineError({
    code: 'CLI_USAGE',
    found: '--follow with --json',
    expected: 'one of the two',
    fix: 'leave --json out; one document can only be written at the end',
  });
}

function noLog(dagRunId: string, temporalRunId: string, task: string | undefined): PipelineError {
  return new PipelineError({
    code: 'TASK_LOG_NOT_FOUND',
    file: dagRunId,
    found: `run ${temporalRunId} has no log${task === undefined ? '' : ` of "${task}"`} like that`,
    expected: 'a task that has started in this run; what was kept has its log in the run before',
    fix: 'see `sentinel runs show`, and name the run before with --run ID',
  });
}
