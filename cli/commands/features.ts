/** `sentinel features`: the feature views, and training sets made from them. */
import { Command, Option } from 'commander';
import { PipelineError } from '../../contracts/errors.js';
import { wholeWeeks } from '../../domain/lifecycle/split-weeks.js';
import { FEATURE_VIEWS, featureView, leaksOf } from '../../domain/traffic/feature-views.js';
import { columnsOfStep, type FeatureStep, type Label } from '../../domain/traffic/transformer.js';
import { exportTrainingSet } from '../../feature-store/export-training-set.js';
import { listTransformers, loadTransformer } from '../../feature-store/transformer-store.js';
import { currentHome } from '../home.js';
import { wholeNumber, weeksBetween } from '../option-values.js';
import { printJson, table } from '../output.js';

interface ExportOptions {
  readonly train: string;
  readonly validate?: string;
  readonly test?: string;
  readonly label: Label | 'none';
  readonly asOf?: string;
  readonly version?: string;
  readonly out: string;
  readonly json: boolean;
}

/** The `features` command and its subcommands. */
export function featuresCommand(): Command {
  const command = new Command('features').description('feature views and training sets');
  command
    .command('list')
    .description('the views, and whether a model may use them')
    .option('--json', 'as JSON', false)
    .action(({ json }: { json: boolean }) => {
      const views = FEATURE_VIEWS.map((view) => ({ ...view, leaks: leaksOf(view) }));
      if (json) return printJson(views);
      const rows = views.map(({ name, purpose, steps, leaks }) => [
        ...[name, steps.length, leaks.length === 0 ? 'yes' : 'no', purpose],
      ]);
      process.stdout.write(`${table(['view', 'steps', 'for models', 'what'], rows)}\n`);
    });
  command
    .command('show')
    .description('the features of a view, and the transformers that were fitted for it')
    .argument('<view>', 'such as flow-scaled')
    .option('--json', 'as JSON', false)
    .action(async (name: string, { json }: { json: boolean }) => {
      const view = featureView(name);
      const leaks = leaksOf(view);
      const fitted = await fittedFor(name);
      if (json) return printJson({ ...view, leaks, transformers: fitted });
      const features = view.steps.map((step) => [
        ...[columnsText(step), step.of, learntText(step)],
        leaks.find(({ column }) => column === step.of)?.code ?? 'yes',
      ]);
      const transformers = fitted.map(({ hash, weeks, version, rows }) => [
        ...[hash, `${weeks[0] ?? ''}..${weeks.at(-1) ?? ''}`, version, rows],
      ]);
      const lines = [
        `${name}: ${view.purpose}`,
        `entity ${view.entity.join(', ')}; event time ${view.eventTime}; from ${view.table}`,
        table(['feature', 'of', 'learnt from training rows', 'for models'], features),
        ...leaks.map(({ column, found }) => `${column ?? ''}: ${found}`),
        table(['transformer', 'weeks', 'version', 'rows'], transformers),
      ];
      process.stdout.write(`${lines.join('\n\n')}\n`);
    });
  command
    .command('export')
    .description(
      'write a point-in-time training set as Parquet, with the record that makes it again',
    )
    .argument('<view>', 'such as flow-scaled')
    .requiredOption('--train <from..to>', 'ISO weeks, such as 2022-W22..2022-W25')
    .option('--validate <from..to>', 'ISO weeks')
    .option('--test <from..to>', 'ISO weeks')
    .addOption(
      new Option('--label <label>', 'what a model is to tell; none for analysis')
        .choices(['app', 'category', 'none'])
        .default('app'),
    )
    .option('--as-of <time>', 'as it was known at this UTC instant (default: now)')
    .option('--version <n>', 'of flow_features (default: the newest by then)')
    .requiredOption('--out <dir>', 'folder for the files')
    .option('--json', 'the record as JSON', false)
    .action(async (name: string, options: ExportOptions) => {
      const { tables, transformers } = currentHome();
      const { train, validate, test, label, asOf, version } = options;
      const request = {
        tablesRoot: tables,
        view: featureView(name),
        label: label === 'none' ? null : label,
        selections: {
          train: wholeWeeks(weeksBetween('--train', train)),
          validate: wholeWeeks(validate === undefined ? [] : weeksBetween('--validate', validate)),
          test: wholeWeeks(test === undefined ? [] : weeksBetween('--test', test)),
        },
        asOfMs: asOf === undefined ? Date.now() : instant(asOf),
        ...(version !== undefined && { version: wholeNumber('--version', version) }),
      };
      const record = await exportTrainingSet(request, options.out, transformers);
      if (options.json) return printJson(record);
      const rows = Object.entries(record.parts).map(([part, { rows, duplicates, sha256 }]) => [
        ...[part, rows, duplicates, sha256],
      ]);
      const head = `${options.out}: ${name} of ${record.features.table}@${record.features.version}, transformer ${record.transformer.slice(0, 12)}`;
      const grid = table(['part', 'rows', 'equal to an earlier part', 'sha-256'], rows);
      process.stdout.write(`${head}\n\n${grid}\n`);
    });
  return command;
}

async function fittedFor(view: string) {
  const { transformers } = currentHome();
  const all = await Promise.all(
    (await listTransformers(transformers)).map(async (hash) => ({
      ...(await loadTransformer(transformers, hash)),
      hash,
    })),
  );
  return all
    .filter((transformer) => transformer.view === view)
    .map(({ hash, fittedOn }) => ({ hash, ...fittedOn }));
}

function columnsText(step: FeatureStep): string {
  const columns = columnsOfStep(step);
  return columns.length === 1 ? (columns[0] ?? '') : `${columns[0] ?? ''}..${columns.length - 1}`;
}

function learntText(step: FeatureStep): string {
  switch (step.kind) {
    case 'hash':
      return 'nothing';
    case 'target':
      return `share of each ${step.label}, out of fold`;
    case 'scale':
      return { none: 'nothing', standard: 'mean, deviation', robust: 'median, quartiles' }[step.by];
  }
}

function instant(text: string): number {
  // without a zone the text would be read in that of the machine
  const timeMs = Date.parse(/(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`);
  if (!Number.isNaN(timeMs)) return timeMs;
  throw new PipelineError({
    code: 'CLI_USAGE',
    found: `--as-of ${text}`,
    expected: 'a time such as 2022-06-27T06:00:00Z',
    fix: 'correct the time',
  });
}
