/** One page of results for the reader at the terminal. */
import pc from 'picocolors';
import { describeFault } from '../contracts/errors.js';
import type { ReportedModel, UpDocument } from '../contracts/report.js';
import { table } from './output.js';

/** More files that are no flow records are counted only. */
const SHOWN_FILES = 3;

/** The page, without a newline at its end. */
export function resultsPage(document: UpDocument): string {
  const { input, split } = document;
  const sections = [
    heading('Input'),
    `${input.files} files, ${input.rowsRead} rows read, ${input.rowsStored} stored, ${input.rowsRejected} rejected`,
    ...ignoredLines(input.ignored),
    ...document.errors.map((fault) => pc.red(describeFault(fault))),
    ...(split === null ? [] : [heading('Weeks'), ...splitLines(split)]),
    heading('Models'),
    table(MODEL_HEAD, modelRows(document.models)),
    heading('Drift'),
    driftTable(document),
    heading('Retrainings'),
    ...retrainLines(document),
    heading('Look further'),
    `Temporal UI  ${document.ui.temporal}   what ran, when, why`,
    `MLflow UI    ${document.ui.mlflow}   runs, curves, versions`,
    `${document.seconds} s in all, preset ${document.preset}`,
  ];
  return sections.join('\n');
}

function ignoredLines(ignored: UpDocument['input']['ignored']): string[] {
  const rest = ignored.length - SHOWN_FILES;
  return [
    ...ignored.slice(0, SHOWN_FILES).map(({ file, reason }) => `left alone: ${file} (${reason})`),
    ...(rest > 0 ? [`left alone: ${rest} more, all of them named by --json`] : []),
  ];
}

function heading(title: string): string {
  return `\n${pc.bold(pc.cyan(title))}`;
}

function splitLines(split: NonNullable<UpDocument['split']>): string[] {
  const part = (weeks: readonly string[]): string => {
    const [first, last] = [weeks[0], weeks.at(-1)];
    if (first === undefined) return 'none';
    return weeks.length <= 2 ? weeks.join(' ') : `${first} .. ${last} (${weeks.length} weeks)`;
  };
  const skipped = split.skippedClasses.map(
    ({ target, class: name, rows }) => `${target} ${name} (${rows})`,
  );
  return [
    split.rule,
    `train ${part(split.train)}, validate ${part(split.validate)}, test ${part(split.test)}, watch ${part(split.watch)}`,
    ...(skipped.length === 0 ? [] : [`too few training rows, left out: ${skipped.join(', ')}`]),
  ];
}

/** Columns of `modelRows`. */
export const MODEL_HEAD = [
  ...['model', 'version', 'alias', 'scored on'],
  ...['flows', 'accuracy', 'macro-F1', 'weighted F1'],
];

/** One row for each score of each version; a version without scores has one row. */
export function modelRows(models: readonly ReportedModel[]): string[][] {
  return models.flatMap(({ name, version, alias, test }) => {
    const head = [name, version, alias ?? ''];
    if (test.length === 0) return [head];
    return test.map(({ partition, rows, accuracy, macroF1, weightedF1 }, index) => [
      ...(index === 0 ? head : ['', '', '']),
      ...[partition, String(rows)],
      ...[accuracy, macroF1, weightedF1].map((value) => value.toFixed(3)),
    ]);
  });
}

function driftTable({ drift }: UpDocument): string {
  const number = (value: number | null): string => (value === null ? '' : value.toFixed(4));
  return table(
    ['week', 'statistic', 'value', 'threshold', 'verdict'],
    drift.map(({ partition, statistic, value, threshold, verdict }) => [
      partition,
      statistic,
      number(value),
      number(threshold),
      verdict === 'drifted' ? pc.yellow(verdict) : verdict,
    ]),
  );
}

function retrainLines({ retrains }: UpDocument): string[] {
  if (retrains.length === 0) return ['none'];
  return retrains.map(
    ({ model, version, partition, reason, championF1, challengerF1, promoted }) =>
      `${model} version ${version}, ${partition}: ${promoted ? pc.green('promoted') : 'kept as challenger'}, ` +
      `macro-F1 ${challengerF1.toFixed(3)} against the champion's ${championF1.toFixed(3)} on held-out days\n  because ${reason}`,
  );
}
