/**
 * Point-in-time training sets: rows as they were known at one instant, in parts that share no flow.
 *
 * A part holds no row that happened or was committed after the instant, and no flow whose packets and
 * statistics equal those of an earlier part. What was read stands in the record: the same record
 * gives the same rows, which their SHA-256 proves.
 */
import { createHash } from 'node:crypto';
import { PipelineError } from '../contracts/errors.js';
import { hashJson } from '../dag/plan-hash.js';
import { requireUsable, type FeatureView } from '../domain/traffic/feature-views.js';
import { TABULAR_FEATURE_NAMES } from '../domain/traffic/features.js';
import {
  columnsOfStep,
  type FittedStep,
  type Label,
  type Transformer,
} from '../domain/traffic/transformer.js';
import { scanSnapshot } from './delta/scan.js';
import { readSnapshot, type Snapshot } from './delta/snapshot.js';
import { commitTimes, newestAt } from './delta/commit-times.js';
import { isInWeek } from './derived.js';
import { quoteName, type Session } from './duckdb.js';
import { countTargets, fitSteps } from './fit-transformer.js';
import { FLOW_FEATURES, PPI_COLUMNS, tableFolder } from './tables.js';
import { selectTransformed, type FoldCounts } from './transform-sql.js';
import { transformerHash } from './transformer-store.js';
import { weekRows } from './week-rows.js';

/** Parts in the order of time; a flow stays in the first that has it. */
export const TRAINING_PARTS = ['train', 'validate', 'test'] as const;

/** One of the parts above. */
export type TrainingPart = (typeof TRAINING_PARTS)[number];

/** What to read. */
export interface TrainingSetRequest {
  /** Absolute folder that holds the tables. */
  readonly tablesRoot: string;
  readonly view: FeatureView;
  /** What a model is to tell; null for analysis, which may see everything. */
  readonly label: Label | null;
  /** ISO weeks of each part. */
  readonly weeks: Readonly<Record<TrainingPart, readonly string[]>>;
  /** The instant, ms since 1970: not in the future. */
  readonly asOfMs: number;
  /** Version of `flow_features`, committed by then. @default the newest of those */
  readonly version?: number;
  /** Folds for encodings of the training rows. @default 5 */
  readonly folds?: number;
}

/** What was read, as plain JSON: enough to read it again. */
export interface TrainingSetRecord {
  readonly view: string;
  /** SHA-256 of the view. */
  readonly viewHash: string;
  readonly label: Label | null;
  readonly features: { readonly table: string; readonly version: number };
  readonly asOfMs: number;
  readonly folds: number;
  /** SHA-256 of the transformer that was fitted on the training rows. */
  readonly transformer: string;
  readonly parts: Readonly<
    Record<
      TrainingPart,
      {
        readonly weeks: readonly string[];
        readonly rows: number;
        /** Rows left out because an earlier part has the same flow. */
        readonly duplicates: number;
        /** SHA-256 over the SHA-256 of each row, in the order of time_first, source_sha, source_row. */
        readonly sha256: string;
      }
    >
  >;
}

/** Rows as temporary tables of the session. */
export interface TrainingSet {
  readonly record: TrainingSetRecord;
  readonly transformer: Transformer;
  /** Names of the feature columns, in order. */
  readonly featureNames: readonly string[];
  /** A SELECT by part: source_sha, source_row, time_first, app, category, then the features, DOUBLE; in order. */
  readonly select: Readonly<Record<TrainingPart, string>>;
}

const KEYS = ['source_sha', 'source_row', 'time_first', 'app', 'category'] as const;
const ORDER = 'time_first, source_sha, source_row';

/**
 * Reads a training set; its transformer is fitted on the training rows alone, and categories of these are
 * encoded out of fold, equal flows in one fold.
 *
 * @throws PipelineError FEATURE_LEAKS, FEATURE_UNKNOWN, TRAINING_SET_CUT, TRAINING_TOO_FEW_ROWS
 */
export async function trainingSet(
  session: Session,
  request: TrainingSetRequest,
): Promise<TrainingSet> {
  const { view, label, weeks, asOfMs, folds = 5 } = request;
  requireUsable(view, label);
  const snapshot = await snapshotAt(request);
  const { version } = snapshot;
  const rowsOf = (part: TrainingPart): string => rowsUntil(snapshot, weeks[part], asOfMs);
  const steps = await fitSteps(view.steps, rowsOf('train'));
  const parts: Partial<Record<TrainingPart, TrainingSetRecord['parts'][TrainingPart]>> = {};
  const select: Partial<Record<TrainingPart, string>> = {};
  let transformer: Transformer | undefined;
  for (const [index, part] of TRAINING_PARTS.entries()) {
    const found = await separate(
      session,
      part,
      rowsOf(part),
      TRAINING_PARTS.slice(0, index),
      folds,
    );
    if (part === 'train' && found.rows === 0) throw nothingToTrainOn(snapshot, weeks.train);
    transformer ??= {
      format: 1,
      view: view.name,
      fittedOn: { table: FLOW_FEATURES.name, version, weeks: weeks[part], rows: found.rows },
      steps,
    };
    const source = `SELECT * FROM part_${part}`;
    const counts = part === 'train' ? await foldCounts(session, source, steps) : undefined;
    const features = await selectTransformed(session, transformer, source, KEYS, counts);
    await session.run(`CREATE OR REPLACE TEMP TABLE training_${part} AS ${features}`);
    select[part] = `SELECT * FROM training_${part} ORDER BY ${ORDER}`;
    const sha256 = await contentHash(session, `training_${part}`);
    parts[part] = { weeks: weeks[part], ...found, sha256 };
  }
  for (const part of TRAINING_PARTS) await session.run(`DROP TABLE part_${part}`);
  const complete = transformer!; // there is a first part
  return {
    record: {
      view: view.name,
      viewHash: hashJson(view),
      label,
      features: { table: FLOW_FEATURES.name, version },
      asOfMs,
      folds,
      transformer: transformerHash(complete),
      parts: parts as TrainingSetRecord['parts'], // all parts were made above
    },
    transformer: complete,
    featureNames: steps.flatMap(columnsOfStep),
    select: select as TrainingSet['select'], // the same
  };
}

async function snapshotAt({ tablesRoot, asOfMs, version }: TrainingSetRequest): Promise<Snapshot> {
  const table = tableFolder(tablesRoot, FLOW_FEATURES.name);
  const newest = newestAt(await commitTimes(table), asOfMs);
  const wanted = version ?? newest;
  const snapshot =
    newest === undefined || wanted === undefined || wanted > newest || asOfMs > Date.now()
      ? undefined
      : await readSnapshot(table, { version: wanted });
  if (snapshot !== undefined) return snapshot;
  throw new PipelineError({
    code: 'TRAINING_SET_CUT',
    file: table,
    found: `version ${wanted ?? 'none'} as of ${new Date(asOfMs).toISOString()}`,
    expected:
      asOfMs > Date.now()
        ? 'an instant that has passed: later commits would change the set'
        : newest === undefined
          ? 'a table that had been committed by then'
          : `a version up to ${newest}, the newest that had been committed by then`,
    fix: 'name a later instant, or an older version',
  });
}

function nothingToTrainOn(snapshot: Snapshot, weeks: readonly string[]): PipelineError {
  const there = weekRows(snapshot).map(({ week }) => week);
  return new PipelineError({
    code: 'TRAINING_TOO_FEW_ROWS',
    file: snapshot.table,
    found: `no rows of ${weeks.join(', ') || 'no week'} in version ${snapshot.version} by then`,
    expected: there.length === 0 ? 'no week is there yet' : there.join(', '),
    fix: 'name weeks of the table, or a later instant',
  });
}

function rowsUntil(snapshot: Snapshot, weeks: readonly string[], asOfMs: number): string {
  const filters = weeks.map(isInWeek);
  const scan = scanSnapshot(snapshot, (file) => filters.some((inWeek) => inWeek(file)));
  return `SELECT * FROM (${scan}) WHERE epoch_us(time_first) <= ${Math.floor(asOfMs * 1000)}`;
}

/** Makes `part_<name>`: the rows without the flows that earlier parts have. */
async function separate(
  session: Session,
  part: TrainingPart,
  rows: string,
  earlier: readonly TrainingPart[],
  folds: number,
): Promise<{ rows: number; duplicates: number }> {
  // 128 bits of what a model can see: equal for equal flows, whenever and wherever they were
  const seen = [...TABULAR_FEATURE_NAMES, ...PPI_COLUMNS].map(quoteName).join(', ');
  const keyed = `SELECT *, md5_number(row(${seen})::VARCHAR) AS flow_key FROM (${rows})`;
  const isNew = earlier.map((other) => `flow_key NOT IN (SELECT flow_key FROM part_${other})`);
  await session.run(`CREATE OR REPLACE TEMP TABLE part_${part} AS
    SELECT *, (flow_key % ${folds})::INTEGER AS fold FROM (${keyed})
    WHERE ${['true', ...isNew].join(' AND ')}`);
  const [all] = await session.rows<{ n: number }>(`SELECT count(*) AS n FROM (${rows})`);
  const [kept] = await session.rows<{ n: number }>(`SELECT count(*) AS n FROM part_${part}`);
  const count = kept?.n ?? 0;
  return { rows: count, duplicates: (all?.n ?? 0) - count };
}

async function foldCounts(
  session: Session,
  rows: string,
  steps: readonly FittedStep[],
): Promise<FoldCounts> {
  const counts = new Map<FittedStep, Awaited<ReturnType<typeof countTargets>>>();
  for (const step of steps)
    if (step.kind === 'target') counts.set(step, await countTargets(session, rows, step, 'fold'));
  return counts;
}

/** SHA-256 over the rows' own, in order; the rows' text is JSON, whose numbers are exact. */
async function contentHash(session: Session, table: string): Promise<string> {
  const hash = createHash('sha256');
  const { chunks } = await session.stream(
    `SELECT sha256(to_json(flow)::VARCHAR) FROM ${table} AS flow ORDER BY ${ORDER}`,
  );
  for await (const chunk of chunks)
    for (const text of chunk.getColumnValues(0)) hash.update(String(text));
  return hash.digest('hex');
}
