/**
 * Centre and scale of a column, as scikit-learn's StandardScaler and RobustScaler choose them.
 *
 * Both take what SQL can sum or sort, so a column of any length is never held in memory.
 *
 * @see test/golden/features.json (scikit-learn)
 */

/** `(x - center) / scale`. */
export interface Scaling {
  readonly center: number;
  /** Above 0. */
  readonly scale: number;
}

const EPSILON = Number.EPSILON;

/**
 * Mean 0 and standard deviation 1; a column that is constant up to rounding is only centred.
 *
 * @param variance population variance (ddof 0)
 */
export function standardScaling(column: {
  readonly rows: number;
  readonly mean: number;
  readonly variance: number;
}): Scaling {
  const { rows, mean, variance } = column;
  // scikit-learn's bound on the error of the variance itself (_is_constant_feature)
  const noise = rows * EPSILON * variance + (rows * mean * EPSILON) ** 2;
  return { center: mean, scale: variance <= noise ? 1 : Math.sqrt(variance) };
}

/** Median 0 and quartiles 1 apart; a column whose quartiles are equal is only centred. */
export function robustScaling(quartiles: {
  readonly q25: number;
  readonly median: number;
  readonly q75: number;
}): Scaling {
  const range = quartiles.q75 - quartiles.q25;
  return { center: quartiles.median, scale: range < 10 * EPSILON ? 1 : range };
}
