/**
 * Candidates for new services in a window: registrable domains that the reference has not, of whose flows the model
 * rejects clearly more than of held-out flows with the same answers. A known service under a new name is rejected as
 * often as before, also when it is one that is hard to tell.
 *
 * Names find and name candidates only; no model sees them. Where the networks of flows are known as well, and over
 * weeks, models/open-world/emerging-services.ts finds more.
 */
import type { Answered } from './answered.js';
import { wilsonLowerBound } from './wilson-bound.js';

/** A name that may be a new service. */
export interface NewService {
  readonly name: string;
  readonly rows: number;
  /** Flows that the model does not know. */
  readonly rejected: number;
}

/** What is known of the flows of a model that may reject. */
type Rejecting = Pick<Answered, 'predicted'> & { readonly rejected: Uint8Array };

/** Fewer rejected flows make no candidate. */
const MIN_REJECTED = 8;

/** The lower bound of a candidate's rejected share lies above so many times the expected one. */
const TIMES_EXPECTED = 2;

/** Deviations below the share that its lower bound lies: one false alarm in a thousand names. */
const BOUND_DEVIATIONS = 3.09;

/**
 * Candidates by flows, most first.
 *
 * @param known   domains of the reference
 * @param domains [N] registrable domain of each flow of the window
 * @param now     answers to these flows
 */
export function newServices(
  heldOut: Rejecting,
  known: ReadonlySet<string>,
  domains: readonly string[],
  now: Rejecting,
): NewService[] {
  const shareOf = rejectedShares(heldOut);
  const counts = new Map<string, { rows: number; rejected: number; expected: number }>();
  domains.forEach((name, i) => {
    if (known.has(name)) return;
    const count = counts.get(name) ?? { rows: 0, rejected: 0, expected: 0 };
    counts.set(name, count);
    count.rows += 1;
    count.rejected += now.rejected[i]!; // [N] as domains
    count.expected += shareOf(now.predicted[i]!); // [N] as domains
  });
  return [...counts]
    .filter(([, { rows, rejected, expected }]) => {
      const least = wilsonLowerBound(rejected, rows, BOUND_DEVIATIONS);
      return rejected >= MIN_REJECTED && least > (TIMES_EXPECTED * expected) / rows;
    })
    .map(([name, { rows, rejected }]) => ({ name, rows, rejected }))
    .sort((a, b) => b.rows - a.rows || (a.name < b.name ? -1 : 1));
}

/** Share of held-out flows that is rejected, by answer; one more flow at the share of all counts for each answer. */
function rejectedShares({ predicted, rejected }: Rejecting): (answer: number) => number {
  const all = rejected.reduce((sum, one) => sum + one, 0) / Math.max(1, rejected.length);
  const counts = new Map<number, { rows: number; rejected: number }>();
  predicted.forEach((answer, i) => {
    const count = counts.get(answer) ?? { rows: 1, rejected: all };
    counts.set(answer, count);
    count.rows += 1;
    count.rejected += rejected[i]!; // [N] as predicted
  });
  return (answer) => {
    const count = counts.get(answer);
    return count === undefined ? all : count.rejected / count.rows;
  };
}
