/** `sentinel runs mark` and `approve`: what a person says of a task. */
import { userInfo } from 'node:os';
import { Command } from 'commander';
import type { Client } from '@temporalio/client';
import { checkMarkOutput } from '../../activities/runs/check-mark.js';
import { locateRun } from '../../activities/runs/locate-run.js';
import { prepareRerun } from '../../activities/runs/prepare-rerun.js';
import { closedRunToGoOnFrom, startRerun } from '../../activities/runs/start-rerun.js';
import {
  approveTask,
  markTask,
  openApprovals,
  openRunView,
  type OpenApproval,
} from '../../activities/runs/steer-run.js';
import { PipelineError } from '../../contracts/errors.js';
import type { Mark } from '../../contracts/engine.js';
import { currentHome, withTemporal } from '../home.js';
import { jsonValue, oneOf } from '../option-values.js';
import { printJson, table } from '../output.js';
import { rerunSources, storedPlans } from '../run-sources.js';

const MARKS = ['success', 'failed', 'skipped'] as const;

/** The `mark` subcommand. */
export function markCommand(): Command {
  return new Command('mark')
    .description('say how a task ended; a closed run goes on from there')
    .argument('<run>', 'such as weekly/2022-W23')
    .argument('<task>', 'see `sentinel runs show`')
    .argument('<state>', MARKS.join(', '))
    .option('--output <json>', 'what the tasks after it are handed; a list for a mapped task')
    .option('--json', 'as JSON', false)
    .action(async (run: string, task: string, word: string, options: MarkOptions) => {
      const mark: Mark = {
        task,
        state: oneOf('state', word, MARKS),
        output: options.output === undefined ? null : jsonValue('--output', options.output),
        by: userInfo().username,
      };
      const result = await withTemporal(currentHome(), (client) => markIn(client, run, mark));
      if (options.json) printJson(result);
      else {
        const then =
          result.rerun === null ? '' : `; runs again: ${result.rerun.join(', ') || 'nothing'}`;
        process.stdout.write(`${run} ${task} is marked ${mark.state}${then}\n`);
      }
    });
}

interface MarkOptions {
  readonly output?: string;
  readonly json: boolean;
}

/** `rerun`: the tasks that a closed run goes on with; null where the run was open. */
async function markIn(client: Client, dagRunId: string, mark: Mark) {
  const sources = rerunSources(currentHome(), client);
  const { task, state, output = null, by } = mark;
  const told = { dagRunId, task, state, by };
  if ((await locateRun(sources, dagRunId)).kind === 'open') {
    const { planHash } = await openRunView(client, dagRunId);
    checkMarkOutput(await sources.plans.read(planHash), task, output);
    await markTask(client, dagRunId, mark);
    return { ...told, rerun: null };
  }
  const of = await closedRunToGoOnFrom(sources, dagRunId);
  const reason = `marked ${state} by ${by}`;
  const marks = { [task]: { state, output, reason, atMs: Date.now() } };
  const prepared = await prepareRerun(sources, { of, marks });
  checkMarkOutput(await sources.plans.read(prepared.planHash), task, output);
  await startRerun(client, prepared);
  return { ...told, rerun: prepared.tasks };
}

interface ApproveOptions {
  readonly option?: string;
  readonly list: boolean;
  readonly json: boolean;
}

/** The `approve` subcommand. */
export function approveCommand(): Command {
  return new Command('approve')
    .description('answer an approval that a run waits for; without --option, show the question')
    .argument('<run>', 'such as weekly/2022-W23')
    .argument('[task]', 'needed where several approvals wait')
    .option('--option <option>', 'the answer')
    .option('--list', 'only show the questions, options and when they expire', false)
    .option('--json', 'as JSON', false)
    .action(
      async (run: string, task: string | undefined, { option, list, json }: ApproveOptions) => {
        await withTemporal(currentHome(), async (client) => {
          const plans = storedPlans(currentHome());
          const open = (await openApprovals({ temporal: client, plans }, run)).filter(
            (approval) => task === undefined || approval.task === task,
          );
          if (list || option === undefined) {
            if (json) printJson(open);
            else process.stdout.write(`${approvalsText(run, open)}\n`);
            return;
          }
          const [only, ...more] = open;
          if (task === undefined && (only === undefined || more.length > 0))
            throw whichApproval(open);
          const choice = { task: task ?? only!.task, option, by: userInfo().username }; // refused above
          await approveTask(client, run, choice);
          if (json) printJson({ dagRunId: run, ...choice });
          else process.stdout.write(`${run} ${choice.task}: ${option}\n`);
        });
      },
    );
}

function approvalsText(run: string, open: readonly OpenApproval[]): string {
  if (open.length === 0) return `${run} waits for no approval`;
  return table(
    ['task', 'question', 'options', 'expires', 'then'],
    open.map(({ task, question, options, expiresAt, onExpiry }) => [
      task,
      question,
      options.join(', '),
      expiresAt ?? 'never',
      expiresAt === null ? '' : (onExpiry ?? 'fails'),
    ]),
  );
}

function whichApproval(open: readonly OpenApproval[]): PipelineError {
  const waiting = open.map(({ task }) => task).join(', ');
  return new PipelineError({
    code: 'CLI_USAGE',
    found: open.length === 0 ? 'no approval that waits' : `${open.length} approvals: ${waiting}`,
    expected: 'one approval',
    fix: 'name the task: `sentinel runs approve RUN TASK --option OPTION`',
  });
}
