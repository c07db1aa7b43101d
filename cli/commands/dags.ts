/** `sentinel dags`: what DAGs there are, and what each looks like. */
import { Command } from 'commander';
import { compiledPlans } from '../../activities/compiled-plans.js';
import { describeSchedule } from '../../dag/describe-schedule.js';
import { planHash, type PlanTarget } from '../../dag/plan.js';
import { nativeWorkflows } from '../../pipelines/index.js';
import { planOf } from '../known-dags.js';
import { printJson, table } from '../output.js';
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
          partitions: plan.partitions,
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
  command.addCommand(pauseDagCommand('pause'));
  command.addCommand(pauseDagCommand('resume'));
  return command;
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
