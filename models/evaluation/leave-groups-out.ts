/** Folds by group: rows that come from one place are never on both sides of a split. */

/** Rows of one fold, from 0. */
export interface Fold {
  readonly train: readonly number[];
  readonly test: readonly number[];
}

/**
 * Every group's rows once as test rows, all others as training rows; folds in the order of the groups.
 *
 * @param groups [N] group of each row, 0..G-1
 */
export function leaveGroupsOut(groups: Int32Array): Fold[] {
  const rows = Array.from(groups, (_, row) => row);
  return [...new Set(groups)]
    .sort((a, b) => a - b)
    .map((group) => ({
      train: rows.filter((row) => groups[row] !== group),
      test: rows.filter((row) => groups[row] === group),
    }));
}
