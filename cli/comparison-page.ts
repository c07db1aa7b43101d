/** A comparison of two model versions, for the terminal and as a page. */
import type { Comparison } from '../activities/compare-versions.js';
import { weekStart } from '../dag/partitions.js';
import type { Interval } from '../models/evaluation/bootstrap.js';
import { plotReliability } from '../models/evaluation/reliability-plot.js';
import { plotWeeks } from '../models/evaluation/weeks-plot.js';
import { escapeHtml, htmlPage, htmlTable, trustedHtml } from '../activities/html-page.js';
import { table } from './output.js';

/** Classes at each end of the list that the terminal shows. */
const SHOWN_CLASSES = 5;

/** The comparison as text, without a newline at its end. */
export function comparisonText(comparison: Comparison): string {
  const { classes } = comparison;
  const shown =
    classes.length <= 2 * SHOWN_CLASSES
      ? classes
      : [...classes.slice(0, SHOWN_CLASSES), ...classes.slice(-SHOWN_CLASSES)];
  return [
    summaryOf(comparison),
    table(scoreHead(comparison), scoreRows(comparison)),
    table(weekHead(comparison), weekRows(comparison)),
    `${classes.length} classes, greatest loss first${shown.length < classes.length ? ` (the first and last ${SHOWN_CLASSES})` : ''}`,
    table(classHead(comparison), classRows(shown)),
  ].join('\n\n');
}

/** The comparison as one HTML file with its plots. */
export async function comparisonHtml(comparison: Comparison): Promise<string> {
  const { versions, models, weeks, classes } = comparison;
  const names = versions.map(({ id }) => id);
  const weekLines = names.map((name, m) => ({
    name,
    values: weeks.map((week) => week.models[m === 0 ? 0 : 1].macroF1),
  }));
  const bins = names.map((name, m) => ({ name, bins: models[m === 0 ? 0 : 1].reliability }));
  const partitions = weeks.map(({ partition }) => partition);
  const heading = (text: string) => trustedHtml(`<h2>${escapeHtml(text)}</h2>`);
  return htmlPage(names.join(' and '), [
    trustedHtml(`<p>${escapeHtml(summaryOf(comparison))}</p>`),
    htmlTable(scoreHead(comparison), scoreRows(comparison)),
    heading('By week'),
    trustedHtml(await plotWeeks(partitions, weekLines, 'macro-F1')),
    htmlTable(weekHead(comparison), weekRows(comparison)),
    heading('Calibration'),
    trustedHtml(await plotReliability(bins, 'accuracy by confidence')),
    heading('By class, greatest loss first'),
    htmlTable(classHead(comparison), classRows(classes)),
  ]);
}

function summaryOf({ rows, rowsUnseenClass, gain, versions, weeks }: Comparison): string {
  const { lower, upper } = gain.macroF1;
  const verdict =
    lower > 0
      ? `${versions[1].id} is better`
      : upper < 0
        ? `${versions[0].id} is better`
        : 'neither is surely better';
  const span = [weeks[0]?.partition, weeks.at(-1)?.partition];
  const unseen = rowsUnseenClass === 0 ? '' : ` (${rowsUnseenClass} of unknown classes left out)`;
  return `${verdict}: macro-F1 ${signed(gain.macroF1)} on ${rows} flows of ${[...new Set(span)].join(' to ')}${unseen}, which neither was trained on`;
}

function scoreHead({ versions }: Comparison): string[] {
  return ['', ...versions.map(({ id, trainedTo }) => `${id}, to ${trainedTo}`), 'difference'];
}

function scoreRows({ models: [a, b], gain }: Comparison): string[][] {
  return [
    ['accuracy', plain(a.accuracy), plain(b.accuracy), signed(gain.accuracy)],
    ['macro-F1', plain(a.macroF1), plain(b.macroF1), signed(gain.macroF1)],
    ['calibration error', a.ece.toFixed(3), b.ece.toFixed(3), sign(b.ece - a.ece)],
  ];
}

function weekHead({ versions }: Comparison): string[] {
  const since = versions.map(({ trainedTo }) => `weeks since ${trainedTo}`);
  const scores = versions.map(({ id }) => `macro-F1 of ${id}`);
  return ['week', 'flows', ...new Set(since), ...scores, 'difference'];
}

function weekRows({ weeks, versions }: Comparison): string[][] {
  const trained = new Set(versions.map(({ trainedTo }) => trainedTo));
  return weeks.map(({ partition, rows, models: [a, b], gain }) => [
    ...[partition, String(rows)],
    ...[...trained].map((from) => weeksBetween(from, partition)),
    ...[plain(a.macroF1), plain(b.macroF1), signed(gain.macroF1)],
  ]);
}

function classHead({ versions }: Comparison): string[] {
  return ['class', 'flows', ...versions.map(({ id }) => `F1 of ${id}`), 'difference'];
}

function classRows(classes: Comparison['classes']): string[][] {
  return classes.map(({ name, support, f1, gain }) => [
    ...[name, String(support), ...f1.map((value) => value.toFixed(3)), sign(gain)],
  ]);
}

const WEEK_MS = 7 * 86_400_000;

/** Empty for rows that are no week of their own. */
function weeksBetween(from: string, to: string): string {
  if (!/^\d{4}-W\d{2}$/.test(to)) return '';
  return String(Math.round((weekStart(to).getTime() - weekStart(from).getTime()) / WEEK_MS));
}

function plain({ value, lower, upper }: Interval): string {
  return `${value.toFixed(3)} (${lower.toFixed(3)} to ${upper.toFixed(3)})`;
}

function signed({ value, lower, upper }: Interval): string {
  return `${sign(value)} (${sign(lower)} to ${sign(upper)})`;
}

function sign(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(3)}`;
}
