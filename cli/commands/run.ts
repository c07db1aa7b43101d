/** `sentinel run`: one run of a DAG, or of a native workflow. */
import { Command } from 'commander';
import { dagRunId } from '../../contracts/engine.js';
import type { Json } from '../../contracts/json.js';
import { currentHome, withTemporal } from '../home.js';
import { checkRun } from '../known-dags.js';
import { addParam } from '../option-values.js';
import { printJson, say } from '../output.js';
import { followRun, startOrJoin } from '../run-client.js';

interface RunOptions {
  readonly partition: string;
  readonly param: Record<string, Json>;
  readonly wait: boolean;
  readonly json: boolean;
}

/** The `run` command. */
export function runCommand(): Command {
  return new Command('run')
    .description('start a run of a DAG; a run that is open for the partition is joined')
    .argument('<dag>', 'see `sentinel dags list`')
    .option('--partition <partition>', 'such as 2022-W23', '')
    .option('--param <k=v>', 'a parameter; the value is read as JSON, else as text', addParam, {})
    .option('--wait', 'follow the run to its end; exit 1 if it fails', false)
    .option('--json', 'as JSON', false)
    .action(async (dag: string, options: RunOptions) => {
      const layout = currentHome();
      await checkRun(layout, dag, options.partition, options.param);
      const id = dagRunId(dag, options.partition);
      const state = await withTemporal(layout, async (client) => {
        const handle = await startOrJoin(client, dag, id, say, { params: options.param });
        if (!options.wait) return 'running';
        return followRun(handle, { say, signal: new AbortController().signal });
      });
      if (options.json) printJson({ dagRunId: id, state });
      else process.stdout.write(`${id} ${state}\n`);
      process.exitCode = state === 'running' || state === 'success' ? 0 : 1;
    });
}
