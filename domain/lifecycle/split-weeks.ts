/** Which weeks train, validate, test and are watched. Weeks are in order of time; nothing later trains. */

/** A split by whole weeks. */
export interface WeekSplit {
  readonly train: readonly string[];
  readonly validate: readonly string[];
  readonly test: readonly string[];
  readonly watch: readonly string[];
}

/** Fewer usable weeks than this are not split by weeks. */
export const MIN_WEEKS = 5;

/**
 * The last quarter of the usable weeks, rounded up, is watched; the week before it tests, the one before
 * that validates, the rest train.
 *
 * @param weeks usable weeks, oldest first
 * @returns undefined with fewer than `MIN_WEEKS` weeks
 */
export function splitWeeks(weeks: readonly string[]): WeekSplit | undefined {
  if (weeks.length < MIN_WEEKS) return undefined;
  const test = weeks.length - Math.ceil(weeks.length / 4) - 1;
  return {
    train: weeks.slice(0, test - 1),
    validate: weeks.slice(test - 1, test),
    test: weeks.slice(test, test + 1),
    watch: weeks.slice(test + 1),
  };
}

/** All days of the weeks, as a selection of rows. */
export function wholeWeeks(weeks: readonly string[]): {
  kind: 'slices';
  slices: { week: string; days: null }[];
} {
  return { kind: 'slices', slices: weeks.map((week) => ({ week, days: null })) };
}
