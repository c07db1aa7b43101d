/** A judged window as one page, with plots and without scripts. */
import type { DriftFindings } from '../contracts/drift.js';
import type { DriftScore } from '../contracts/schemas/values.js';
import type { SignalScore } from '../feature-store/drift-scores.js';
import { plotImportance } from '../models/evaluation/importance-plot.js';
import { plotSignal, type SignalPoint } from '../models/evaluation/signal-plot.js';
import {
  CLASS_HEAD,
  classRows,
  driftSummary,
  SERVICE_HEAD,
  serviceRows,
  SIGNAL_HEAD,
  signalRows,
  signalScores,
  VERSION_HEAD,
  versionRows,
} from './drift-text.js';
import { escapeHtml, htmlPage, htmlTable, trustedHtml, type Html } from './html-page.js';

/**
 * The page.
 *
 * @param history of windows of the same length, oldest first; later ones are left out, and this one is taken from `findings`
 */
export async function driftHtml(
  findings: DriftFindings,
  history: readonly SignalScore[],
): Promise<string> {
  const { model, version, partition, rows, causes, features, movedClasses, newServices } = findings;
  const heading = (text: string) => trustedHtml(`<h2>${escapeHtml(text)}</h2>`);
  const about = `${rows} flows, compared with what version ${version} was trained on; ${driftSummary(findings)}`;
  const plots: Html[] = [];
  const scores = signalScores(findings);
  for (const score of scores) {
    const points = pointsOf(score, history);
    if (points.length > 0) plots.push(trustedHtml(await plotSignal(points, score.statistic)));
  }
  return htmlPage(`${model}, ${partition}`, [
    trustedHtml(`<p>${escapeHtml(about)}</p>`),
    trustedHtml(
      causes.length === 0
        ? ''
        : `<ul>${causes.map((cause) => `<li>${escapeHtml(cause)}</li>`).join('')}</ul>`,
    ),
    htmlTable(SIGNAL_HEAD, signalRows(scores)),
    heading(findings.length === 'week' ? 'Week by week' : 'Day by day'),
    ...plots,
    ...(features.length === 0
      ? []
      : [
          heading('Features that moved most, within classes'),
          trustedHtml(
            await plotImportance(
              features.map(({ name, value }) => ({ feature: name, value })),
              { title: 'features', measure: 'pooled standard deviations' },
            ),
          ),
        ]),
    heading('Classes that moved by themselves'),
    ...(movedClasses.length === 0
      ? [trustedHtml('<p>None.</p>')]
      : [
          trustedHtml(
            await plotImportance(
              movedClasses.map(({ name, shift }) => ({ feature: name, value: shift })),
              { title: 'classes', measure: 'deviations beyond chance' },
            ),
          ),
          htmlTable(CLASS_HEAD, classRows(findings)),
        ]),
    ...(newServices.length === 0
      ? []
      : [heading('What may be new services'), htmlTable(SERVICE_HEAD, serviceRows(findings))]),
    heading('Versions'),
    htmlTable(VERSION_HEAD, versionRows(findings)),
  ]);
}

/** A signal in the windows up to this one. */
function pointsOf(now: DriftScore, history: readonly SignalScore[]): SignalPoint[] {
  const before = history.filter(
    ({ signal, partition }) => signal === now.statistic && partition < now.partition,
  );
  return [...before, now].flatMap(({ partition, value, threshold }) =>
    value === null || threshold === null ? [] : [{ partition, value, threshold }],
  );
}
