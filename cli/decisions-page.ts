/** The decision log as one page, each decision with what it rests on. */
import type { Json, JsonObject } from '../contracts/json.js';
import type { LoggedDecision } from '../feature-store/decisions.js';
import { escapeHtml, htmlPage, htmlTable, trustedHtml } from '../activities/html-page.js';

/** The page, newest decision first. */
export function decisionsHtml(decisions: readonly LoggedDecision[]): string {
  return htmlPage('Decisions', [
    htmlTable(
      DECISION_HEAD,
      decisions.map((decision) => decisionRow(decision)),
    ),
    ...decisions.flatMap((decision) => [
      trustedHtml(
        `<h2>${escapeHtml(`${decision.kind}: ${decision.model}, ${decision.partition}`)}</h2>`,
        `<p>${escapeHtml(`${decision.decidedAt}: ${decision.reason}`)}</p>`,
      ),
      htmlTable(['evidence', 'value'], [...leaves(decision.evidence)]),
    ]),
  ]);
}

/** Columns of a list of decisions. */
export const DECISION_HEAD = ['decided', 'model', 'window', 'decision', 'reason'];

/** A decision in such a list. */
export function decisionRow(decision: LoggedDecision): string[] {
  const { decidedAt, model, partition, kind, reason } = decision;
  return [decidedAt, model, partition, kind, reason];
}

/** Every value of the evidence with its place; a list of objects has their numbers in it. */
function* leaves(
  value: JsonObject | readonly Json[],
  place = '',
): Generator<[string, string | number]> {
  for (const [key, inner] of Object.entries(value)) {
    const at = place === '' ? key : `${place}.${key}`;
    if (typeof inner === 'object' && inner !== null) yield* leaves(inner, at);
    else yield [at, typeof inner === 'number' ? inner : String(inner)];
  }
}
