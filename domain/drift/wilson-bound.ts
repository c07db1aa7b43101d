/**
 * Wilson's lower bound of a share: what it surely is at least, also with few rows.
 *
 * @param hits       of n rows, 0..n
 * @param n          > 0
 * @param deviations of the normal distribution; 3.09 errs once in a thousand times
 * @see Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927; golden vectors:
 *   test/golden/signals.json (scipy)
 */
export function wilsonLowerBound(hits: number, n: number, deviations: number): number {
  const z2 = deviations ** 2;
  const share = hits / n;
  const spread = deviations * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n * n));
  return (share + z2 / (2 * n) - spread) / (1 + z2 / n);
}
