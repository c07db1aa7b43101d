/**
 * Flows as the models take them: flat typed arrays, in one order whatever the files were.
 *
 * N flows, F tabular features, T = 30 packets. Values are read from DuckDB's column chunks; no object a row is made.
 */
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import {
  DuckDBDoubleVector,
  DuckDBFloatVector,
  DuckDBIntegerVector,
  DuckDBListVector,
  DuckDBUBigIntVector,
  type DuckDBDataChunk,
  type DuckDBVector,
} from '@duckdb/node-api';
import { PipelineError } from '../contracts/errors.js';
import { TABULAR_FEATURE_NAMES } from '../domain/traffic/features.js';
import { scanSnapshot } from './delta/scan.js';
import { readSnapshot, type LiveFile } from './delta/snapshot.js';
import { readOldVersions } from './delta/vacuumed.js';
import { isInWeek } from './derived.js';
import { quoteList, quoteName, type FeatureDb, type Session } from './duckdb.js';
import { selectFeatures } from './feature-sql.js';
import type { ParsedSource } from './ingest/parse-flows.js';
import { FLOW_FEATURES, isoWeekText, PPI_COLUMNS, PPI_LENGTH, tableFolder } from './tables.js';

/** Which flows; conditions are joined by AND. */
export interface FlowSelection {
  /** ISO weeks, e.g. `2022-W23`. @default all */
  readonly weeks?: readonly string[];
  /** Start of the first instant, inclusive, ms since 1970. */
  readonly fromMs?: number;
  /** End, exclusive, ms since 1970. */
  readonly toMs?: number;
}

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
  /** BigUint64Array, shape [N]; equal for flows whose features are all equal. Stable within one program version. */
  readonly rowHash: BigUint64Array;
  /** SHA-256 of the source file each flow came from. */
  readonly sourceSha: readonly string[];
  /** Its row in that file, 1-based. */
  readonly sourceRow: Float64Array;
}

/**
 * Reads flows from `flow_features`.
 *
 * @throws PipelineError TABLE_UNKNOWN when no features were built yet, TABLE_VERSION_UNKNOWN, TABLE_VERSION_VACUUMED
 */
export async function readFlowSet(
  request: {
    readonly db: FeatureDb;
    readonly tablesRoot: string;
    /** Version of `flow_features`. @default the newest */
    readonly version?: number;
  } & FlowSelection,
): Promise<FlowSet> {
  const { db, tablesRoot, version } = request;
  const table = tableFolder(tablesRoot, FLOW_FEATURES.name);
  const snapshot = await readSnapshot(table, { ...(version !== undefined && { version }) });
  if (snapshot === undefined)
    throw new PipelineError({
      code: 'TABLE_UNKNOWN',
      file: table,
      found: 'no table',
      fix: 'build features first: `sentinel run ingest`',
    });
  return readOldVersions([snapshot], () =>
    db.session((session) =>
      collect(session, scanSnapshot(snapshot, weekFilter(request.weeks)), request),
    ),
  );
}

/**
 * The flows of a parsed file that no table holds, with the same features: for `classify`.
 *
 * @param scratchDir absolute folder that is made and removed
 */
export async function readParsedFlowSet(request: {
  readonly db: FeatureDb;
  readonly parsed: ParsedSource;
  readonly scratchDir: string;
}): Promise<FlowSet> {
  const { db, parsed, scratchDir } = request;
  await mkdir(scratchDir, { recursive: true });
  try {
    return await db.session(async (session) => {
      const files = parsed.staged.map(({ file }) => file);
      if (files.length === 0) return joinChunks([]);
      const flows = `SELECT * FROM read_parquet(${quoteList(files)}, hive_partitioning = true,
        hive_types = {'iso_year': INTEGER, 'iso_week': INTEGER, 'app': VARCHAR})`;
      await session.run(`CREATE TEMP TABLE parsed_flows AS ${flows}`);
      return collect(
        session,
        await selectFeatures(session, 'SELECT * FROM parsed_flows', scratchDir),
        {},
      );
    });
  } finally {
    await rm(path.join(scratchDir, 'names.json'), { force: true });
  }
}

function weekFilter(weeks: readonly string[] | undefined): (file: LiveFile) => boolean {
  if (weeks === undefined) return () => true;
  const filters = weeks.map(isInWeek);
  return (file) => filters.some((inWeek) => inWeek(file));
}

async function collect(
  session: Session,
  features: string,
  selection: FlowSelection,
): Promise<FlowSet> {
  const { fromMs, toMs } = selection;
  const conditions = [
    ...(fromMs === undefined ? [] : [`epoch_us(time_first) >= ${Math.round(fromMs * 1000)}`]),
    ...(toMs === undefined ? [] : [`epoch_us(time_first) < ${Math.round(toMs * 1000)}`]),
  ];
  const tabular = TABULAR_FEATURE_NAMES.map(quoteName);
  const arrays = ['ppi_size_bytes', 'ppi_direction', 'ppi_ipt_ms'];
  const { chunks } = await session.stream(`
    SELECT app, category, sni_domain, (iso_year * 100 + iso_week)::INTEGER, epoch_us(time_first) / 1000::DOUBLE,
      source_row::DOUBLE, hash(${[...tabular, ...PPI_COLUMNS].join(', ')}), source_sha, ${arrays.join(', ')}, ${tabular.join(', ')}
    FROM (${features}) ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
    ORDER BY time_first, source_sha, source_row`);
  const sets: FlowSet[] = [];
  for await (const chunk of chunks) sets.push(readChunk(chunk));
  return joinChunks(sets);
}

function readChunk(chunk: DuckDBDataChunk): FlowSet {
  const n = chunk.rowCount;
  const features = TABULAR_FEATURE_NAMES.length;
  const strings = (index: number) => chunk.getColumnValues(index) as string[]; // VARCHAR, never null in this table
  const tabular = new Float32Array(n * features); // [n, F]
  for (let f = 0; f < features; f++) {
    const column = vector(chunk, FIRST_TABULAR + f, DuckDBFloatVector);
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
  const lengthColumn = vector(chunk, FIRST_TABULAR + LENGTH_FEATURE, DuckDBFloatVector);
  const numbers = vector(chunk, 3, DuckDBIntegerVector);
  const times = vector(chunk, 4, DuckDBDoubleVector);
  const rows = vector(chunk, 5, DuckDBDoubleVector);
  const hashes = vector(chunk, 6, DuckDBUBigIntVector);
  return {
    n,
    tabular,
    featureNames: TABULAR_FEATURE_NAMES,
    ppi,
    lengths: Uint8Array.from({ length: n }, (_, i) => lengthColumn.getItem(i) ?? 0),
    app: strings(0),
    category: strings(1),
    sniDomain: strings(2),
    sourceSha: strings(7),
    timeFirstMs: Float64Array.from({ length: n }, (_, i) => times.getItem(i) ?? 0),
    week: Array.from({ length: n }, (_, i) => weekOf(numbers.getItem(i) ?? 0)),
    rowHash: BigUint64Array.from({ length: n }, (_, i) => hashes.getItem(i) ?? 0n),
    sourceRow: Float64Array.from({ length: n }, (_, i) => rows.getItem(i) ?? 0),
  };
}

function joinChunks(chunks: readonly FlowSet[]): FlowSet {
  const n = chunks.reduce((rows, chunk) => rows + chunk.n, 0);
  const set = {
    n,
    tabular: new Float32Array(n * TABULAR_FEATURE_NAMES.length),
    featureNames: TABULAR_FEATURE_NAMES,
    ppi: new Float32Array(n * PPI_LENGTH * 3),
    lengths: new Uint8Array(n),
    timeFirstMs: new Float64Array(n),
    rowHash: new BigUint64Array(n),
    sourceRow: new Float64Array(n),
    app: chunks.flatMap(({ app }) => app),
    category: chunks.flatMap(({ category }) => category),
    sniDomain: chunks.flatMap(({ sniDomain }) => sniDomain),
    sourceSha: chunks.flatMap(({ sourceSha }) => sourceSha),
    week: chunks.flatMap(({ week }) => week),
  };
  let start = 0;
  for (const chunk of chunks) {
    set.tabular.set(chunk.tabular, start * TABULAR_FEATURE_NAMES.length);
    set.ppi.set(chunk.ppi, start * PPI_LENGTH * 3);
    set.lengths.set(chunk.lengths, start);
    set.timeFirstMs.set(chunk.timeFirstMs, start);
    set.rowHash.set(chunk.rowHash, start);
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

const FIRST_ARRAY = 8;
const FIRST_TABULAR = FIRST_ARRAY + 3;
const LENGTH_FEATURE = TABULAR_FEATURE_NAMES.indexOf('ppi_len');
