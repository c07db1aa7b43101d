/** Chooses training, validation and test rows from what the feature table holds. */
import type { Fault } from '../../contracts/errors.js';
import type { Preset, Selection, Split, Target } from '../../contracts/schemas/values.js';
import { MIN_WEEKS, splitWeeks, wholeWeeks } from '../../domain/lifecycle/split-weeks.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import { readFlowSet, readPart, type FlowSet } from '../../feature-store/read-flows.js';
import type { Selections } from '../../feature-store/select-rows.js';
import { weeksOf } from '../../feature-store/flow-times.js';
import { queryTables } from '../../feature-store/query-tables.js';
import type { JobContext } from './index.js';
import { classesOf, namesOf, withLabels } from './label-flows.js';

/** A split, and what keeps it from being used. */
export interface PlannedSplit {
  readonly split: Split;
  /** Why nothing can be trained on it; empty when something can. */
  readonly faults: readonly Fault[];
}

/** What a split is chosen from. */
interface SplitRequest {
  readonly preset: Preset;
  /** Version of `flow_features`. */
  readonly version: number;
  /** All weeks of the table, and those with enough rows, oldest first. */
  readonly weeks: readonly string[];
  readonly usable: readonly string[];
}

/** Where rows are read: one version of `flow_features`. */
export interface FlowVersion {
  readonly db: FeatureDb;
  readonly tablesRoot: string;
  readonly version: number;
}

const SHARES = { train: [0, 0.6], validate: [0.6, 0.8], test: [0.8, 1] } as const;
const TARGETS = ['APP', 'CATEGORY'] as const satisfies readonly Target[];

/** How the rows are cut; the rest of a split follows from it and from the training rows. */
export type Cut = Pick<Split, 'kind' | 'rule' | 'watch'> & { readonly selections: Selections };

/** The split for the first champions. */
export async function planSplitJob(
  { preset, version, weeks, usable }: SplitRequest,
  { layout }: JobContext,
): Promise<PlannedSplit> {
  const db = await FeatureDb.open();
  try {
    const source = { db, tablesRoot: layout.tables, version };
    const cut = weekCut(usable) ?? (await mergedCut(source, weeks, usable, preset));
    const train = await readFlowSet(source, cut.selections.train);
    return {
      split: await splitOf(source, cut, train, preset),
      faults: await trainingFaults(source, cut, train, preset),
    };
  } finally {
    db.close();
  }
}

/** By whole weeks, undefined when there are too few. */
function weekCut(usable: readonly string[]): Cut | undefined {
  const weeks = splitWeeks(usable);
  return (
    weeks && {
      kind: 'weeks',
      rule: `${usable.length} usable weeks: the last ${weeks.watch.length} are watched, the one before tests, the one before that validates`,
      watch: [...weeks.watch],
      selections: {
        train: wholeWeeks(weeks.train),
        validate: wholeWeeks(weeks.validate),
        test: wholeWeeks(weeks.test),
      },
    }
  );
}

/** All rows in time order; at random where the test rows would have hardly a trained class. */
async function mergedCut(
  source: FlowVersion,
  weeks: readonly string[],
  usable: readonly string[],
  preset: Preset,
): Promise<Cut> {
  const why = `${usable.length} of ${weeks.length} ISO weeks have ${preset.minRowsPerWeek} rows or more, a split by weeks needs ${MIN_WEEKS}`;
  const byTime = await timeParts(source);
  if (await halfIsKnown(source, byTime, preset)) {
    const rule = `${why}: all rows are merged and cut in time order 60/20/20; nothing is watched`;
    return { kind: 'time', rule, watch: [], selections: byTime };
  }
  const rule = `${why}; in time order fewer than half of the test rows have a trained class: all rows are merged and cut 60/20/20 at random by seed ${preset.seed}, identical rows together; nothing is watched`;
  return { kind: 'random', rule, watch: [], selections: randomParts(preset.seed) };
}

/** What keeps targets from being trained: too few rows of too few classes. */
export async function trainingFaults(
  source: FlowVersion,
  { selections }: Cut,
  train: FlowSet,
  preset: Preset,
  targets: readonly Target[] = TARGETS,
): Promise<Fault[]> {
  const validate = await readPart(source, selections, 'validate');
  return targets.flatMap((target): Fault[] => {
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

/** The split that a cut makes. */
export async function splitOf(
  source: FlowVersion,
  { selections, ...cut }: Cut,
  train: FlowSet,
  preset: Preset,
): Promise<Split> {
  return {
    ...cut,
    train: await weeksWith(source, selections.train),
    validate: await weeksWith(source, selections.validate),
    test: await weeksWith(source, selections.test),
    skippedClasses: skippedClasses(train, preset),
    selections,
    features: { table: 'flow_features', version: source.version },
  };
}

/** The ISO weeks of a selection, oldest first. */
async function weeksWith(source: FlowVersion, selection: Selection): Promise<string[]> {
  if (selection.kind === 'slices') return selection.slices.map(({ week }) => week);
  return weeksOf(source, selection);
}

/** Classes with too few training rows, for both targets. */
function skippedClasses(train: FlowSet, preset: Preset): Split['skippedClasses'] {
  return TARGETS.flatMap((target) =>
    [...classesOf(train, target, preset.minRowsPerClass).skipped].map(([name, rows]) => ({
      target,
      class: name,
      rows,
    })),
  );
}

async function timeParts({ db, tablesRoot, version }: FlowVersion): Promise<Selections> {
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

function randomParts(seed: number): Selections {
  const part = ([from, to]: readonly [number, number]): Selection => ({
    kind: 'random',
    from,
    to,
    seed,
  });
  return { train: part(SHARES.train), validate: part(SHARES.validate), test: part(SHARES.test) };
}

async function halfIsKnown(
  source: FlowVersion,
  parts: Selections,
  preset: Preset,
): Promise<boolean> {
  const train = await readFlowSet(source, parts.train);
  const known = new Set(classesOf(train, 'APP', preset.minRowsPerClass).classes);
  const names = namesOf(await readFlowSet(source, parts.test), 'APP');
  return names.filter((name) => known.has(name)).length * 2 >= names.length;
}
