/** Chooses training, validation and test rows from what the feature table holds. */
import type { Preset, Selection, Split, Target } from '../../contracts/schemas/values.js';
import { MIN_WEEKS, splitWeeks, type WeekSplit } from '../../domain/lifecycle/split-weeks.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { queryTables } from '../../feature-store/query-tables.js';
import { isoWeekText } from '../../feature-store/tables.js';
import type { JobContext } from './index.js';
import { classesOf, namesOf, readSelection, type FlowSource } from './select-flows.js';

export interface PlannedSplit {
  readonly split: Split;
  /** Weeks with enough rows, oldest first. */
  readonly usable: readonly string[];
}

type Parts = Record<'train' | 'validate' | 'test', Selection>;

const SHARES = { train: [0, 0.6], validate: [0.6, 0.8], test: [0.8, 1] } as const;
const TARGETS: readonly Target[] = ['APP', 'CATEGORY'];

export async function planSplitJob(
  { preset, version }: { preset: Preset; version: number },
  { layout }: JobContext,
): Promise<PlannedSplit> {
  const db = await FeatureDb.open();
  try {
    const source = { db, tablesRoot: layout.tables, version };
    const weeks = await countWeeks(source);
    const usable = weeks
      .filter(({ rows }) => rows >= preset.minRowsPerWeek)
      .map(({ week }) => week);
    const byWeeks = splitWeeks(usable);
    if (byWeeks !== undefined) {
      const rule = `${usable.length} usable weeks: the last ${byWeeks.watch.length} are watched, the one before tests, the one before that validates`;
      return { usable, split: await weekSplit(source, byWeeks, rule, preset) };
    }
    const total = weeks.reduce((sum, { rows }) => sum + rows, 0);
    const why = `${usable.length} of ${weeks.length} ISO weeks have ${preset.minRowsPerWeek} rows or more, a split by weeks needs ${MIN_WEEKS}`;
    const byTime = await timeParts(source);
    const timed = await describe(source, 'time', byTime, preset);
    if (await halfIsKnown(source, byTime, preset)) {
      const rule = `${why}: all ${total} rows are merged and cut in time order 60/20/20; nothing is watched`;
      return { usable, split: { ...timed, rule } };
    }
    const random = await describe(source, 'random', randomParts(preset.seed), preset);
    const rule = `${why}; in time order fewer than half of the test rows have a trained class: all ${total} rows are merged and cut 60/20/20 at random by seed ${preset.seed}, identical rows together; nothing is watched`;
    return { usable, split: { ...random, rule } };
  } finally {
    db.close();
  }
}

async function weekSplit(
  source: FlowSource,
  weeks: WeekSplit,
  rule: string,
  preset: Preset,
): Promise<Split> {
  const whole = (part: readonly string[]): Selection => ({
    kind: 'slices',
    slices: part.map((week) => ({ week, days: null })),
  });
  const selections = {
    train: whole(weeks.train),
    validate: whole(weeks.validate),
    test: whole(weeks.test),
  };
  return {
    kind: 'weeks',
    rule,
    train: [...weeks.train],
    validate: [...weeks.validate],
    test: [...weeks.test],
    watch: [...weeks.watch],
    skippedClasses: await skippedClasses(source, selections.train, preset),
    selections,
    features: { table: 'flow_features', version: source.version },
  };
}

async function describe(
  source: FlowSource,
  kind: 'time' | 'random',
  selections: Parts,
  preset: Preset,
): Promise<Split> {
  const weeksOf = async (part: keyof Parts): Promise<string[]> => {
    const { week } = await readSelection(source, selections[part]);
    return [...new Set(week)].sort();
  };
  return {
    kind,
    rule: '',
    train: await weeksOf('train'),
    validate: await weeksOf('validate'),
    test: await weeksOf('test'),
    watch: [],
    skippedClasses: await skippedClasses(source, selections.train, preset),
    selections,
    features: { table: 'flow_features', version: source.version },
  };
}

/** Classes with too few training rows, for both targets. */
export async function skippedClasses(
  source: FlowSource,
  train: Selection,
  preset: Preset,
): Promise<Split['skippedClasses']> {
  const set = await readSelection(source, train);
  return TARGETS.flatMap((target) =>
    [...classesOf(set, target, preset.minRowsPerClass).skipped].map(([name, rows]) => ({
      target,
      class: name,
      rows,
    })),
  );
}

async function countWeeks({ db, tablesRoot, version }: FlowSource) {
  const { rows } = await queryTables({
    db,
    tablesRoot,
    sql: 'SELECT iso_year, iso_week, count(*) AS rows FROM flow_features GROUP BY ALL ORDER BY ALL',
    asOf: { flow_features: version },
  });
  return rows.map((row) => ({
    week: isoWeekText(Number(row['iso_year']), Number(row['iso_week'])),
    rows: Number(row['rows']),
  }));
}

async function timeParts({ db, tablesRoot, version }: FlowSource): Promise<Parts> {
  const { rows } = await queryTables({
    db,
    tablesRoot,
    sql: `SELECT unnest(quantile_disc(epoch_us(time_first), [${SHARES.train[1]}, ${SHARES.validate[1]}])) / 1000 AS cut
          FROM flow_features`,
    asOf: { flow_features: version },
  });
  const [first, second] = rows.map((row) => Number(row['cut']));
  const [toValidate = 0, toTest = 0] = [first, second];
  return {
    train: { kind: 'time', fromMs: null, toMs: toValidate },
    validate: { kind: 'time', fromMs: toValidate, toMs: toTest },
    test: { kind: 'time', fromMs: toTest, toMs: null },
  };
}

function randomParts(seed: number): Parts {
  const part = ([from, to]: readonly [number, number]): Selection => ({
    kind: 'random',
    from,
    to,
    seed,
  });
  return { train: part(SHARES.train), validate: part(SHARES.validate), test: part(SHARES.test) };
}

async function halfIsKnown(source: FlowSource, parts: Parts, preset: Preset): Promise<boolean> {
  const train = await readSelection(source, parts.train);
  const known = new Set(classesOf(train, 'APP', preset.minRowsPerClass).classes);
  const names = namesOf(await readSelection(source, parts.test), 'APP');
  return names.filter((name) => known.has(name)).length * 2 >= names.length;
}
