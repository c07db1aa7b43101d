/** Fitting a transformer: sums, sorts and counts in DuckDB, which spills; no row comes into this process. */
import { robustScaling, standardScaling, type Scaling } from '../domain/traffic/scaling.js';
import type { TargetCounts } from '../domain/traffic/target-encoding.js';
import type { FeatureStep, FittedStep } from '../domain/traffic/transformer.js';
import { FeatureDb, quoteName, type FeatureDbOptions, type Session } from './duckdb.js';
import { inputOf, withPacketStatistics } from './transform-sql.js';

type ScaleStep = Extract<FeatureStep, { kind: 'scale' }>;
type TargetStep = Extract<FeatureStep, { kind: 'target' }>;

/**
 * Steps with what the rows say.
 *
 * One thread adds in one order: the same files give the same bits, and so the same version.
 *
 * @param rows a SELECT of `flow_features` over files; training rows only
 */
export async function fitSteps(
  steps: readonly FeatureStep[],
  rows: string,
  options: Omit<FeatureDbOptions, 'threads'> = {},
): Promise<FittedStep[]> {
  const asTheyAre = steps.flatMap((step) =>
    step.kind === 'scale' && step.by === 'none' ? [{ ...step, center: 0, scale: 1 }] : [],
  );
  if (asTheyAre.length === steps.length) return asTheyAre; // there is nothing to learn
  const db = await FeatureDb.open({ ...options, threads: 1 });
  try {
    return await db.session(async (session) => {
      // once: packet statistics cost more than all that is learnt from them
      const needed = new Set(
        steps.flatMap((step) => [step.of, ...('label' in step ? [step.label] : [])]),
      );
      await session.run(`CREATE TEMP TABLE training AS
        SELECT ${[...needed].map(quoteName).join(', ')} FROM (${withPacketStatistics(rows, steps)})`);
      const source = 'SELECT * FROM training';
      const scalings = await fitStandard(session, source, steps.filter(isScale));
      const fitted: FittedStep[] = [];
      for (const step of steps) {
        if (step.kind === 'hash') fitted.push(step);
        else if (step.kind === 'target') fitted.push(await fitTarget(session, source, step));
        else if (step.by === 'robust')
          fitted.push({ ...step, ...(await fitRobust(session, source, step)) });
        else fitted.push({ ...step, ...(scalings.get(step) ?? { center: 0, scale: 1 }) });
      }
      return fitted;
    });
  } finally {
    db.close();
  }
}

/** How many rows of each category have which class; with `fold`, by that column. */
export async function countTargets(
  session: Session,
  rows: string,
  step: TargetStep & { readonly classes: readonly string[] },
  fold = '0',
): Promise<TargetCounts[]> {
  const found = await session.rows<{ fold: number; category: string; label: string; n: number }>(
    `SELECT ${fold} AS fold, ${quoteName(step.of)}::VARCHAR AS category, ${quoteName(step.label)} AS label, count(*) AS n
     FROM (${rows}) GROUP BY ALL ORDER BY ALL`,
  );
  const index = new Map(step.classes.map((name, k) => [name, k]));
  const folds: { classRows: number[]; categories: Record<string, Record<string, number>> }[] = [];
  for (const row of found) {
    const k = index.get(row.label) ?? 0; // classes are those of the same rows
    while (folds.length <= row.fold)
      folds.push({ classRows: step.classes.map(() => 0), categories: {} });
    const counts = folds[row.fold]!; // made above
    counts.classRows[k] = (counts.classRows[k] ?? 0) + row.n;
    const own = Object.hasOwn(counts.categories, row.category)
      ? counts.categories[row.category]
      : undefined;
    counts.categories[row.category] = { ...own, [k]: row.n };
  }
  return folds;
}

async function fitStandard(
  session: Session,
  rows: string,
  steps: readonly ScaleStep[],
): Promise<Map<FeatureStep, Scaling>> {
  const standard = steps.filter(({ by }) => by === 'standard');
  if (standard.length === 0) return new Map();
  const sums = standard.flatMap((step, i) => [
    `coalesce(favg(${inputOf(step)}), 0) AS mean_${i}`,
    `coalesce(var_pop(${inputOf(step)}), 0) AS variance_${i}`,
  ]);
  const [found = {}] = await session.rows<Record<string, number>>(
    `SELECT count(*) AS n, ${sums.join(', ')} FROM (${rows})`,
  );
  return new Map(
    standard.map((step, i) => [
      step,
      standardScaling({
        rows: found['n'] ?? 0,
        mean: found[`mean_${i}`] ?? 0,
        variance: found[`variance_${i}`] ?? 0,
      }),
    ]),
  );
}

/** Quartiles as numpy's `linear`; by a sort, which spills where DuckDB's own quantiles would hold the column. */
async function fitRobust(session: Session, rows: string, step: ScaleStep): Promise<Scaling> {
  const [found] = await session.rows<{ q25: number; median: number; q75: number }>(`
    WITH sorted AS (
      SELECT ${inputOf(step)} AS v, row_number() OVER (ORDER BY ${inputOf(step)}) - 1 AS i, count(*) OVER () AS n
      FROM (${rows})
    ), wanted AS (
      SELECT v, i, n FROM sorted WHERE i IN (${QUARTILES.flatMap((q) => [`floor((n - 1) * ${q})`, `ceil((n - 1) * ${q})`]).join(', ')})
    )
    SELECT ${QUARTILES.map((q, k) => `${quartileOf(q)} AS ${['q25', 'median', 'q75'][k] ?? ''}`).join(', ')} FROM wanted`);
  return robustScaling(found ?? { q25: 0, median: 0, q75: 0 });
}

function quartileOf(q: number): string {
  const at = `(n - 1) * ${q}::DOUBLE`;
  const value = (place: string) => `max(v) FILTER (i = ${place}(${at}))`;
  return `coalesce(${value('floor')} + (${value('ceil')} - ${value('floor')}) * max(${at} - floor(${at})), 0)`;
}

async function fitTarget(session: Session, rows: string, step: TargetStep): Promise<FittedStep> {
  const labels = await session.rows<{ label: string }>(
    `SELECT DISTINCT ${quoteName(step.label)} AS label FROM (${rows}) ORDER BY label`,
  );
  const classes = labels.map(({ label }) => label);
  const [counts = { classRows: [], categories: {} }] = await countTargets(session, rows, {
    ...step,
    classes,
  });
  return { ...step, classes, counts };
}

function isScale(step: FeatureStep): step is ScaleStep {
  return step.kind === 'scale';
}

const QUARTILES = [0.25, 0.5, 0.75] as const;
