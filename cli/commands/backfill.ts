/** `sentinel backfill`: a DAG's runs for a range of partitions, as one thing to watch, pause and cancel. */
import { randomUUID } from 'node:crypto';
import {
  WorkflowFailedError,
  WorkflowNotFoundError,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import { TimeoutFailure } from '@temporalio/common';
import { Command, Option } from 'commander';
import { resolveBackfill } from '../../activities/backfill.js';
import { compiledPlans } from '../../activities/compiled-plans.js';
import {
  BACKFILL_PAUSE,
  BACKFILL_RESUME,
  backfillId,
  ON_FAILURE,
  REPROCESS,
  type BackfillPlan,
  type BackfillRequest,
  type BackfillView,
} from '../../contracts/backfill.js';
import { dagRunId } from '../../contracts/engine.js';
import { PipelineError } from '../../contracts/errors.js';
import type { Json } from '../../contracts/json.js';
import { parseBackfill } from '../../contracts/schemas/backfill.js';
import { backfillPartitions } from '../../dag/backfill.js';
import { currentHome, ifRunning, withTemporal } from '../home.js';
import {
  closedBackfill,
  closedBackfills,
  openBackfill,
  openBackfills,
  unknownBackfill,
} from '../known-backfills.js';
import { checkParams, planOf } from '../known-dags.js';
import { addParam, wholeNumber } from '../option-values.js';
import { printJson, say, table } from '../output.js';
import { followBackfill, startOrJoin } from '../run-client.js';

interface BackfillOptions {
  readonly from?: string;
  readonly to?: string;
  readonly dryRun: boolean;
  readonly maxActive: string;
  readonly reverse: boolean;
  readonly reprocess: BackfillRequest['reprocess'];
  readonly onFailure: BackfillRequest['onFailure'];
  readonly cascade: boolean;
  readonly param: Record<string, Json>;
  readonly wait: boolean;
  readonly json: boolean;
}

/** The `backfill` command and its subcommands. */
export function backfillCommand(): Command {
  const command = new Command('backfill')
    .description(
      'run a DAG for a range of partitions; the same range again joins the open backfill',
    )
    .enablePositionalOptions()
    .argument('[dag]', 'see `sentinel dags list`')
    .option('--from <partition>', 'the first, such as 2022-W01')
    .option('--to <partition>', 'the last, such as 2022-W08')
    .option('--dry-run', 'print what would run, and why; start nothing', false)
    .option('--max-active <n>', 'runs at a time', '4')
    .option('--reverse', 'the newest partition first', false)
    .addOption(
      new Option('--reprocess <policy>', 'which partitions that were run before run again')
        .choices(REPROCESS)
        .default('none'),
    )
    .addOption(
      new Option('--on-failure <choice>', 'stop: after a failure nothing new starts')
        .choices(ON_FAILURE)
        .default('stop'),
    )
    .option('--cascade', 'also run the DAGs that follow this one by their assets', false)
    .option('--param <k=v>', 'a parameter; the value is read as JSON, else as text', addParam, {})
    .option('--wait', 'follow the backfill to its end; exit 1 if a run fails', false)
    .option('--json', 'as JSON', false)
    .action(async (dag: string | undefined, options: BackfillOptions) => {
      const request = await requestOf(dag, options);
      if (options.dryRun) await printDryRun(request, options.json);
      else process.exitCode = await startBackfill(request, options);
    });
  command
    .command('list')
    .description('backfills, open ones first')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: { json: boolean }) => {
      const layout = currentHome();
      const open = (await ifRunning(layout, openBackfills, sayClosedOnly)) ?? [];
      const all = [...open, ...(await closedBackfills(layout))];
      if (json) printJson(all);
      else {
        const head = ['backfill', 'state', 'done', 'started', 'finished'];
        const rows = all.map((row) => Object.values(row) as unknown[]);
        process.stdout.write(`${table(head, rows)}\n`);
      }
    });
  command
    .command('show <id>')
    .description('the partitions of a backfill: states and reasons')
    .option('--json', 'as JSON', false)
    .action(async (given: string, { json }: { json: boolean }) => {
      const id = fullId(given);
      const layout = currentHome();
      const open = await ifRunning(layout, (client) => openBackfill(client, id), sayClosedOnly);
      if (open === null) say(`${id} is being planned`);
      else printView(open ?? (await closedBackfill(layout, id)), json);
    });
  const tell = (name: string, description: string, said: string, act: Act): void => {
    command
      .command(`${name} <id>`)
      .description(description)
      .action(async (given: string) => {
        const id = fullId(given);
        await withTemporal(currentHome(), (client) => actOn(client, id, act));
        process.stdout.write(`${id} ${said}\n`);
      });
  };
  tell('pause', 'let what runs go on, start nothing more', 'is paused', (handle) =>
    handle.signal(BACKFILL_PAUSE),
  );
  tell('resume', 'end a pause', 'goes on', (handle) => handle.signal(BACKFILL_RESUME));
  tell('cancel', 'cancel the runs under way, start nothing more', 'is being cancelled', (handle) =>
    handle.cancel(),
  );
  return command;
}

const sayClosedOnly = (): void => say('nothing runs on this home: closed backfills only');
const sayTablesOnly = (): void =>
  say(
    'nothing runs on this home: planned from its own tables, and of the parameters only those given are compared',
  );

type Act = (handle: WorkflowHandle) => Promise<unknown>;

async function actOn(client: Client, id: string, act: Act): Promise<void> {
  try {
    await act(client.workflow.getHandle(id));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw unknownBackfill(id);
    throw error;
  }
}

/** Refuses what no backfill could do, before anything starts. */
async function requestOf(
  dag: string | undefined,
  options: BackfillOptions,
): Promise<BackfillRequest> {
  const { from, to } = options;
  if (dag === undefined || from === undefined || to === undefined) {
    throw new PipelineError({
      code: 'CLI_USAGE',
      found: dag === undefined ? 'no DAG' : `${dag} without ${from ? '--to' : '--from'}`,
      expected: 'a DAG and a range of partitions, or a subcommand',
      fix: `write it as \`sentinel backfill ${dag ?? 'DAG'} --from 2022-W01 --to 2022-W08\``,
    });
  }
  const plan = planOf(dag);
  await checkParams(currentHome(), plan, options.param);
  try {
    const request = parseBackfill({
      ...{ dag, from, to, params: options.param },
      maxActive: wholeNumber('--max-active', options.maxActive, 1),
      reprocess: options.reprocess,
      reverse: options.reverse,
      onFailure: options.onFailure,
      cascade: options.cascade,
    });
    backfillPartitions(plan, request);
    return request;
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    throw new PipelineError({ ...error.fault, code: 'CLI_USAGE' }, { cause: error });
  }
}

async function startBackfill(request: BackfillRequest, options: BackfillOptions): Promise<0 | 1> {
  const layout = currentHome();
  const id = backfillId(request);
  const state = await withTemporal(layout, async (client) => {
    const handle = await startOrJoin(client, 'backfill', id, say, request);
    if (!options.wait) return 'running';
    return followBackfill(handle, { say, signal: new AbortController().signal });
  });
  if (!options.wait) {
    if (options.json) printJson({ backfillId: id, state });
    else process.stdout.write(`${id} runs; see \`sentinel backfill show ${id}\`\n`);
    return 0;
  }
  const view = await closedBackfill(layout, id);
  printView(view, options.json);
  return view.state === 'success' ? 0 : 1;
}

async function printDryRun(request: BackfillRequest, json: boolean): Promise<void> {
  const layout = currentHome();
  const plan =
    (await ifRunning(layout, (client) => dryRunOnServer(client, request), sayTablesOnly)) ??
    (await resolveBackfill(
      { layout, temporal: undefined, plans: compiledPlans(), params: undefined },
      request,
    ));
  const rows = plan.runs.map(({ dag, partition, action, reason }) => ({
    ...{ partition, dagRunId: dagRunId(dag, partition), action, reason },
  }));
  if (json) printJson({ backfillId: backfillId(request), dryRun: true, rows });
  else {
    const cells = rows.map(({ dagRunId, action, reason }) => [dagRunId, action, reason]);
    process.stdout.write(`${table(['run', 'action', 'reason'], cells)}\n`);
    const count = (of: string) => rows.filter(({ action }) => action === of).length;
    say(`${count('run')} to run, ${count('join')} to join, ${count('skip')} to skip`);
  }
}

/** A worker that does not answer within this is none. */
const PLAN_TIMEOUT = '2 minutes';

/** By the worker, which knows the parameters that runs will get. */
async function dryRunOnServer(client: Client, request: BackfillRequest): Promise<BackfillPlan> {
  const id = `backfill-dry-run/${request.dag}/${randomUUID()}`;
  try {
    // the workflow's own result
    return (await client.workflow.execute('backfill-dry-run', {
      workflowId: id,
      taskQueue: 'control',
      args: [request],
      workflowExecutionTimeout: PLAN_TIMEOUT,
      staticSummary: `what a backfill of ${request.dag} would do`,
    })) as BackfillPlan;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    // what the planning threw says more than that its workflow failed
    if (!(cause instanceof TimeoutFailure))
      throw cause?.cause instanceof Error ? cause.cause : error;
    throw new PipelineError(
      {
        code: 'SERVER_NOT_READY',
        found: `no worker answered within ${PLAN_TIMEOUT}`,
        fix: 'start one, or see why it does not answer with `sentinel doctor`',
      },
      { cause: error },
    );
  }
}

function printView(view: BackfillView, json: boolean): void {
  if (json) {
    printJson(view);
    return;
  }
  const cells = view.rows.map(({ dagRunId, state, joined, reason }) => {
    return [dagRunId, joined ? `${state}, joined` : state, reason];
  });
  process.stdout.write(`${table(['run', 'state', 'reason'], cells)}\n`);
  say(`${view.backfillId} ${view.paused ? 'is paused' : view.state}`);
}

/** Ids may be written without their first part. */
function fullId(given: string): string {
  return given.startsWith('backfill/') ? given : `backfill/${given}`;
}
