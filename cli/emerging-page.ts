/** Candidates for new services, for the terminal and as a page for an analyst. */
import type { EmergingReport } from '../activities/emerging-services.js';
import type { Counted, EmergingService } from '../models/open-world/emerging-services.js';
import { escapeHtml, htmlPage, htmlTable, trustedHtml } from '../activities/html-page.js';
import { table } from './output.js';

/** Values of a kind that a line names; the page has all of them. */
const SHOWN = 3;

/** The report as text, without a newline at its end. */
export function emergingText(report: EmergingReport): string {
  const found =
    report.services.length === 0
      ? 'no candidates'
      : table(SERVICE_HEAD, report.services.map(serviceRow));
  return [
    `flows that ${report.model} rejects; 5 % are allowed of those it would answer rightly`,
    table(WEEK_HEAD, weekRows(report)),
    found,
  ].join('\n\n');
}

/** The report as one HTML file, with a section for each candidate. */
export function emergingHtml(report: EmergingReport): string {
  const { model, services } = report;
  return htmlPage(`Candidates for new services: ${model}`, [
    trustedHtml(
      '<p>Domains that the training weeks did not have, and whose flows the model rejects clearly more than those of known services or a network serves that the training weeks did not have either. Names and networks are used here alone; no model sees them.</p>',
    ),
    htmlTable(SERVICE_HEAD, services.map(serviceRow)),
    trustedHtml('<h2>Rejected flows by week</h2>'),
    htmlTable(WEEK_HEAD, weekRows(report)),
    ...services.flatMap((service) => [
      trustedHtml(`<h2>${escapeHtml(service.name)}</h2>`),
      htmlTable(
        ['week', 'flows', 'rejected', 'share of all flows'],
        service.weeks.map(({ week, flows, rejected, share }) => [
          ...[week, flows, rejected, percent(share)],
        ]),
      ),
      htmlTable(['domain', 'flows'], service.domains.map(countedRow)),
      htmlTable(['network', 'flows'], service.asns.map(countedRow)),
      htmlTable(['taken for', 'flows'], service.takenFor.map(countedRow)),
    ]),
  ]);
}

const WEEK_HEAD = ['week', 'flows', 'rejected'];

function weekRows({ weeks }: EmergingReport): string[][] {
  return weeks.map(({ week, flows, rejectedShare }) => [
    ...[week, String(flows), percent(rejectedShare)],
  ]);
}

const SERVICE_HEAD = [
  ...['candidate', 'since', 'flows', 'rejected', 'share', 'growth'],
  ...['domains', 'networks', 'served by', 'taken for'],
];

function serviceRow(service: EmergingService): string[] {
  const { name, weeks, growth, domains, asns, newNetwork, takenFor } = service;
  const { flows, rejected, share } = weeks.at(-1) ?? { flows: 0, rejected: 0, share: 0 };
  return [
    ...[name, weeks[0]?.week ?? '', String(flows), String(rejected), percent(share)],
    ...[`x${growth.toFixed(1)}`, first(domains), first(asns)],
    ...[newNetwork ? 'a new network' : 'known networks', first(takenFor)],
  ];
}

function countedRow({ value, flows }: Counted): [string, number] {
  return [value, flows];
}

function first(counted: readonly Counted[]): string {
  const shown = counted.slice(0, SHOWN).map(({ value }) => value);
  return counted.length > SHOWN
    ? `${shown.join(', ')} and ${counted.length - SHOWN} more`
    : shown.join(', ');
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
