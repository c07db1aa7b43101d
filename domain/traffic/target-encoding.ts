/**
 * A category as the smoothed share of each class among its rows: scikit-learn's TargetEncoder, K classes.
 *
 * All that an encoding needs is how many rows of a category have which class, so fitting is one GROUP BY,
 * and leaving a fold out is a subtraction. For two classes scikit-learn keeps the second column only.
 *
 * @see Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes", 2001
 * @see test/golden/features.json (scikit-learn)
 */

/** Rows by category and class. K classes; plain JSON. */
export interface TargetCounts {
  /** [K] */
  readonly classRows: readonly number[];
  /** By category: rows by class index 0..K-1; classes without rows are left out. */
  readonly categories: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** `auto`: as much as the variances of category and column say; else a number of rows that say the mean. */
export type Smoothing = 'auto' | number;

/**
 * The encoding of one category.
 *
 * @returns [K]; the share of each class in all rows for a category without rows
 */
export function encodeCategory(
  { classRows, categories }: TargetCounts,
  category: string,
  smooth: Smoothing,
): number[] {
  const rows = sum(classRows);
  const ofCategory = ownValue(categories, category) ?? {};
  const n = sum(Object.values(ofCategory));
  return classRows.map((rowsOfClass, k) => {
    const mean = rowsOfClass / rows;
    if (n === 0) return mean;
    const inCategory = ofCategory[k] ?? 0;
    if (smooth !== 'auto') return (inCategory + smooth * mean) / (n + smooth);
    const own = inCategory / n;
    const variance = mean * (1 - mean);
    const spread = own * (1 - own); // of the category: its sum of squares over n
    const weight = (variance * n) / (variance * n + spread);
    return Number.isNaN(weight) ? mean : weight * own + (1 - weight) * mean;
  });
}

/** The counts without those of a fold, for encoding the rows of that fold. */
export function withoutFold(all: TargetCounts, fold: TargetCounts): TargetCounts {
  return {
    classRows: all.classRows.map((rows, k) => rows - (fold.classRows[k] ?? 0)),
    categories: Object.fromEntries(
      Object.entries(all.categories).map(([category, counts]) => {
        const left = ownValue(fold.categories, category);
        return [
          category,
          left === undefined
            ? counts
            : Object.fromEntries(
                Object.entries(counts).map(([k, rows]) => [k, rows - (left[k] ?? 0)]),
              ),
        ];
      }),
    ),
  };
}

// a server may be called `constructor`
function ownValue<T>(values: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(values, key) ? values[key] : undefined;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
