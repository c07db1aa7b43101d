/**
 * Flows as the models take them: flat typed arrays, in one order whatever the files were.
 *
 * N flows, F tabular features, T = 30 packets. Values are read from DuckDB's column chunks; no object a row is made.
 */
import { mkdir, rm } from 'node:fs/promises';
import {
  DuckDBDoubleVector,
  DuckDBFloatVector,
  DuckDBIntegerVector,
  DuckDBListVector,
  type DuckDBDataChunk,
  type DuckDBVector,
} from '@duckdb/node-api';
import { PipelineError } from '../contracts/errors.js';
import type { Selection } from '../contracts/schemas/values.js';
import { TABULAR_FEATURE_NAMES } from '../domain/traffic/features.js';
import { columnsOfStep, type Transformer } from '../domain/traffic/transformer.js';
import { readFiles } from './delta/scan.js';
import { readSnapshot, type Snapshot } from './delta/snapshot.js';
import { readOldVersions } from './delta/vacuumed.js';
import type { FeatureDb, Session } from './duckdb.js';
import { selectFeatures } from './feature-sql.js';
import type { ParsedSource } from './ingest/parse-flows.js';
import { rowsOf, rowsOfPart, type Selections, type TrainingPart } from './select-rows.js';
import { FLOW_FEATURES, FLOWS, isoWeekText, PPI_LENGTH, tableFolder } from './tables.js';
import { selectTransformed } from './transform-sql.js';

/** N flows in the order of time_first, source_sha, source_row. */
export interface FlowSet {
  readonly n: number;
  /** Float32Array, shape [N, F] row-major; columns are `featureNames`. */
  readonly tabular: Float32Array;
  readonly featureNames: readonly string[];
  /** Float32Array, shape [N, T=30, C=3] row-major; C = size (bytes), direction (±1), inter-packet time (ms); 0 behind the last packet. */
  readonly ppi: Float32Array;
  /** Uint8Array, shape [N]; packets in `ppi`, 1..30. */
  readonly lengths: Uint8Array;
  readonly app: readonly string[];
  readonly category: readonly string[];
  readonly sniDomain: readonly string[];
  /** Float64Array, shape [N]; ms since 1970, with fraction. */
  readonly timeFirstMs: Float64Array;
  /** ISO week of each flow. */
  readonly week: readonly string[];
  /** SHA-256 of the source file each flow came from. */
  readonly sourceSha: readonly string[];
  /** Its row in that file, 1-based. */
  readonly sourceRow: Float64Array;
}

/** What a model reads of flows, and what they are flows of. */
export type AppFlows = Pick<FlowSet, 'n' | 'tabular' | 'featureNames' | 'ppi' | 'lengths' | 'app'>;

/** Where flows are read, and what their tabular columns are. */
export interface FlowSource {
  readonly db: FeatureDb;
  readonly tablesRoot: string;
  /** Version of `flow_features`. @default the newest */
  readonly version?: number;
  /** Makes the tabular columns. @default the columns as they are stored */
  readonly transformer?: Transformer | null;
}

/** Rows that a model has seen. */
export interface SeenRows {
  readonly selection: Selection;
  /** Version of `flow_features` in which it saw them. @default the version that is read */
  readonly version?: number;
}

/** Which of the rows are left out. */
interface RowLimits {
  /** Flows whose packets and statistics equal those of one of these. @default none */
  readonly without?: readonly SeenRows[];
  /** All but about so many. @default none */
  readonly maxRows?: number;
}

/**
 * Reads flows from `flow_features`.
 *
 * @param selection undefined for every row
 * @throws PipelineError TABLE_UNKNOWN when no features were built yet, TABLE_VERSION_UNKNOWN, TABLE_VERSION_VACUUMED
 */
export async function readFlowSet(
  source: FlowSource,
  selection?: Selection,
  { without = [], maxRows }: RowLimits = {},
): Promise<FlowSet> {
  const limit = maxRows === undefined ? {} : { maxRows };
  const seen = await Promise.all(
    without.map(async ({ selection: of, version = source.version }) => ({
      selection: of,
      snapshot: await featuresOf({ ...source, ...(version !== undefined && { version }) }),
    })),
  );
  const others = seen.map(({ snapshot }) => snapshot);
  return readRows(
    source,
    (snapshot) => rowsOf(snapshot, selection, { without: seen, ...limit }),
    others,
  );
}

/**
 * Reads a part of a split: no flow that an earlier part has, and no row that began after the version was committed.
 *
 * @throws PipelineError as `readFlowSet`
 */
export function readPart(
  source: FlowSource,
  selections: Selections,
  part: TrainingPart,
): Promise<FlowSet> {
  return readRows(source, (snapshot) => rowsOfPart(snapshot, selections, part));
}

async function readRows(
  source: FlowSource,
  rows: (snapshot: Snapshot) => string,
  others: readonly Snapshot[] = [],
): Promise<FlowSet> {
  const snapshot = await featuresOf(source);
  return readOldVersions([snapshot, ...others], () =>
    source.db.session((session) =>
      collect(session, rows(snapshot), source.transformer ?? AS_STORED),
    ),
  );
}

/**
 * The version of `flow_features` that is read.
 *
 * @throws PipelineError TABLE_UNKNOWN when no features were built yet, TABLE_VERSION_UNKNOWN
 */
export async function featuresOf({
  tablesRoot,
  version,
}: Pick<FlowSource, 'tablesRoot' | 'version'>): Promise<Snapshot> {
  const table = tableFolder(tablesRoot, FLOW_FEATURES.name);
  const snapshot = await readSnapshot(table, { ...(version !== undefined && { version }) });
  if (snapshot !== undefined) return snapshot;
  throw new PipelineError({
    code: 'TABLE_UNKNOWN',
    file: table,
    found: 'no table',
    fix: 'build features first: `sentinel run ingest`',
  });
}

/**
 * The flows of a parsed file that no table holds, with the same features, some thousand at a time.
 *
 * @param request.scratchDir absolute folder that is made and removed
 * @param use takes a batch; the next is read when it resolves
 */
export async function readParsedFlows(
  request: {
    readonly db: FeatureDb;
    readonly parsed: ParsedSource;
    readonly scratchDir: string;
    /** Makes the tabular columns. @default the columns as they are stored */
    readonly transformer?: Pick<Transformer, 'steps'> | null;
    /** So many rows by chance, the same ones for the same seed. @default all */
    readonly sample?: { readonly rows: number; readonly seed: number };
    /** Rows of a batch, give or take a chunk of 2,048. @default 16_384 */
    readonly batchRows?: number;
  },
  use: (flows: FlowSet) => Promise<void>,
): Promise<void> {
  const { db, parsed, scratchDir, transformer, sample, batchRows = 16_384 } = request;
  const files = parsed.staged.map(({ file }) => file);
  const [first] = parsed.staged;
  if (first === undefined) return;
  const partitionColumns = Object.keys(first.partitionValues);
  await mkdir(scratchDir, { recursive: true });
  try {
    await db.session(async (session) => {
      const all = `SELECT * FROM ${readFiles(files, { ...FLOWS, partitionColumns })}`;
      const flows = sample && sample.rows < parsed.rowsStored ? sampled(all, sample) : all;
      const features = await selectFeatures(session, flows, scratchDir);
      let batch: FlowSet[] = [];
      let rows = 0;
      const hand = async (): Promise<void> => {
        const set = joinFlows(batch);
        batch = [];
        rows = 0;
        await use(set);
      };
      for await (const set of streamSets(session, features, transformer ?? AS_STORED)) {
        batch.push(set);
        rows += set.n;
        if (rows >= batchRows) await hand();
      }
      if (rows > 0) await hand();
    });
  } finally {
    await rm(scratchDir, { recursive: true, force: true });
  }
}

/** Rows of one source by the hash of their place in it: another order than that of the file, the same each time. */
function sampled(flows: string, { rows, seed }: { rows: number; seed: number }): string {
  return `${flows} WHERE source_row IN (SELECT source_row FROM (${flows})
    ORDER BY md5_number_lower(concat_ws(':', ${seed}, source_sha, source_row)) LIMIT ${rows})`;
}

/** Steps that leave tabular columns as they are stored. */
export function storedColumns(names: readonly string[]): Pick<Transformer, 'steps'> {
  const steps = names.map((of) => ({
    ...({ kind: 'scale', of, by: 'none', log1p: false, center: 0, scale: 1 } as const),
  }));
  return { steps };
}

/** The steps of the view of the same name, for models that name no transformer. */
const AS_STORED = storedColumns(TABULAR_FEATURE_NAMES);

async function collect(
  session: Session,
  rows: string,
  transformer: Pick<Transformer, 'steps'>,
): Promise<FlowSet> {
  const sets: FlowSet[] = [];
  for await (const set of streamSets(session, rows, transformer)) sets.push(set);
  return joinFlows(sets, transformer.steps.flatMap(columnsOfStep));
}

async function* streamSets(
  session: Session,
  rows: string,
  transformer: Pick<Transformer, 'steps'>,
): AsyncGenerator<FlowSet> {
  const featureNames = transformer.steps.flatMap(columnsOfStep);
  const select = await selectTransformed(session, transformer, rows, KEPT);
  const { chunks } = await session.stream(`${select} ORDER BY time_first, source_sha, source_row`);
  for await (const chunk of chunks) yield readChunk(chunk, featureNames);
}

function readChunk(chunk: DuckDBDataChunk, featureNames: readonly string[]): FlowSet {
  const n = chunk.rowCount;
  const features = featureNames.length;
  const strings = (index: number) => chunk.getColumnValues(index) as string[]; // VARCHAR, never null in this table
  const tabular = new Float32Array(n * features); // [n, F]
  for (let f = 0; f < features; f++) {
    const column = vector(chunk, FIRST_TABULAR + f, DuckDBDoubleVector);
    for (let i = 0; i < n; i++) tabular[i * features + f] = column.getItem(i) ?? 0;
  }
  const ppi = new Float32Array(n * PPI_LENGTH * 3); // [n, 30, 3]
  for (let c = 0; c < 3; c++) {
    const lists = vector(chunk, FIRST_ARRAY + c, DuckDBListVector);
    const values = integerVector(lists.childVector);
    for (let i = 0; i < n; i++) {
      const offset = lists.getEntryOffset(i);
      for (let t = 0; t < PPI_LENGTH; t++)
        ppi[(i * PPI_LENGTH + t) * 3 + c] = values.getItem(offset + t) ?? 0;
    }
  }
  const lengthColumn = vector(chunk, 6, DuckDBFloatVector);
  const numbers = vector(chunk, 3, DuckDBIntegerVector);
  const times = vector(chunk, 4, DuckDBDoubleVector);
  const rows = vector(chunk, 5, DuckDBDoubleVector);
  return {
    n,
    tabular,
    featureNames,
    ppi,
    lengths: Uint8Array.from({ length: n }, (_, i) => lengthColumn.getItem(i) ?? 0),
    app: strings(0),
    category: strings(1),
    sniDomain: strings(2),
    sourceSha: strings(7),
    timeFirstMs: Float64Array.from({ length: n }, (_, i) => times.getItem(i) ?? 0),
    week: Array.from({ length: n }, (_, i) => weekOf(numbers.getItem(i) ?? 0)),
    sourceRow: Float64Array.from({ length: n }, (_, i) => rows.getItem(i) ?? 0),
  };
}

/** Sets with the same columns as one, in the order given. */
export function joinFlows(
  chunks: readonly FlowSet[],
  featureNames: readonly string[] = chunks[0]?.featureNames ?? [],
): FlowSet {
  const n = chunks.reduce((rows, chunk) => rows + chunk.n, 0);
  const set = {
    n,
    tabular: new Float32Array(n * featureNames.length),
    featureNames,
    ppi: new Float32Array(n * PPI_LENGTH * 3),
    lengths: new Uint8Array(n),
    timeFirstMs: new Float64Array(n),
    sourceRow: new Float64Array(n),
    app: chunks.flatMap(({ app }) => app),
    category: chunks.flatMap(({ category }) => category),
    sniDomain: chunks.flatMap(({ sniDomain }) => sniDomain),
    sourceSha: chunks.flatMap(({ sourceSha }) => sourceSha),
    week: chunks.flatMap(({ week }) => week),
  };
  let start = 0;
  for (const chunk of chunks) {
    set.tabular.set(chunk.tabular, start * featureNames.length);
    set.ppi.set(chunk.ppi, start * PPI_LENGTH * 3);
    set.lengths.set(chunk.lengths, start);
    set.timeFirstMs.set(chunk.timeFirstMs, start);
    set.sourceRow.set(chunk.sourceRow, start);
    start += chunk.n;
  }
  return set;
}

function vector<V extends DuckDBVector>(
  chunk: DuckDBDataChunk,
  index: number,
  kind: abstract new (...args: never[]) => V,
): V {
  const found = chunk.getColumnVector(index);
  if (!(found instanceof kind))
    throw new PipelineError({
      code: 'INTERNAL',
      found: `column ${index} of ${found.type.toString()}`,
      expected: kind.name,
      fix: 'report this message with the version of the program',
    });
  return found;
}

function integerVector(found: DuckDBVector): DuckDBIntegerVector {
  if (found instanceof DuckDBIntegerVector) return found;
  throw new PipelineError({
    code: 'INTERNAL',
    found: `packet arrays of ${found.type.toString()}`,
    expected: 'INTEGER[]',
    fix: 'report this message with the version of the program',
  });
}

function weekOf(yearAndWeek: number): string {
  return isoWeekText(Math.floor(yearAndWeek / 100), yearAndWeek % 100);
}

/** Columns in front of the features, by place. */
const KEPT = [
  ...['app', 'category', 'sni_domain', '(iso_year * 100 + iso_week)::INTEGER AS year_week'],
  ...['epoch_us(time_first) / 1000::DOUBLE AS time_ms', 'source_row::DOUBLE AS row'],
  ...['ppi_len::FLOAT AS packets', 'source_sha', 'ppi_size_bytes', 'ppi_direction', 'ppi_ipt_ms'],
];
const FIRST_ARRAY = 8;
const FIRST_TABULAR = KEPT.length;
