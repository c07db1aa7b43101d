/**
 * Point-in-time training sets: rows as they were known at one instant, in parts that share no flow.
 *
 * A part holds no row that happened or was committed after the instant, and no flow whose packets and
 * statistics equal those of an earlier part. What was read stands in the record: the same record
 * gives the same rows, which their SHA-256 proves.
 */
import { createHash } from 'node:crypto';
import { PipelineError } from '../contracts/errors.js';
import type { Selection } from '../contracts/schemas/values.js';
import { hashJson } from '../dag/plan-hash.js';
import { requireUsable, type FeatureView } from '../domain/traffic/feature-views.js';
import { TABULAR_FEATURE_NAMES } from '../domain/traffic/features.js';
import {
  columnsOfStep,
  type FittedStep,
  type Label,
  type Transformer,
} from '../domain/traffic/transformer.js';
import { readSnapshot, type Snapshot } from './delta/snapshot.js';
import { commitTimes, newestAt } from './delta/commit-times.js';
import { quoteName, type Session } from './duckdb.js';
import { countTargets, fitSteps } from './fit-transformer.js';
import {
  rowsOf,
  rowsOfPart,
  TRAINING_PARTS,
  type Selections,
  type TrainingPart,
} from './select-rows.js';
import { FLOW_FEATURES, isoWeekText, PPI_COLUMNS, tableFolder } from './tables.js';
import { selectTransformed, type FoldCounts } from './transform-sql.js';
import { transformerHash } from './transformer-store.js';
import { weekRows } from './week-rows.js';

/** What to read. */
export interface TrainingSetRequest {
  /** Absolute folder that holds the tables. */
  readonly tablesRoot: string;
  readonly view: FeatureView;
  /** What a model is to tell; null for analysis, which may see everything. */
  readonly label: Label | null;
  readonly selections: Selections;
  /** The instant, ms since 1970: not in the future. @default when the version was committed */
  readonly asOfMs?: number;
  /** Version of `flow_features`, committed by then. @default the newest of those */
  readonly version?: number;
}

/** A training set whose rows have not been read yet. */
export interface OpenTrainingSet {
  readonly snapshot: Snapshot;
  readonly asOfMs: number;
  readonly transformer: Transformer;
}

/** What to read as tables. */
export interface TrainingTablesRequest extends TrainingSetRequest {
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
        readonly selection: Selection;
        /** ISO weeks of its rows. */
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
 * Finds the rows of a training set and fits its transformer on the training rows alone; `readPart` reads them.
 *
 * @throws PipelineError FEATURE_LEAKS, FEATURE_UNKNOWN, TRAINING_SET_CUT, TRAINING_TOO_FEW_ROWS
 */
export async function openTrainingSet(
  session: Session,
  request: TrainingSetRequest,
): Promise<OpenTrainingSet> {
  const { view, label, selections } = request;
  requireUsable(view, label);
  const snapshot = await snapshotAt(request);
  const { asOfMs = snapshot.timestampMs } = request;
  const training = rowsOfPart(snapshot, selections, 'train', asOfMs);
  const { rows, weeks } = await extentOf(session, training);
  if (rows === 0) throw nothingToTrainOn(snapshot, selections.train);
  const transformer: Transformer = {
    format: 1,
    view: view.name,
    fittedOn: { table: FLOW_FEATURES.name, version: snapshot.version, weeks, rows },
    steps: await fitSteps(view.steps, training),
  };
  return { snapshot, asOfMs, transformer };
}

/**
 * Reads a training set into tables of the session; categories of training rows are encoded out of fold,
 * equal flows in one fold.
 *
 * @throws PipelineError as `openTrainingSet`
 */
export async function trainingSet(
  session: Session,
  request: TrainingTablesRequest,
): Promise<TrainingSet> {
  const { view, label, selections, folds = 5 } = request;
  const { snapshot, asOfMs, transformer } = await openTrainingSet(session, request);
  const parts: Partial<Record<TrainingPart, TrainingSetRecord['parts'][TrainingPart]>> = {};
  const select: Partial<Record<TrainingPart, string>> = {};
  for (const part of TRAINING_PARTS) {
    const selection = selections[part];
    const rows = rowsOfPart(snapshot, selections, part, asOfMs);
    await session.run(
      `CREATE OR REPLACE TEMP TABLE part AS SELECT *, ${foldOf(folds)} AS fold FROM (${rows})`,
    );
    const source = 'SELECT * FROM part';
    const counts =
      part === 'train' ? await foldCounts(session, source, transformer.steps) : undefined;
    const features = await selectTransformed(session, transformer, source, KEYS, counts);
    await session.run(`CREATE OR REPLACE TEMP TABLE training_${part} AS ${features}`);
    select[part] = `SELECT * FROM training_${part} ORDER BY ${ORDER}`;
    const all = await extentOf(session, rowsOf(snapshot, selection, { untilMs: asOfMs }));
    const kept = await extentOf(session, source);
    const sha256 = await contentHash(session, `training_${part}`);
    parts[part] = { selection, ...kept, duplicates: all.rows - kept.rows, sha256 };
  }
  await session.run('DROP TABLE part');
  return {
    record: {
      view: view.name,
      viewHash: hashJson(view),
      label,
      features: { table: FLOW_FEATURES.name, version: snapshot.version },
      asOfMs,
      folds,
      transformer: transformerHash(transformer),
      parts: parts as TrainingSetRecord['parts'], // all parts were made above
    },
    transformer,
    featureNames: transformer.steps.flatMap(columnsOfStep),
    select: select as TrainingSet['select'], // the same
  };
}

/** How many rows there are, and their ISO weeks, oldest first. */
async function extentOf(
  session: Session,
  rows: string,
): Promise<{ rows: number; weeks: string[] }> {
  const weeks = await session.rows<{ year: number; week: number; n: number }>(
    `SELECT iso_year AS year, iso_week AS week, count(*) AS n FROM (${rows}) GROUP BY ALL ORDER BY ALL`,
  );
  return {
    rows: weeks.reduce((sum, { n }) => sum + n, 0),
    weeks: weeks.map(({ year, week }) => isoWeekText(year, week)),
  };
}

/** By 128 bits of what a model can see: equal for equal flows, in every version of the program. */
function foldOf(folds: number): string {
  const seen = [...TABULAR_FEATURE_NAMES, ...PPI_COLUMNS].map(quoteName).join(', ');
  return `(md5_number(row(${seen})::VARCHAR) % ${folds})::INTEGER`;
}

async function snapshotAt(request: TrainingSetRequest): Promise<Snapshot> {
  const { asOfMs, version } = request;
  const table = tableFolder(request.tablesRoot, FLOW_FEATURES.name);
  if (asOfMs === undefined) {
    const snapshot = await readSnapshot(table, { ...(version !== undefined && { version }) });
    if (snapshot !== undefined) return snapshot;
    throw cutOff(table, 'no version', 'a table with a version');
  }
  const newest = newestAt(await commitTimes(table), asOfMs);
  const wanted = version ?? newest;
  const found = `version ${wanted ?? 'none'} as of ${new Date(asOfMs).toISOString()}`;
  if (asOfMs > Date.now())
    throw cutOff(table, found, 'an instant that has passed: later commits would change the set');
  const snapshot =
    newest === undefined || wanted === undefined || wanted > newest
      ? undefined
      : await readSnapshot(table, { version: wanted });
  if (snapshot !== undefined) return snapshot;
  const expected =
    newest === undefined
      ? 'a table that had been committed by then'
      : `a version up to ${newest}, the newest that had been committed by then`;
  throw cutOff(table, found, expected);
}

function cutOff(table: string, found: string, expected: string): PipelineError {
  const fix = 'name a later instant, or an older version';
  return new PipelineError({ code: 'TRAINING_SET_CUT', file: table, found, expected, fix });
}

function nothingToTrainOn(snapshot: Snapshot, selection: Selection): PipelineError {
  const there = weekRows(snapshot).map(({ week }) => week);
  const weeks = selection.kind === 'slices' ? selection.slices.map(({ week }) => week) : [];
  return new PipelineError({
    code: 'TRAINING_TOO_FEW_ROWS',
    file: snapshot.table,
    found: `no training rows${weeks.length === 0 ? '' : ` of ${weeks.join(', ')}`} in version ${snapshot.version} by then`,
    expected: there.length === 0 ? 'no week is there yet' : there.join(', '),
    fix: 'name weeks of the table, or a later instant',
  });
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
