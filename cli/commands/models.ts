/** `sentinel models`: what is registered, and how each version scored. */
import { Command } from 'commander';
import { allVersions } from '../../activities/model-store.js';
import { MlflowClient } from '../../models/registry/mlflow-client.js';
import { currentHome, serverPort } from '../home.js';
import { printJson, table } from '../output.js';
import { modelRows, MODEL_HEAD } from '../results-page.js';

/** The `models` command and its subcommands. */
export function modelsCommand(): Command {
  const command = new Command('models').description('registered models');
  command
    .command('list')
    .description('every version with its alias and its scores')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: { json: boolean }) => {
      const port = await serverPort(currentHome(), 'mlflow', 'http');
      const mlflow = new MlflowClient({ baseUrl: `http://127.0.0.1:${port}` });
      const models = await allVersions(mlflow);
      if (json) printJson(models);
      else process.stdout.write(`${table(MODEL_HEAD, modelRows(models))}\n`);
    });
  return command;
}
