/**
 * SMOTE: new rows of a rare class between a row and one of its nearest neighbours of that class.
 *
 * For numbers only: between two directions of a packet, or two flags, there is nothing. N rows, F columns.
 *
 * @see Chawla et al., JAIR 16, 2002; drawn as imbalanced-learn 0.14 does it
 */

/** Rows of one class. */
export interface ClassRows {
  /** N, at least 2. */
  readonly n: number;
  /** [N, F] row-major. */
  readonly values: Float64Array;
  readonly columns: number;
}

/** Which row, which of its neighbours, and how far towards it; in order. */
export interface SmoteDraws {
  /** [new] in 0..N·k-1: row = floor(draw / k), neighbour = draw mod k. */
  readonly places: ArrayLike<number>;
  /** [new] in [0, 1). */
  readonly steps: ArrayLike<number>;
}

/**
 * The k nearest other rows of each row by Euclidean distance, nearest first; of equals the earlier row.
 * Compares every pair: a class that needs more rows has few.
 *
 * @returns [N, k] row-major; k is at most N - 1
 */
export function nearestRows({ n, values, columns }: ClassRows, k: number): Int32Array {
  const kept = Math.min(k, n - 1);
  const nearest = new Int32Array(n * kept);
  for (let i = 0; i < n; i++) {
    const others = Array.from({ length: n }, (_, j) => j).filter((j) => j !== i);
    const distances = others.map((j) => {
      let sum = 0;
      for (let f = 0; f < columns; f++) {
        sum += ((values[i * columns + f] ?? 0) - (values[j * columns + f] ?? 0)) ** 2;
      }
      return { j, sum };
    });
    distances.sort((a, b) => a.sum - b.sum || a.j - b.j);
    for (let at = 0; at < kept; at++) nearest[i * kept + at] = distances[at]?.j ?? i;
  }
  return nearest;
}

/**
 * One new row for each draw: x + step (neighbour - x).
 *
 * @param nearest [N, k] as `nearestRows` of the same or of scaled values returns them
 * @returns [new, F] row-major
 */
export function interpolateRows(
  { n, values, columns }: ClassRows,
  nearest: Int32Array,
  { places, steps }: SmoteDraws,
): Float64Array {
  const k = nearest.length / n;
  const made = new Float64Array(places.length * columns);
  for (let i = 0; i < places.length; i++) {
    const place = places[i] ?? 0;
    const from = Math.floor(place / k) * columns;
    const to = (nearest[place] ?? 0) * columns;
    const step = steps[i] ?? 0;
    for (let f = 0; f < columns; f++) {
      const x = values[from + f] ?? 0;
      made[i * columns + f] = x + step * ((values[to + f] ?? 0) - x);
    }
  }
  return made;
}
