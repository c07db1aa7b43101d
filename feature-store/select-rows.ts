/** Rows of `flow_features` by what they are used for, as SQL over one snapshot. */
import type { Selection } from '../contracts/schemas/values.js';
import { TABULAR_FEATURE_NAMES } from '../domain/traffic/features.js';
import { isoWeekOf } from '../dag/partitions.js';
import { scanSnapshot } from './delta/scan.js';
import type { LiveFile, Snapshot } from './delta/snapshot.js';
import { isInWeek } from './derived.js';
import { quoteName } from './duckdb.js';
import { parseIsoWeek, PPI_COLUMNS } from './tables.js';
import { weekOfFile } from './week-rows.js';

/** Parts in the order of time; a flow stays in the first that has it. */
export const TRAINING_PARTS = ['train', 'validate', 'test'] as const;

/** One of the parts above. */
export type TrainingPart = (typeof TRAINING_PARTS)[number];

/** The rows of each part, before flows of earlier parts are left out. */
export type Selections = Readonly<Record<TrainingPart, Selection>>;

/** Further conditions on rows. */
export interface RowConditions {
  /** No row that began after this instant, ms since 1970. @default all */
  readonly untilMs?: number;
  /** No row whose packets and statistics equal those of a row of these. @default none */
  readonly without?: readonly {
    readonly selection: Selection;
    /** Where they lie. @default the snapshot that is read */
    readonly snapshot?: Snapshot;
  }[];
  /** About so many rows, the same ones each time, by a hash of their place in the sources. @default all */
  readonly maxRows?: number;
}

/**
 * A SELECT of all columns of `flow_features`.
 *
 * @param selection undefined for every row
 */
export function rowsOf(
  snapshot: Snapshot,
  selection: Selection | undefined,
  { untilMs, without = [], maxRows }: RowConditions = {},
): string {
  const until = untilMs === undefined ? {} : { untilMs };
  const earlier = without.map(
    (other) =>
      `SELECT ${FLOW_KEY} FROM (${rowsOf(other.snapshot ?? snapshot, other.selection, until)})`,
  );
  const conditions = [
    ...(selection === undefined ? [] : [conditionOf(selection)]),
    ...(untilMs === undefined ? [] : [`epoch_us(time_first) <= ${Math.floor(untilMs * 1000)}`]),
    ...(earlier.length === 0 ? [] : [`${FLOW_KEY} NOT IN (${earlier.join(' UNION ALL ')})`]),
  ];
  const scan = scanSnapshot(snapshot, selection && mayHold(selection));
  const rows =
    conditions.length === 0 ? scan : `SELECT * FROM (${scan}) WHERE ${conditions.join(' AND ')}`;
  if (maxRows === undefined) return rows;
  return `SELECT * FROM (${rows})
    WHERE hash(source_sha, source_row) / ${2 ** 64} < ${maxRows} / (SELECT count(*) FROM (${rows}))`;
}

/** The rows of a part, as they were known when the snapshot was committed, unless `untilMs` is earlier or later. */
export function rowsOfPart(
  snapshot: Snapshot,
  selections: Selections,
  part: TrainingPart,
  untilMs = snapshot.timestampMs,
): string {
  const earlier = TRAINING_PARTS.slice(0, TRAINING_PARTS.indexOf(part));
  const without = earlier.map((other) => ({ selection: selections[other] }));
  return rowsOf(snapshot, selections[part], { untilMs, without });
}

/** Which files may have rows of a selection. */
function mayHold(selection: Selection): (file: LiveFile) => boolean {
  switch (selection.kind) {
    case 'slices': {
      const filters = selection.slices.map(({ week }) => isInWeek(week));
      return (file) => filters.some((inWeek) => inWeek(file));
    }
    case 'time': {
      const [from, to] = [selection.fromMs, selection.toMs].map(
        (ms) => ms !== null && isoWeekOf(new Date(ms)),
      );
      return (file) => {
        const week = weekOfFile(file);
        return (!from || from <= week) && (!to || week <= to);
      };
    }
    case 'random':
      return () => true;
  }
}

function conditionOf(selection: Selection): string {
  switch (selection.kind) {
    case 'slices': {
      const slices = selection.slices.map(({ week, days }) => {
        const { isoYear, isoWeek } = parseIsoWeek(week)!; // checked by `isInWeek`
        const inDays = days === null ? '' : ` AND ${ISO_WEEKDAY} IN (${days.join(', ') || 'NULL'})`;
        return `iso_year = ${isoYear} AND iso_week = ${isoWeek}${inDays}`;
      });
      return slices.length === 0 ? 'false' : `(${slices.join(' OR ')})`;
    }
    case 'time': {
      const { fromMs, toMs } = selection;
      const from = fromMs === null ? [] : [`epoch_us(time_first) >= ${Math.round(fromMs * 1000)}`];
      const to = toMs === null ? [] : [`epoch_us(time_first) < ${Math.round(toMs * 1000)}`];
      return ['true', ...from, ...to].join(' AND ');
    }
    case 'random': {
      const { from, to, seed } = selection;
      const share = shareOf(FLOW_KEY, seed);
      return `list_contains(list_transform(${share}, lambda share: ${from} <= share AND share < ${to}), true)`;
    }
  }
}

/** SQL of a list of one place in [0, 1) that depends on a key (UBIGINT) and the seed alone: splitmix64. */
export function shareOf(key: string, seed: number): string {
  const offset = BigInt.asUintN(64, BigInt(seed) * 0x9e3779b97f4a7c15n);
  const steps = [
    // 64 bits of a sum or product, which DuckDB would not let overflow
    low64(`z::UHUGEINT + ${offset}::UHUGEINT`),
    low64(`xor(z, z >> 30)::UHUGEINT * ${0xbf58476d1ce4e5b9n}::UHUGEINT`),
    low64(`xor(z, z >> 27)::UHUGEINT * ${0x94d049bb133111ebn}::UHUGEINT`),
    `(xor(z, z >> 31) >> 11)::DOUBLE / ${2 ** 53}::DOUBLE`,
  ];
  return steps.reduce((z, step) => `list_transform(${z}, lambda z: ${step})`, `[${key}]`);
}

function low64(sum: string): string {
  return `((${sum}) % ${2n ** 64n}::UHUGEINT)::UBIGINT`;
}

/** 64 bits of what a model can see: equal for equal flows. Stable within one version of the program. */
const FLOW_KEY = `hash(${[...TABULAR_FEATURE_NAMES, ...PPI_COLUMNS].map(quoteName).join(', ')})`;

/** 1 = Monday .. 7 = Sunday, UTC. The epoch was a Thursday. */
const ISO_WEEKDAY = `((((floor(epoch_us(time_first) / 86400000000)::BIGINT + 3) % 7) + 7) % 7) + 1`;
