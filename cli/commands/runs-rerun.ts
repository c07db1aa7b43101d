/** `sentinel runs rerun`: a run goes on from an earlier one of the same id, with the outputs that are good. */
import { confirm } from '../confirm.js';
import { Command } from 'commander';
import { prepareRerun, type PreparedRerun } from '../../activities/runs/prepare-rerun.js';
import { closedRunToGoOnFrom, startRerun } from '../../activities/runs/start-rerun.js';
import { PipelineError } from '../../contracts/errors.js';
import { currentHome, withTemporal } from '../home.js';
import { oneOf } from '../option-values.js';
import { printJson, say } from '../output.js';
import { planDiffText } from '../plan-diff-text.js';
import { followRun } from '../run-client.js';
import { rerunSources } from '../run-sources.js';

interface RerunOptions {
  readonly from?: string[];
  readonly only: boolean;
  readonly failed: boolean;
  readonly run?: string;
  readonly plan: string;
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly wait: boolean;
  readonly json: boolean;
}

/** The `rerun` subcommand. */
export function rerunCommand(): Command {
  return new Command('rerun')
    .description('run the tasks of a closed run again that did not end well, and all that follows')
    .argument('<run>', 'such as weekly/2022-W23')
    .option('--from <task...>', 'these tasks, and all that follows')
    .option('--only', 'without what follows', false)
    .option('--failed', 'what did not end well; the default', false)
    .option('--run <id>', 'go on from this earlier run of the same id, not from the newest')
    .option(
      '--plan <which>',
      "original: the run's own; latest: the newest, its diff shown",
      'original',
    )
    .option('--dry-run', 'only say what would run', false)
    .option('--yes', 'do not ask', false)
    .option('--wait', 'follow the run to its end; exit 1 if it fails', false)
    .option('--json', 'as JSON', false)
    .action(rerun);
}

async function rerun(dagRunId: string, options: RerunOptions): Promise<void> {
  const plan = oneOf('--plan', options.plan, ['original', 'latest']);
  if (options.failed && options.from !== undefined) throw bothGiven();
  await withTemporal(currentHome(), async (client) => {
    const sources = rerunSources(currentHome(), client);
    const of = await closedRunToGoOnFrom(sources, dagRunId, options.run);
    const prepared = await prepareRerun(sources, {
      of,
      plan,
      downstream: !options.only,
      ...(options.from !== undefined && { from: options.from }),
    });
    tell(prepared);
    const asks = prepared.diff !== null && !options.yes && !options.json && !options.dryRun;
    if (options.dryRun || (asks && !(await confirm('rerun on the latest plan?')))) {
      if (options.json) printJson(document(prepared, of, null, 'not started'));
      else process.stdout.write(`${dagRunId} not started\n`);
      return;
    }
    const handle = await startRerun(client, prepared);
    const follow = { say, signal: new AbortController().signal };
    const state = options.wait ? await followRun(handle, follow) : 'running';
    const started = (await handle.describe()).runId;
    if (options.json) printJson(document(prepared, of, started, state));
    else process.stdout.write(`${dagRunId} ${state}\n`);
    process.exitCode = state === 'running' || state === 'success' ? 0 : 1;
  });
}

function tell({ diff, tasks, kept }: PreparedRerun): void {
  if (diff !== null) say(planDiffText(diff));
  say(`runs again: ${tasks.join(', ') || 'nothing'}`);
  say(`kept: ${kept.join(', ') || 'nothing'}`);
}

function document(
  { dagRunId, planHash, diff, tasks, kept }: PreparedRerun,
  rerunOf: string,
  temporalRunId: string | null,
  state: string,
) {
  return { dagRunId, temporalRunId, rerunOf, planHash, diff, tasks, kept, state };
}

function bothGiven(): PipelineError {
  return new PipelineError({
    code: 'CLI_USAGE',
    found: '--failed and --from',
    expected: 'one of the two',
    fix: 'leave --failed out to run the named tasks again',
  });
}
