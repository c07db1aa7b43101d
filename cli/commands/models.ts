/** `sentinel models`: what is registered, how versions scored and compare, what they do not know, and which one serves. */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { compareVersions, type RegistryContext } from '../../activities/compare-versions.js';
import { describeVersion } from '../../activities/describe-version.js';
import { reportEmerging } from '../../activities/emerging-services.js';
import { installation } from '../../activities/installation.js';
import { allVersions, requireVersion } from '../../activities/model-store.js';
import { MlflowClient } from '../../models/registry/mlflow-client.js';
import { ENSEMBLE } from '../../pipelines/train.js';
import { comparisonHtml, comparisonText } from '../comparison-page.js';
import { emergingHtml, emergingText } from '../emerging-page.js';
import { currentHome, serverPort } from '../home.js';
import { weeksBetween } from '../option-values.js';
import { printJson, say, table } from '../output.js';
import { modelRows, MODEL_HEAD } from '../results-page.js';
import { versionText } from '../version-text.js';
import { tell } from './lifecycle-steer.js';

interface PageOptions {
  readonly out?: string;
  readonly json: boolean;
}

/** The `models` command and its subcommands. */
export function modelsCommand(): Command {
  const command = new Command('models').description('registered models');
  command
    .command('list')
    .description('every version with its alias and its scores')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: { json: boolean }) => {
      const models = await allVersions((await registry()).mlflow);
      if (json) printJson(models);
      else process.stdout.write(`${table(MODEL_HEAD, modelRows(models))}\n`);
    });
  command
    .command('show')
    .description('one version: what it was made of, how, and how it scored')
    .argument('<model>', 'NAME, NAME/VERSION or NAME@ALIAS')
    .option('--json', 'as JSON', false)
    .action(async (id: string, { json }: { json: boolean }) => {
      const description = await describeVersion((await registry()).mlflow, id);
      if (json) printJson(description);
      else process.stdout.write(`${versionText(description)}\n`);
    });
  command
    .command('compare')
    .description('two versions on the weeks behind the training weeks of both')
    .argument('<a>', 'NAME, NAME/VERSION or NAME@ALIAS')
    .argument('<b>', 'the same; differences are b less a')
    .option('--out <file>', 'write it as one HTML page as well')
    .option('--json', 'as JSON', false)
    .action(async (a: string, b: string, { out, json }: PageOptions) => {
      const comparison = await compareVersions(await registry(), [a, b]);
      if (out !== undefined) await writeFile(out, await comparisonHtml(comparison));
      if (json) printJson(comparison);
      else process.stdout.write(`${comparisonText(comparison)}\n`);
    });
  command
    .command('emerging')
    .description('candidates for new services among the flows that a version rejects')
    .argument('<model>', 'an ensemble: NAME, NAME/VERSION or NAME@ALIAS')
    .requiredOption('--weeks <from..to>', 'ISO weeks, such as 2022-W22..2022-W25')
    .option('--out <file>', 'write it as one HTML page as well')
    .option('--json', 'as JSON', false)
    .action(async (id: string, { weeks, out, json }: PageOptions & { weeks: string }) => {
      const report = await reportEmerging(await registry(), id, weeksBetween('--weeks', weeks));
      if (out !== undefined) await writeFile(out, emergingHtml(report));
      if (json) printJson(report);
      else process.stdout.write(`${emergingText(report)}\n`);
    });
  command
    .command('promote')
    .description('let a version serve in place of the one that does')
    .argument('<version>', 'NAME/VERSION')
    .option('--json', 'as JSON', false)
    .action(async (id: string, { json }: { json: boolean }) => {
      const { name, version } = await requireVersion((await registry()).mlflow, id);
      await tell(name, { kind: 'promote', version }, json);
    });
  command
    .command('rollback')
    .description('let the version serve again that did before')
    .argument('[model]', 'the served model', ENSEMBLE)
    .option('--json', 'as JSON', false)
    .action((model: string, { json }: { json: boolean }) =>
      tell(model, { kind: 'rollback' }, json),
    );
  return command;
}

async function registry(): Promise<RegistryContext> {
  const layout = currentHome();
  const { setupDir } = installation;
  const port = await serverPort(layout, 'mlflow', 'http');
  const mlflow = new MlflowClient({ baseUrl: `http://127.0.0.1:${port}` });
  return { layout, setupDir, mlflow, progress: say };
}
