/** Chooses training, validation and test rows from what the feature table holds. */
import type { Fault } from '../../contracts/errors.js';
import type { Preset, Selection, Split, Target } from '../../contracts/schemas/values.js';
import {
  MIN_WEEKS,
  splitForRetraining,
  splitWeeks,
  type WeekSlice,
  type WeekSplit,
} from '../../domain/lifecycle/split-weeks.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { queryTables } from '../../feature-store/query-tables.js';
import type { JobContext } from './index.js';
import { classesOf, namesOf, readSelection, withLabels, type FlowSource } from './select-flows.js';

/** A split, and what keeps it from being used. */
export interface PlannedSplit {
  readonly split: Split;
  /** Why nothing can be trained on it; empty when something can. */
  readonly faults: readonly Fault[];
}

type Parts = Record<'train' | 'validate' | 'test', Selection>;

const SHARES = { train: [0, 0.6], validate: [0.6, 0.8], test: [0.8, 1] } as const;
const TARGETS: readonly Target[] = ['APP', 'CATEGORY'];

/** The split for the first champions. `weeks` are those of the table, `usable` have enough rows. */
export async function planSplitJob(
  { preset, version, weeks, usable }: SplitRequest & { weeks: readonly string[] },
  { layout }: JobContext,
): Promise<PlannedSplit> {
  const db = await FeatureDb.open();
  try {
    const source = { db, tablesRoot: layout.tables, version };
    const byWeeks = splitWeeks(usable);
    const split =
      byWeeks === undefined
        ? await mergedSplit(source, weeks, usable, preset)
        : await weekSplit(
            source,
            byWeeks,
            `${usable.length} usable weeks: the last ${byWeeks.watch.length} are watched, the one before tests, the one before that validates`,
            preset,
          );
    return { split, faults: await trainingFaults(source, split, preset) };
  } finally {
    db.close();
  }
}

/** What a split is chosen from. */
export interface SplitRequest {
  readonly preset: Preset;
  /** Version of `flow_features`. */
  readonly version: number;
  /** Weeks with enough rows, oldest first. */
  readonly usable: readonly string[];
}

/** The split for a retraining with `week`; its test rows are the held-out days. */
export async function planRetrainJob(
  { preset, version, usable, week }: SplitRequest & { week: string },
  { layout }: JobContext,
): Promise<Split> {
  const before = usable.filter((other) => other < week);
  const { train, validate, heldOut } = splitForRetraining([...before, week], preset.retrainWeeks);
  const slices = (part: readonly WeekSlice[]): Selection => ({
    kind: 'slices',
    slices: part.map((slice) => ({ week: slice.week, days: slice.days && [...slice.days] })),
  });
  const selections = { train: slices(train), validate: slices(validate), test: slices(heldOut) };
  const db = await FeatureDb.open();
  const source = { db, tablesRoot: layout.tables, version };
  return {
    kind: 'weeks',
    rule: `retraining: up to ${preset.retrainWeeks} weeks before ${week} and its Monday to Thursday train, its Friday validates, its weekend compares`,
    train: train.map((slice) => slice.week),
    validate: [week],
    test: [week],
    watch: [],
    skippedClasses: await skippedClasses(source, selections.train, preset).finally(() =>
      db.close(),
    ),
    selections,
    features: { table: 'flow_features', version },
  };
}

/** All rows in time order; at random where the test rows would have hardly a trained class. */
async function mergedSplit(
  source: FlowSource,
  weeks: readonly string[],
  usable: readonly string[],
  preset: Preset,
): Promise<Split> {
  const why = `${usable.length} of ${weeks.length} ISO weeks have ${preset.minRowsPerWeek} rows or more, a split by weeks needs ${MIN_WEEKS}`;
  const byTime = await timeParts(source);
  if (await halfIsKnown(source, byTime, preset)) {
    const rule = `${why}: all rows are merged and cut in time order 60/20/20; nothing is watched`;
    return { ...(await describe(source, 'time', byTime, preset)), rule };
  }
  const rule = `${why}; in time order fewer than half of the test rows have a trained class: all rows are merged and cut 60/20/20 at random by seed ${preset.seed}, identical rows together; nothing is watched`;
  return { ...(await describe(source, 'random', randomParts(preset.seed), preset)), rule };
}

async function trainingFaults(
  source: FlowSource,
  { selections }: Split,
  preset: Preset,
): Promise<Fault[]> {
  const [train, validate] = [
    await readSelection(source, selections.train),
    await readSelection(source, selections.validate),
  ];
  return TARGETS.flatMap((target): Fault[] => {
    const { classes } = classesOf(train, target, preset.minRowsPerClass);
    const known = withLabels(validate, target, classes).flows.n;
    if (classes.length >= 2 && known > 0) return [];
    return [
      {
        code: 'TRAINING_TOO_FEW_ROWS',
        column: target,
        found: `${classes.length} classes with ${preset.minRowsPerClass} training rows or more, and ${known} validation rows of them`,
        expected: 'at least 2 classes, and one validation row',
        fix: 'ingest more flows; nothing is trained until then',
      },
    ];
  });
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
async function skippedClasses(
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
