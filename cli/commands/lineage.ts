/** `sentinel lineage`: from a run or a model version to table versions, files and raw files. */
import { Command } from 'commander';
import { lineageOf, type Lineage } from '../../activities/lineage.js';
import { MlflowClient } from '../../models/registry/mlflow-client.js';
import { currentHome, serverPort } from '../home.js';
import { printJson, table } from '../output.js';

/** The `lineage` command. */
export function lineageCommand(): Command {
  return new Command('lineage')
    .description('where a closed run or a model version came from, down to the raw files')
    .argument('<id>', 'train/2022-W25, app-cnn/3 or app-cnn/champion')
    .option('--json', 'all of it, with every file, as JSON', false)
    .action(async (id: string, { json }: { json: boolean }) => {
      const layout = currentHome();
      const registry = async () =>
        new MlflowClient({
          baseUrl: `http://127.0.0.1:${await serverPort(layout, 'mlflow', 'http')}`,
        });
      const lineage = await lineageOf(layout, registry, id);
      if (json) printJson(lineage);
      else process.stdout.write(`${lineageText(lineage)}\n`);
    });
}

function lineageText(lineage: Lineage): string {
  const splits = lineage.kind === 'model' ? [lineage.split] : lineage.splits;
  const commits =
    lineage.kind === 'model'
      ? [{ ...lineage.split.features, tasks: [] as readonly string[] }]
      : lineage.tables;
  return [
    headOf(lineage),
    table(
      ['table', 'version', 'committed', 'named by'],
      commits.map((commit) => [
        ...[commit.table, commit.version, commit.committedAt, commit.tasks.join(', ')],
      ]),
    ),
    ...splits.map((split) =>
      table(
        ['week', 'used to', 'features', 'flows@version', 'raw files', 'rows'],
        split.weeks.map(({ week, features, flowsVersion, flows, sources }) => [
          week,
          (['train', 'validate', 'test'] as const)
            .filter((part) => split[part].includes(week))
            .join(', '),
          `${features.length} files`,
          `${flows.length} files @ ${flowsVersion}`,
          sources.length,
          sources.reduce((rows, source) => rows + source.rows, 0),
        ]),
      ),
    ),
    table(
      ['raw file', 'sha-256', 'rows'],
      lineage.sources.map(({ file, sha256, rows }) => [file, sha256.slice(0, 12), rows]),
    ),
  ].join('\n\n');
}

function headOf(lineage: Lineage): string {
  if (lineage.kind === 'run') {
    const { dagRunId, planHash, codeVersion, models } = lineage;
    const of = models.length === 0 ? '' : `\nmodels: ${models.join(', ')}`;
    return `run ${dagRunId}, plan ${planHash.slice(0, 12)}, code ${codeVersion}${of}`;
  }
  const { name, version, dagRunId, planHash, members } = lineage;
  const parts = Object.entries(members).map(([member, of]) => `${member} (${of})`);
  const line = `${name} version ${version}, trained by ${dagRunId}, plan ${planHash.slice(0, 12)}`;
  return parts.length === 0 ? line : `${line}\nmembers: ${parts.join(', ')}`;
}
