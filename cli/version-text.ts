/** One registered version at the terminal. */
import type { VersionDescription } from '../activities/describe-version.js';
import { table } from './output.js';
import { modelRows, MODEL_HEAD } from './results-page.js';

/** Classes named in one line. */
const SHOWN_CLASSES = 6;

/** The version in lines, then what it consists of and how it scored. */
export function versionText(description: VersionDescription): string {
  const { name, version, aliases, model, scores } = description;
  const lines = [
    ['version', [`${name}/${version}`, ...aliases.map((alias) => `@${alias}`)].join(' ')],
    ['kind', model.kind],
    ['target', description.target],
    ['classes', classesText(model.classes)],
    ['columns', `${model.featureNames.length}${packetsText(description)}`],
    ['trained on', description.train.join(' ')],
    ['validated on', description.validate.join(' ')],
    ['preset, seed', `${model.preset}, ${model.seed}`],
    ['settings', recordText(model.settings)],
    ['libraries', recordText(model.libraries)],
    ['transformer', description.transformer ?? ''],
    ['registered', description.registeredAt],
    ['files', description.source],
    ['MLflow run', description.mlflowRunId],
    ...ensembleLines(description),
  ].filter(([, value]) => value !== '');
  const parts = [table([], lines)];
  if (model.kind === 'ensemble') {
    const rows = model.members.map(({ name: member, version: of, weight }) => [
      ...[`${member}/${of}`, model.stacking === undefined ? weight.toFixed(2) : 'stacked'],
    ]);
    parts.push(table(['member', 'weight'], rows));
  }
  const [alias = null] = aliases;
  const scored = { name, version, alias, target: description.target, test: scores };
  if (scores.length > 0)
    parts.push(
      table(
        MODEL_HEAD.slice(3),
        modelRows([scored]).map((row) => row.slice(3)),
      ),
    );
  return parts.join('\n\n');
}

function classesText(classes: readonly string[]): string {
  const named = classes.slice(0, SHOWN_CLASSES).join(' ');
  return `${classes.length}: ${named}${classes.length > SHOWN_CLASSES ? ' …' : ''}`;
}

function packetsText({ model }: VersionDescription): string {
  const reads = 'packets' in model ? model.packets : model.kind !== 'ensemble';
  return reads ? ', and packets' : '';
}

function ensembleLines({ model }: VersionDescription): string[][] {
  if (model.kind !== 'ensemble') return [];
  const { temperature, reject } = model;
  const own = Object.keys(reject?.perClass ?? {}).length;
  const rule = `${reject?.score ?? ''} below ${reject?.threshold.toFixed(4) ?? ''}${own > 0 ? `; ${own} classes have their own` : ''}`;
  return [
    ['temperature', temperature.toFixed(3)],
    ['rejects', reject === undefined ? 'nothing' : rule],
  ];
}

function recordText(record: Readonly<Record<string, unknown>>): string {
  return Object.entries(record)
    .map(([key, value]) => `${key} ${String(value)}`)
    .join(', ');
}
