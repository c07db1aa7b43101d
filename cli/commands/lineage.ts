/** `sentinel lineage`: from a run, a model version or a prediction to table versions, files and raw files. */
import { Command } from 'commander';
import { lineageOf, type Lineage } from '../../activities/lineage.js';
import type { CommitLineage, WeekLineage } from '../../feature-store/lineage.js';
import { MlflowClient } from '../../models/registry/mlflow-client.js';
import { currentHome, serverPort } from '../home.js';
import { printJson, table } from '../output.js';

/** The `lineage` command. */
export function lineageCommand(): Command {
  return new Command('lineage')
    .description(
      'where a closed run, a model version or a prediction came from, down to the raw files',
    )
    .argument(
      '<id>',
      'train/2022-W25, app-cnn/3, app-cnn@champion, or SOURCE_SHA:ROW of a scored flow',
    )
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
  const splits = splitsOf(lineage);
  return [
    headOf(lineage),
    table(['table', 'version', 'committed', 'named by'], commitsOf(lineage)),
    ...splits.map((split) =>
      table(
        ['week', 'used to', 'features', 'flows@version', 'raw files', 'rows'],
        split.weeks.map((week) => [
          week.week,
          (['train', 'validate', 'test'] as const)
            .filter((part) => split[part].includes(week.week))
            .join(', '),
          ...filesOf(week),
        ]),
      ),
    ),
    ...(lineage.kind === 'prediction' ? [predictionsText(lineage)] : []),
    table(
      ['raw file', 'sha-256', 'rows'],
      lineage.sources.map(({ file, sha256, rows }) => [file, sha256.slice(0, 12), rows]),
    ),
  ].join('\n\n');
}

function splitsOf(lineage: Lineage) {
  switch (lineage.kind) {
    case 'model':
      return [lineage.split];
    case 'run':
      return lineage.splits;
    case 'prediction':
      return lineage.models.map(({ split }) => split);
  }
}

function commitsOf(lineage: Lineage): unknown[][] {
  const row = ({ table: name, version, committedAt }: CommitLineage, by: string) => {
    return [name, version, committedAt, by];
  };
  switch (lineage.kind) {
    case 'model':
      return [row(lineage.split.features, 'training')];
    case 'run':
      return lineage.tables.map((commit) => row(commit, commit.tasks.join(', ')));
    case 'prediction':
      return lineage.predictions.flatMap(({ model, said, features }) => [
        row(said, `the answer of ${model}`),
        row(features, `the input of ${model}`),
      ]);
  }
}

function filesOf({ features, flows, flowsVersion, sources }: WeekLineage): unknown[] {
  return [
    `${features.length} files`,
    `${flows.length} files @ ${flowsVersion}`,
    sources.length,
    sources.reduce((rows, source) => rows + source.rows, 0),
  ];
}

function predictionsText({ predictions }: Extract<Lineage, { kind: 'prediction' }>): string {
  return table(
    ['model', 'predicted', 'probability', 'transformer', 'features', 'flows@version'],
    predictions.map(({ model, predicted, probability, transformer, week }) => [
      ...[model, predicted, probability.toFixed(3), transformer?.slice(0, 12) ?? 'none'],
      ...filesOf(week).slice(0, 2),
    ]),
  );
}

function headOf(lineage: Lineage): string {
  const more = (title: string, values: readonly string[]): string =>
    values.length === 0 ? '' : `\n${title}: ${values.join(', ')}`;
  if (lineage.kind === 'prediction') {
    const { sourceSha, sourceRow, models } = lineage;
    const trained = models.map(({ name, version, dagRunId }) => `${name}/${version} (${dagRunId})`);
    return `row ${sourceRow} of ${sourceSha.slice(0, 12)}${more('scored by', trained)}`;
  }
  if (lineage.kind === 'run') {
    const { dagRunId, planHash, codeVersion, models, transformers } = lineage;
    const line = `run ${dagRunId}, plan ${planHash.slice(0, 12)}, code ${codeVersion}`;
    return `${line}${more('models', models)}${more('transformers', transformers)}`;
  }
  const { name, version, dagRunId, planHash, members, transformer } = lineage;
  const parts = Object.entries(members).map(([member, of]) => `${member} (${of})`);
  const line = `${name} version ${version}, trained by ${dagRunId}, plan ${planHash.slice(0, 12)}`;
  const fitted =
    transformer === null
      ? []
      : [
          `${transformer.hash} of ${transformer.transformer.view}, fitted on ${transformer.transformer.fittedOn.rows} rows of ${transformer.transformer.fittedOn.weeks.join(' ')}`,
        ];
  return `${line}${more('members', parts)}${more('transformer', fitted)}`;
}
