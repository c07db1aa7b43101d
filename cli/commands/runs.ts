/** `sentinel runs`: open runs from Temporal, closed ones from our own tables. */
import { Command } from 'commander';
import type { Client } from '@temporalio/client';
import { RUN_QUERY, type RunView } from '../../contracts/engine.js';
import { PipelineError } from '../../contracts/errors.js';
import type { HomeLayout } from '../../contracts/home.js';
import { quote } from '../../feature-store/duckdb.js';
import { RUNS } from '../../feature-store/engine-tables.js';
import { queryIfPresent } from '../../feature-store/query-tables.js';
import { currentHome, ifRunning, withTemporal } from '../home.js';
import { wholeNumber } from '../option-values.js';
import { printJson, say, table } from '../output.js';

type Row = Record<string, unknown>;

const LIST_HEAD = ['run', 'state', 'started', 'finished', 'plan'];

/** The `runs` command and its subcommands. */
export function runsCommand(): Command {
  const command = new Command('runs').description('runs of DAGs, open and closed');
  command
    .command('list')
    .description('the newest runs first')
    .option('--dag <dag>', 'of this DAG only')
    .option('--limit <n>', 'at most this many', '20')
    .option('--json', 'as JSON', false)
    .action(async (options: { dag?: string; limit: string; json: boolean }) => {
      const limit = wholeNumber('--limit', options.limit);
      const layout = currentHome();
      const open = (await ifRunning(layout, openRuns, sayClosedOnly)) ?? [];
      const closed = await queryIfPresent(
        layout.tables,
        RUNS.name,
        `SELECT dag_run_id AS run, state, started_at AS started, finished_at AS finished, plan_hash AS plan
         FROM runs ORDER BY started_at DESC`,
      );
      const wanted = [...open, ...closed]
        .filter(({ run }) => options.dag === undefined || String(run).split('/')[0] === options.dag)
        .slice(0, limit);
      if (options.json) printJson(wanted);
      else {
        const cells = wanted.map((row) =>
          Object.values({ ...row, plan: String(row['plan']).slice(0, 12) }),
        );
        process.stdout.write(`${table(LIST_HEAD, cells)}\n`);
      }
    });
  command
    .command('show <run>')
    .description('the tasks of a run, such as weekly/2022-W23: states, tries, times, reasons')
    .option('--json', 'as JSON', false)
    .action(async (run: string, { json }: { json: boolean }) => {
      const layout = currentHome();
      const view = await ifRunning(layout, (client) => openRun(client, run), sayClosedOnly);
      const tasks = view === undefined ? await closedTasks(layout, run) : openTasks(view);
      if (json) printJson({ dagRunId: run, tasks });
      else {
        const head = ['task', 'state', 'tries', 'seconds', 'note'];
        process.stdout.write(
          `${table(
            head,
            tasks.map((task) => Object.values(task)),
          )}\n`,
        );
      }
    });
  command
    .command('cancel <run>')
    .description('ask a run to stop; what runs is ended within seconds, nothing more starts')
    .action(async (run: string) => {
      await withTemporal(currentHome(), (client) => client.workflow.getHandle(run).cancel());
      process.stdout.write(`${run} is being cancelled\n`);
    });
  return command;
}

const sayClosedOnly = (): void => say('nothing runs on this home: closed runs only');

async function openRuns(client: Client): Promise<Row[]> {
  const rows: Row[] = [];
  const open = client.workflow.list({ query: "ExecutionStatus = 'Running'" });
  for await (const { workflowId, startTime, searchAttributes } of open) {
    const [plan] = searchAttributes['SentinelPlanHash'] ?? [''];
    rows.push({ run: workflowId, state: 'running', started: startTime, finished: '', plan });
  }
  return rows;
}

async function openRun(client: Client, run: string): Promise<RunView | undefined> {
  const handle = client.workflow.getHandle(run);
  const status = await handle.describe().then(
    (description) => description.status.name,
    () => undefined, // unknown to the server: our own tables may have it
  );
  return status === 'RUNNING' ? handle.query<RunView>(RUN_QUERY) : undefined;
}

function openTasks(view: RunView): Row[] {
  return view.tasks.map(({ task, state, done, total, note, startedMs, finishedMs }) => ({
    task: total > 1 ? `${task} ${done}/${total}` : task,
    state,
    tries: '',
    seconds:
      startedMs === null ? '' : (((finishedMs ?? Date.now()) - startedMs) / 1_000).toFixed(1),
    note,
  }));
}

/** Tasks of the newest closed run of that id. */
async function closedTasks(layout: HomeLayout, run: string): Promise<readonly Row[]> {
  const rows = await queryIfPresent(
    layout.tables,
    RUNS.name,
    `SELECT task || CASE WHEN count(*) OVER (PARTITION BY task) > 1 THEN '[' || map_index || ']' ELSE '' END AS task,
       task_runs.state, tries, round(epoch(task_runs.finished_at - task_runs.started_at), 1) AS seconds, reason AS note
     FROM task_runs WHERE temporal_run_id = (
       SELECT temporal_run_id FROM runs WHERE dag_run_id = ${quote(run)} ORDER BY finished_at DESC LIMIT 1)
     ORDER BY task_runs.started_at, map_index`,
  );
  if (rows.length > 0) return rows;
  throw new PipelineError({
    code: 'RUN_UNKNOWN',
    found: `no run "${run}" in this home`,
    fix: 'see `sentinel runs list`',
  });
}
