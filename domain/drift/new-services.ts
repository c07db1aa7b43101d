/**
 * Candidates for new services in a window: registrable domains that the reference has not, of whose flows the model
 * rejects clearly more than usual. A known service under a new name is rejected as often as before.
 *
 * Names find and name candidates only; no model sees them. Where the networks of flows are known as well, and over
 * weeks, models/open-world/emerging-services.ts finds more.
 */
import { wilsonLowerBound } from './wilson-bound.js';

/** A name that may be a new service. */
export interface NewService {
  readonly name: string;
  readonly rows: number;
  /** Flows that the model does not know. */
  readonly rejected: number;
}

/** Fewer rejected flows make no candidate. */
const MIN_REJECTED = 8;

/** The lower bound of a candidate's rejected share lies above so many times the usual one. */
const TIMES_USUAL = 2;

/** Deviations below the share that its lower bound lies: one false alarm in a thousand names. */
const BOUND_DEVIATIONS = 3.09;

/**
 * Candidates by flows, most first.
 *
 * @param known    domains of the reference
 * @param domains  [N] registrable domain of each flow of the window
 * @param rejected [N] 1 where the model does not know the service
 * @param usual    share of held-out flows that it rejects, 0..1
 */
export function newServices(
  known: ReadonlySet<string>,
  domains: readonly string[],
  rejected: Uint8Array,
  usual: number,
): NewService[] {
  const counts = new Map<string, { rows: number; rejected: number }>();
  domains.forEach((name, i) => {
    if (known.has(name)) return;
    const count = counts.get(name) ?? { rows: 0, rejected: 0 };
    counts.set(name, count);
    count.rows += 1;
    count.rejected += rejected[i] ?? 0;
  });
  return [...counts]
    .map(([name, count]) => ({ name, ...count }))
    .filter(
      ({ rows, rejected: unknown }) =>
        unknown >= MIN_REJECTED &&
        wilsonLowerBound(unknown, rows, BOUND_DEVIATIONS) > TIMES_USUAL * usual,
    )
    .sort((a, b) => b.rows - a.rows || (a.name < b.name ? -1 : 1));
}
