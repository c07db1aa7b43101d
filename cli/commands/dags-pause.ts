/** `sentinel dags pause` and `resume`: whether the schedule of a DAG starts runs. */
import { Command } from 'commander';
import { currentHome, withTemporal } from '../home.js';
import { planOf } from '../known-dags.js';
import { printJson } from '../output.js';
import { pauseDag } from '../pause-schedule.js';

interface PauseOptions {
  readonly note?: string;
  readonly runs: boolean;
  readonly json: boolean;
}

/** The `pause` or the `resume` subcommand. */
export function pauseDagCommand(name: 'pause' | 'resume'): Command {
  const paused = name === 'pause';
  const does = paused ? 'start no more runs of a DAG by its schedule' : 'let its schedule go on';
  return new Command(name)
    .description(`${does}; open runs are left alone unless --runs`)
    .argument('<dag>', 'see `sentinel dags list`')
    .option('--note <text>', 'why; shown with the schedule')
    .option('--runs', `${name} the open runs of the DAG too`, false)
    .option('--json', 'as JSON', false)
    .action(async (id: string, { json, ...options }: PauseOptions) => {
      const { dag } = planOf(id);
      const result = await withTemporal(currentHome(), (client) =>
        pauseDag(client, dag, { ...options, paused }),
      );
      if (json) printJson(result);
      else {
        const runs = result.runs.length === 0 ? '' : `; runs: ${result.runs.join(', ')}`;
        process.stdout.write(
          `${dag} ${paused ? 'is paused' : 'goes on'} (${result.note})${runs}\n`,
        );
      }
    });
}
