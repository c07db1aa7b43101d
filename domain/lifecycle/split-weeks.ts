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

/** Days of the newest week, ISO weekdays: Friday decides early stopping and weights, the weekend compares. */
const RETRAIN_DAYS = { train: [1, 2, 3, 4], validate: [5], heldOut: [6, 7] } as const;

/** Days of a week; null is all seven. */
export interface WeekSlice {
  readonly week: string;
  readonly days: readonly number[] | null;
}

/** All days of the weeks, as a selection of rows. */
export function wholeWeeks(weeks: readonly string[]): {
  kind: 'slices';
  slices: { week: string; days: null }[];
} {
  return { kind: 'slices', slices: weeks.map((week) => ({ week, days: null })) };
}

/**
 * A retraining with the newest week: recent weeks and its Monday to Friday train, its weekend, which
 * neither model has seen, compares.
 *
 * @param weeks usable weeks, oldest first, the newest last
 * @param recent how many weeks before the newest train
 */
export function splitForRetraining(
  weeks: readonly string[],
  recent: number,
): { train: WeekSlice[]; validate: WeekSlice[]; heldOut: WeekSlice[] } {
  const newest = weeks.slice(-1);
  const before = weeks.slice(0, -1).slice(-recent);
  const days = (part: keyof typeof RETRAIN_DAYS): WeekSlice[] =>
    newest.map((week) => ({ week, days: RETRAIN_DAYS[part] }));
  return {
    train: [...before.map((week) => ({ week, days: null })), ...days('train')],
    validate: days('validate'),
    heldOut: days('heldOut'),
  };
}
