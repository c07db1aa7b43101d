/** Counts by name, such as flows by domain: laid side by side for the distances between counts, and their divergence. */

/** How often each name occurs. */
export type NamedCounts = ReadonlyMap<string, number>;

/** The name under which all names without a count of their own are counted. */
const OTHER_NAMES = '__other__';

/** Counts of two windows in the same K categories. */
export interface AlignedCounts {
  /** Shape [K], `OTHER_NAMES` last. */
  readonly names: readonly string[];
  /** Shape [K]. */
  readonly current: Float64Array;
  /** Shape [K]. */
  readonly reference: Float64Array;
}

/** How often each name occurs, in the order of first occurrence. */
export function countNames(names: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/**
 * Two windows' counts in one order of names: those of the reference, then those that are new.
 *
 * @param top the most frequent names of the reference to keep (of equals the first by name), what is left of both
 *   windows is counted under `OTHER_NAMES`. @default all names of both windows, and nothing under `OTHER_NAMES`
 */
export function alignCounts(
  current: NamedCounts,
  reference: NamedCounts,
  top?: number,
): AlignedCounts {
  const names = top === undefined ? allNames(current, reference) : mostFrequent(reference, top);
  const counts = (of: NamedCounts): Float64Array => {
    const aligned = new Float64Array(names.length + 1);
    let left = 0;
    for (const count of of.values()) left += count;
    names.forEach((name, k) => {
      const count = of.get(name) ?? 0;
      aligned[k] = count;
      left -= count;
    });
    aligned[names.length] = left;
    return aligned;
  };
  return {
    names: [...names, OTHER_NAMES],
    current: counts(current),
    reference: counts(reference),
  };
}

/**
 * `klDivergence` of all names and `OTHER_NAMES`, fast for many names: each is looked up once.
 *
 * The sum of (c + alpha) ln((c + alpha) / (r + alpha)) runs over the names of the current window; a name that it lacks
 * adds alpha ln(alpha / (r + alpha)), and these are the names of the reference less those met. K and the totals enter
 * last.
 *
 * @param alpha pseudo-count per name, > 0. @default 0.5 (Jeffreys)
 * @returns nats, >= 0; equal to `klDivergence` of `alignCounts` but for rounding
 */
export function klOfNames(current: NamedCounts, reference: NamedCounts, alpha = 0.5): number {
  let terms = 0;
  let absent = 0; // the sum of ln(r + alpha) of names that the current window lacks, without the factor below
  let factor = 1; // of r + alpha: one logarithm serves many names
  let met = 0;
  let currentTotal = 0;
  let referenceTotal = 0;
  for (const r of reference.values()) {
    referenceTotal += r;
    factor *= r + alpha;
    if (factor < 1e200) continue;
    absent += Math.log(factor);
    factor = 1;
  }
  for (const [name, c] of current) {
    const r = reference.get(name);
    currentTotal += c;
    terms += (c + alpha) * Math.log((c + alpha) / ((r ?? 0) + alpha));
    if (r === undefined) continue;
    met++;
    factor /= r + alpha;
    if (factor > 1e-200) continue;
    absent += Math.log(factor);
    factor = 1;
  }
  absent += Math.log(factor);
  const K = current.size + reference.size - met + 1;
  terms += alpha * ((reference.size - met) * Math.log(alpha) - absent);
  const q0 = currentTotal + alpha * K;
  const p0 = referenceTotal + alpha * K;
  return terms / q0 + Math.log(p0 / q0);
}

function allNames(current: NamedCounts, reference: NamedCounts): string[] {
  const names = [...reference.keys()];
  for (const name of current.keys()) if (!reference.has(name)) names.push(name);
  return names;
}

/**
 * The most frequent names, of equals the first by name.
 *
 * @param least names that occur less often are left out. @default 0
 */
export function mostFrequent(counts: NamedCounts, top: number, least = 0): string[] {
  return [...counts]
    .filter(([, count]) => count >= least)
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .slice(0, top)
    .map(([name]) => name);
}
