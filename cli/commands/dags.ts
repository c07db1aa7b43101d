/** `sentinel dags`: what DAGs there are, and what each looks like. */
import { Command } from 'commander';
import { compiledPlans } from '../../activities/compiled-plans.js';
import { PipelineError } from '../../contracts/errors.js';
import { describeSchedule } from '../../dag/describe-schedule.js';
import { paramRows } from '../../dag/params.js';
import { planHash } from '../../dag/plan-hash.js';
import type { PartitionKind, PlanTarget } from '../../dag/plan.js';
import { nativeWorkflows } from '../../pipelines/index.js';
import { deploySchedules, type DeployedSchedule } from '../deploy-schedule.js';
import { currentHome, withTemporal } from '../home.js';
import { planOf } from '../known-dags.js';
import { printJson, table } from '../output.js';
import { dagsTestCommand } from './dags-test.js';
import { pauseDagCommand } from './dags-pause.js';

/** The `dags` command and its subcommands. */
export function dagsCommand(): Command {
  const command = new Command('dags').description('the DAGs of this code');
  command
    .command('list')
    .description('all DAGs and native workflows')
    .option('--json', 'as JSON', false)
    .action(({ json }: { json: boolean }) => {
      const rows = [
        ...[...compiledPlans()].map(([id, plan]) => ({
          id,
          kind: 'dag',
          partitions: nameOf(plan.partitions),
          schedule: describeSchedule(plan.schedule),
          description: plan.description,
        })),
        ...nativeWorkflows.map((id) => ({
          id,
          kind: 'code',
          partitions: '',
          schedule: '',
          description: 'a workflow written in code',
        })),
      ];
      if (json) printJson(rows);
      else {
        const head = ['id', 'kind', 'partitions', 'schedule', 'description'];
        process.stdout.write(
          `${table(
            head,
            rows.map((row) => Object.values(row)),
          )}\n`,
        );
      }
    });
  command
    .command('show <dag>')
    .description('the tasks of a DAG, what each waits for and where it runs')
    .option('--plan', 'the whole plan as JSON', false)
    .option('--json', 'as JSON', false)
    .action((id: string, options: { plan: boolean; json: boolean }) => {
      const plan = planOf(id);
      if (options.plan || options.json) {
        printJson(options.plan ? plan : { hash: planHash(plan), plan });
        return;
      }
      const rows = plan.tasks.map((task) => [
        task.id,
        runs(task.target),
        task.target.kind === 'activity' ? task.target.queue : '',
        task.triggerRule,
        task.upstream.join(', '),
        task.map === null ? '' : `mapped, ${task.map.width} at a time`,
      ]);
      const head = ['task', 'runs', 'queue', 'trigger rule', 'upstream', ''];
      process.stdout.write(
        `${plan.dag}  ${planHash(plan)}\n${plan.description}\n\n${table(head, rows)}\n`,
      );
      const params = paramRows(plan);
      if (params.length === 0) return;
      const paramHead = ['parameter', 'default', 'schema', ''];
      process.stdout.write(`\n${table(paramHead, params)}\n`);
    });
  command
    .command('validate')
    .description('compile every DAG; exit 1 with all faults if one is wrong')
    .option('--json', 'as JSON', false)
    .action(({ json }: { json: boolean }) => {
      const hashes = Object.fromEntries(
        [...compiledPlans()].map(([id, plan]) => [id, planHash(plan)]),
      );
      if (json) printJson(hashes);
      else
        for (const [id, hash] of Object.entries(hashes)) process.stdout.write(`${id}  ${hash}\n`);
    });
  command
    .command('deploy')
    .description("make the server's schedules those of this code; without names, of all DAGs")
    .argument('[dag...]', 'see `sentinel dags list`')
    .option('--dry-run', 'only say what would change', false)
    .option('--prune', 'delete the schedules that no DAG of this code declares', false)
    .option('--json', 'as JSON', false)
    .action(async (ids: string[], { json, ...options }: DeployCommandOptions) => {
      if (options.prune && ids.length > 0) throw pruneWithNames();
      const plans = ids.length === 0 ? [...compiledPlans().values()] : ids.map(planOf);
      const deployed = await withTemporal(currentHome(), (client) =>
        deploySchedules(client, plans, { ...options, only: ids.length > 0 }),
      );
      if (json) printJson({ dryRun: options.dryRun, schedules: deployed });
      else process.stdout.write(`${deployedTable(deployed)}\n`);
    });
  command.addCommand(dagsTestCommand());
  command.addCommand(pauseDagCommand('pause'));
  command.addCommand(pauseDagCommand('resume'));
  return command;
}

interface DeployCommandOptions {
  readonly dryRun: boolean;
  readonly prune: boolean;
  readonly json: boolean;
}

/** With names only a part of the DAGs is looked at, and all the others would be deleted. */
function pruneWithNames(): PipelineError {
  return new PipelineError({
    code: 'CLI_USAGE',
    found: '--prune with the names of DAGs',
    expected: 'one of the two',
    fix: 'deploy all DAGs with `sentinel dags deploy --prune`',
  });
}

function deployedTable(deployed: readonly DeployedSchedule[]): string {
  if (deployed.length === 0) return 'no DAG declares times';
  const head = ['dag', 'change', 'schedule', 'next three times (UTC)', ''];
  return table(
    head,
    deployed.map(({ dag, change, schedule, next, paused }) => [
      dag,
      change === 'orphaned' ? 'not in this code; --prune deletes it' : change,
      schedule,
      next.map((time) => time.slice(0, 16).replace('T', ' ')).join(', '),
      paused === '' ? '' : `paused: ${paused}`,
    ]),
  );
}

function nameOf(partitions: PartitionKind): string {
  return typeof partitions === 'object' ? partitions.keys.join(', ') : partitions;
}

function runs(target: PlanTarget): string {
  switch (target.kind) {
    case 'activity':
      return target.name;
    case 'workflow':
      return `workflow ${target.type}`;
    case 'approval':
      return `approval: ${target.options.join(', ')}`;
    case 'inline':
    case 'latest_only':
      return target.kind;
  }
}
