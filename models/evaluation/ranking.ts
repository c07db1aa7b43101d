/** How well a score tells two kinds of rows apart, over all thresholds; as scikit-learn computes it. N rows. */

/**
 * The area under the ROC curve: the chance that a positive row scores above a negative one, ties counted half.
 *
 * @param scores   [N] higher for positive rows
 * @param positive [N] not 0 for positive rows
 * @returns 0..1; NaN when one kind is absent
 */
export function rocAuc(scores: ArrayLike<number>, positive: ArrayLike<number>): number {
  let area = 0;
  const last = walk(scores, positive, (from, to) => {
    area += ((to.hits + from.hits) / 2) * (to.alarms - from.alarms);
  });
  return area / (last.hits * last.alarms);
}

/**
 * The share of negative rows above the highest threshold that finds at least `recall` of the positive rows.
 *
 * @param scores   [N] higher for positive rows
 * @param positive [N] not 0 for positive rows
 * @param recall   (0, 1]. @default .95
 * @returns 0..1; NaN when one kind is absent
 */
export function falsePositiveRate(
  scores: ArrayLike<number>,
  positive: ArrayLike<number>,
  recall = 0.95,
): number {
  const points: RocPoint[] = [];
  const last = walk(scores, positive, (_, to) => points.push(to));
  const found = points.find(({ hits }) => hits / last.hits >= recall);
  return (found?.alarms ?? NaN) / last.alarms;
}

/**
 * The area under the open-set classification rate: of known rows the share that is accepted and answered rightly,
 * against the share of unknown rows that is accepted, over all thresholds. At most the accuracy.
 *
 * @param confidence [N] rows above a threshold are accepted
 * @param known      [N] not 0 for rows of known classes
 * @param right      [N] not 0 for known rows whose answer is right
 * @returns 0..1; NaN without unknown rows, or without right ones
 * @see Dhamija, Günther and Boult, NeurIPS 2018
 */
export function openSetRate(
  confidence: ArrayLike<number>,
  known: ArrayLike<number>,
  right: ArrayLike<number>,
): number {
  const rows = Array.from({ length: confidence.length }, (_, i) => i);
  const hits = rows.filter((i) => known[i] && right[i]);
  const asked = [...hits, ...rows.filter((i) => !known[i])];
  const area = rocAuc(
    asked.map((i) => confidence[i] ?? 0),
    asked.map((_, place) => (place < hits.length ? 1 : 0)),
  );
  return (area * hits.length) / rows.filter((i) => known[i]).length;
}

/** Rows at or above a threshold. */
interface RocPoint {
  readonly hits: number;
  readonly alarms: number;
}

/** Lowers the threshold from one distinct score to the next, and returns the last point: all rows. */
function walk(
  scores: ArrayLike<number>,
  positive: ArrayLike<number>,
  step: (from: RocPoint, to: RocPoint) => void,
): RocPoint {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort(
    (a, b) => (scores[b] ?? 0) - (scores[a] ?? 0),
  );
  let here: RocPoint = { hits: 0, alarms: 0 };
  let { hits, alarms } = here;
  order.forEach((row, i) => {
    if (positive[row]) hits++;
    else alarms++;
    const next = order[i + 1];
    if (next !== undefined && scores[next] === scores[row]) return;
    step(here, { hits, alarms });
    here = { hits, alarms };
  });
  return here;
}
