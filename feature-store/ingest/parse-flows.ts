/**
 * Job A: one flow file becomes staged Parquet files, its bad rows become staged rejects.
 *
 * Bytes are unpacked and scanned. Plain rows are typed on the spot and written when so many are held;
 * all others go into row-aligned segments, which other connections type by SQL meanwhile and write at the
 * end. On an instance with one thread a connection works on the thread that waits for it, where two
 * threads in one query spin while the other has nothing for them. DuckDB's memory limit bounds the rows
 * typed by SQL, which spill. Always rowsRead = rowsStored + rowsRejected.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, rm, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { PipelineError, type Fault } from '../../contracts/errors.js';
import type { FlowMapping } from '../../contracts/schemas/mapping.js';
import type { StagedFile } from '../delta/commit.js';
import type { LiveFile } from '../delta/snapshot.js';
import { stageFiles } from '../delta/stage.js';
import { quote, quoteName, type FeatureDb, type Session } from '../duckdb.js';
import { tagSource } from '../source-tags.js';
import { fileHash } from '../sources/checksum.js';
import { firstLines, readUnpacked } from '../sources/decompress.js';
import { parseHeader, type FlowHeader, type Labels } from '../sources/flow-columns.js';
import { mappedHeader, sourceIdentity } from '../sources/flow-mapping.js';
import { headerFault, type SourceFile } from '../sources/list-sources.js';
import { damagedWhenUnread, openParquet } from '../sources/parquet-flows.js';
import { FLOWS, FLOWS_REJECTED, isoWeekText } from '../tables.js';
import {
  checkedTexts,
  paddedPpi,
  readSegment,
  readSegmentLines,
  rowChecks,
  typedSelect,
} from './flow-sql.js';
import { PlainRows } from './plain-rows.js';
import { firstRowFaults } from './row-faults.js';
import { RowScanner, type RejectedRow } from './row-scanner.js';
import { stagePlainRows } from './stage-plain-rows.js';

/** One file to parse, and where its rows go. */
export interface ParseRequest {
  readonly source: SourceFile;
  /** How the file is read when it is another exporter's. */
  readonly mapping?: FlowMapping;
  /** Flows of a file without labels are called `unknown`. @default 'required' */
  readonly labels?: Labels;
  /** Absolute folder for this file alone; best on the disk of the tables. */
  readonly stagingDir: string;
  /** Best with one thread. */
  readonly db: FeatureDb;
  /** Connections that type and write at a time, each on one thread; one more than cores keeps them busy. @default 3 */
  readonly connections?: number;
  /** Bytes of one segment. @default 33_554_432 */
  readonly segmentBytes?: number;
  /** Plain rows that are held at most, of about 750 bytes each; with 0, SQL types all rows. @default 700_000 */
  readonly heldRows?: number;
  /**
   * Rows are filed by week and application, as the table wants them. Without it they are for a reader that takes them
   * at once, weeks and applications are not counted, and SQL types all rows: a day of 600 flows of 60 applications
   * is parsed six times as fast. @default true
   */
  readonly filed?: boolean;
  /** Called now and then with the rows seen and the bytes of the file read so far. */
  readonly onProgress?: (rowsRead: number, bytesRead: number) => void;
}

/** Connections for so many threads: one more keeps them busy while another waits for its file. */
export function connectionsFor(threads: number): number {
  return threads === 1 ? 1 : threads + 1;
}

/** One parsed file, not yet part of any table. */
export interface ParsedSource {
  readonly sourceSha: string;
  readonly sourceFile: string;
  readonly rowsRead: number;
  readonly rowsStored: number;
  readonly rowsRejected: number;
  /** The first 20 rejected rows; `rowsRejected` counts them all. */
  readonly faults: readonly Fault[];
  /** Stored rows of each application. */
  readonly rowsByApp: Readonly<Record<string, number>>;
  readonly staged: readonly StagedFile[];
  readonly stagedRejected: readonly StagedFile[];
  /** ISO weeks of the stored rows, ascending. */
  readonly weeks: readonly string[];
}

/**
 * Parses one flow file into the staging folder.
 *
 * @throws PipelineError FLOW_FILE_TRUNCATED, FLOW_FILE_DAMAGED, FLOW_FILE_CHANGED, FLOW_HEADER_INVALID: then nothing
 *   of the file is used
 */
export async function parseFlows(request: ParseRequest): Promise<ParsedSource> {
  const { source, db, connections = 3 } = request;
  const schema = quoteName(`parse-${randomUUID()}`);
  try {
    const isText = source.compression !== 'parquet';
    return await db.sessions(isText ? connections : 1, async (lanes) => {
      const first = lanes[0] as Session; // there is always one
      await first.run(`CREATE SCHEMA ${schema}`);
      for (const lane of lanes) await lane.run(`USE ${schema}`);
      await first.run(REJECTED_TABLE);
      return isText ? parseText(request, lanes) : parseParquet(request, first);
    });
  } finally {
    await db.session((session) => session.run(`DROP SCHEMA IF EXISTS ${schema} CASCADE`));
  }
}

async function parseText(request: ParseRequest, lanes: readonly Session[]): Promise<ParsedSource> {
  const { source, stagingDir, mapping, labels = 'required' } = request;
  const [line = ''] = await firstLines(source.path, source.compression, 1);
  const header = mapping ? mappedHeader(line, mapping) : parseHeader(line);
  const fault = headerFault(source.path, header, labels);
  if (fault) throw new PipelineError(fault);
  const scratch = path.join(stagingDir, 'segments');
  await mkdir(scratch, { recursive: true });
  try {
    const loaded = await loadRows(request, lanes, header, scratch);
    await requireUnchanged(request);
    return await stageParsed(request, lanes, header, loaded);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Rows are filed under the hash that the file had when it was listed. */
async function requireUnchanged({ source, mapping }: ParseRequest): Promise<void> {
  const { path: file, sha256 } = source;
  const found = sourceIdentity(await fileHash(file, 'sha256'), mapping);
  if (found === sha256) return;
  throw new PipelineError({
    code: 'FLOW_FILE_CHANGED',
    file,
    found: `the SHA-256 ${found}`,
    expected: `${sha256}, as when it was listed`,
    fix: 'ingest it again once it is written to its end',
  });
}

async function parseParquet(request: ParseRequest, session: Session): Promise<ParsedSource> {
  const { source, labels = 'required' } = request;
  const { path: file } = source;
  const { header, ...flows } = await openParquet(session, file);
  const fault = headerFault(file, header, labels);
  if (fault) throw new PipelineError(fault);
  await session.run(`CREATE TABLE parsed AS ${typedSelect(flows.rows, header)} LIMIT 0`);
  await damagedWhenUnread(file, () => insertParsed(session, header, flows));
  await requireUnchanged(request);
  const [count] = await session.rows<{ n: number }>('SELECT count(*) AS n FROM parsed');
  const rowsRead = count?.n ?? 0;
  request.onProgress?.(rowsRead, request.source.bytes);
  return stageParsed(request, [session], header, { rowsRead, staged: [], hasParsed: true });
}

interface LoadedRows {
  readonly rowsRead: number;
  /** Files of plain rows. */
  readonly staged: readonly StagedFile[];
  /** Whether any row came as far as the table `parsed`. */
  readonly hasParsed: boolean;
}

async function loadRows(
  request: ParseRequest,
  lanes: readonly Session[],
  header: FlowHeader,
  scratch: string,
): Promise<LoadedRows> {
  const { source, stagingDir, segmentBytes = 1 << 25, onProgress } = request;
  const rejects: RejectedRow[] = [];
  const segments = new SegmentWriter(scratch);
  const plain = new PlainRows(header, heldRows(request));
  const staged: StagedFile[] = [];
  const scanner = new RowScanner({
    names: header.names,
    columns: header.columns,
    ...(header.mapping === undefined && {
      takePlain: (row, line) => plain.take(row, line),
    }),
    onRow: (row, bytes) => segments.add(row, bytes),
    onReject: (row) => rejects.push(row),
  });
  const loading = lanes.map(() => Promise.resolve());
  let turn = 0;
  let tableMade = false;
  const hand = async (): Promise<void> => {
    const segment = await segments.close();
    const rejected = rejects.splice(0);
    const lane = turn++ % lanes.length;
    const session = lanes[lane] as Session; // lane is below the length
    await loading[lane];
    if (segment !== undefined && !tableMade) {
      await session.run(
        `CREATE TABLE parsed AS ${typedSelect(readSegment(segment.file, header), header)} LIMIT 0`,
      );
      tableMade = true;
    }
    loading[lane] = (async () => {
      await insertRejected(session, rejected, path.join(scratch, `rejects-${lane}.json`));
      if (segment !== undefined) await insertSegment(session, header, segment);
    })();
    loading[lane].catch(() => undefined); // awaited below; a rejection must not end the process before that
  };
  const writePlain = async (): Promise<void> => {
    await Promise.all(loading);
    const groups = plain.groups();
    staged.push(...(await stagePlainRows({ sessions: lanes, source, header, groups, stagingDir })));
    plain.clear();
  };
  let chunks = 0;
  try {
    for await (const { bytes, bytesRead } of readUnpacked(source.path, source.compression)) {
      scanner.push(bytes);
      await segments.flush();
      if (segments.bytes >= segmentBytes || rejects.length >= MAX_HELD_REJECTS) await hand();
      if (plain.isFull) await writePlain();
      if (++chunks % CHUNKS_PER_REPORT === 0) onProgress?.(scanner.rows, bytesRead);
    }
    scanner.finish();
    await segments.flush();
    await hand();
    await Promise.all(loading);
    onProgress?.(scanner.rows, source.bytes);
    if (!plain.isEmpty) await writePlain();
  } finally {
    await Promise.allSettled(loading); // nothing may use the tables when they are dropped
  }
  return { rowsRead: scanner.rows, staged, hasParsed: tableMade };
}

/** Small files need no large arrays. */
function heldRows({ source, filed = true, heldRows: most = 700_000 }: ParseRequest): number {
  if (!filed) return 0;
  const bytesPerRow = source.compression === 'none' ? 200 : 10;
  return Math.min(most, Math.ceil(source.bytes / bytesPerRow) + 1);
}

async function insertSegment(
  session: Session,
  header: FlowHeader,
  { file, firstRow, lastRow }: Segment,
): Promise<void> {
  await insertParsed(session, header, {
    rows: readSegment(file, header),
    rawRows: readSegmentLines(file),
    among: `source_row BETWEEN ${firstRow} AND ${lastRow}`,
  });
  await rm(file);
}

interface InsertedRows {
  /** What `typedSelect` takes. */
  readonly rows: string;
  /** What `checkedTexts` takes. @default `rows` */
  readonly shownRows?: string;
  /** `source_row`, and the row as it stands in the file, `raw`. */
  readonly rawRows: string;
  /** SQL that holds for these rows of `parsed`. @default for all of them */
  readonly among?: string;
}

/** Adds typed rows to `parsed`, and bad ones to `rejected` too. */
async function insertParsed(
  session: Session,
  header: FlowHeader,
  { rows, shownRows = rows, rawRows, among = 'true' }: InsertedRows,
): Promise<void> {
  await session.run(`INSERT INTO parsed ${typedSelect(rows, header)}`);
  const bad = `FROM parsed WHERE NOT ok AND ${among}`;
  const [found] = await session.rows(`${bad} LIMIT 1`);
  if (found === undefined) return;
  const checks = rowChecks();
  const reason = checks
    .map(({ holds }, index) => `WHEN NOT coalesce(${holds}, false) THEN ${index + 1}`)
    .join(' ');
  const columns = checks.map(({ column }) => quote(column)).join(', ');
  const reasons = checks.map((check) => quote(check.reason)).join(', ');
  await session.run(`
    INSERT INTO rejected
      SELECT source_row, [${columns}][failed], [${reasons}][failed], raw, text[failed]
      FROM (SELECT source_row, CASE ${reason} END AS failed ${bad})
      JOIN ${rawRows} USING (source_row)
      JOIN ${checkedTexts(shownRows, header)} USING (source_row)`);
}

async function insertRejected(
  session: Session,
  rows: readonly RejectedRow[],
  scratchFile: string,
): Promise<void> {
  if (rows.length === 0) return;
  await writeFile(scratchFile, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  await session.run(
    `INSERT INTO rejected SELECT * FROM read_json(${quote(scratchFile)}, format = 'newline_delimited',
      maximum_object_size = 33554432,
      columns = {'sourceRow': 'BIGINT', 'column': 'VARCHAR', 'reason': 'VARCHAR', 'raw': 'VARCHAR', 'value': 'VARCHAR'})`,
  );
}

async function stageParsed(
  request: ParseRequest,
  lanes: readonly Session[],
  header: FlowHeader,
  { rowsRead, staged: plain, hasParsed }: LoadedRows,
): Promise<ParsedSource> {
  const { source, stagingDir, filed = true } = request;
  const session = lanes[0] as Session; // there is always one
  const tags = tagSource(source);
  const origin = `${quote(source.path)} AS source_file, source_row, ${quote(source.sha256)} AS source_sha`;
  const ofLane = (lane: number): Promise<StagedFile[]> =>
    stageFiles({
      session: lanes[lane] as Session, // lane is below the length
      schema: filed ? FLOWS : { ...FLOWS, partitionColumns: [] },
      select: `SELECT isoyear(time_first) AS iso_year, week(time_first) AS iso_week, * EXCLUDE (ok, ppi, source_row),
        ${paddedPpi()}, ${origin} FROM parsed WHERE ok AND app IN (${appsOfLane(lane, lanes.length)})`,
      orderBy: 'iso_year, iso_week, app, source_row',
      stagingDir,
      expectedRows: rowsRead,
      tags,
    });
  const others = hasParsed ? await Promise.all(lanes.map((_, lane) => ofLane(lane))) : [];
  const staged = [...plain, ...others.flat()];
  const rowsStored = staged.reduce((sum, file) => sum + file.stats.numRecords, 0);
  const counted = filed ? staged : [];
  const weeks = [...new Set(counted.map(weekOf))].sort();
  const fileWeek = dominantWeek(counted);
  const stagedRejected = await stageFiles({
    session,
    schema: FLOWS_REJECTED,
    select: `SELECT ${fileWeek.iso_year} AS iso_year, ${fileWeek.iso_week} AS iso_week, ${origin},
      source_column, reason, raw, value FROM rejected`,
    orderBy: 'source_row',
    stagingDir,
    tags,
  });
  return {
    sourceSha: source.sha256,
    sourceFile: source.path,
    rowsRead,
    rowsStored,
    rowsRejected: rowsRead - rowsStored,
    faults: await firstRowFaults(session, 'FROM rejected', source.path),
    rowsByApp: countByApp(
      counted.map(({ partitionValues, stats }) => ({ partitionValues, rows: stats.numRecords })),
    ),
    staged,
    stagedRejected,
    weeks,
  };
}

/** Rows of each application, of files of `flows`. */
export function countByApp(
  files: readonly Pick<LiveFile, 'partitionValues' | 'rows'>[],
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { partitionValues, rows } of files) {
    const app = String(partitionValues['app']);
    counts[app] = (counts[app] ?? 0) + rows;
  }
  return counts;
}

/** Every lane gets about the same number of rows: applications by size are dealt in turn. */
function appsOfLane(lane: number, lanes: number): string {
  return `SELECT app FROM (SELECT app, row_number() OVER (ORDER BY count(*) DESC, app) AS place
    FROM parsed WHERE ok GROUP BY app) WHERE place % ${lanes} = ${lane}`;
}

function weekOf(file: StagedFile): string {
  const { iso_year: isoYear, iso_week: isoWeek } = weekColumns(file);
  return isoWeekText(isoYear, isoWeek);
}

function weekColumns(file: StagedFile): { iso_year: number; iso_week: number } {
  const { partitionValues } = file;
  return {
    iso_year: Number(partitionValues['iso_year']),
    iso_week: Number(partitionValues['iso_week']),
  };
}

/** The week that most rows are in, 0 of year 0 when there are no rows; rejected rows are filed under it. */
function dominantWeek(staged: readonly StagedFile[]): { iso_year: number; iso_week: number } {
  const rows = new Map<string, number>();
  for (const file of staged)
    rows.set(weekOf(file), (rows.get(weekOf(file)) ?? 0) + file.stats.numRecords);
  const [top] = [...rows].sort(([, a], [, b]) => b - a);
  const found = staged.find((file) => weekOf(file) === top?.[0]);
  return found === undefined ? { iso_year: 0, iso_week: 0 } : weekColumns(found);
}

/** Rows of the file in a scratch file, each with its number in front. */
interface Segment {
  readonly file: string;
  readonly firstRow: number;
  readonly lastRow: number;
}

/** Row-aligned scratch files, one open at a time. */
class SegmentWriter {
  readonly #folder: string;
  #handle: FileHandle | undefined;
  #file = '';
  #count = 0;
  #block = Buffer.allocUnsafe(1 << 20);
  #used = 0;
  #full: Buffer[] = [];
  #bytes = 0;
  #firstRow = 0;
  #lastRow = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Bytes of the segment so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a row with its number in front. */
  add(row: number, line: Buffer): void {
    if (this.#bytes === 0) this.#firstRow = row;
    this.#lastRow = row;
    const needed = line.length + 24;
    if (this.#used + needed > this.#block.length) {
      this.#full.push(this.#block.subarray(0, this.#used));
      this.#block = Buffer.allocUnsafe(Math.max(1 << 20, needed));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += this.#block.write(`${row},`, this.#used, 'latin1');
    this.#used += line.copy(this.#block, this.#used);
    this.#block[this.#used++] = 10;
    this.#bytes += this.#used - start;
  }

  /** Writes full blocks, so that memory holds one. */
  async flush(): Promise<void> {
    if (this.#full.length === 0) return;
    await this.#write(this.#full.splice(0));
  }

  /** Ends the segment; undefined when it has no rows. */
  async close(): Promise<Segment | undefined> {
    if (this.#bytes === 0) return undefined;
    await this.#write([...this.#full.splice(0), this.#block.subarray(0, this.#used)]);
    this.#used = 0;
    this.#bytes = 0;
    await this.#handle?.close();
    this.#handle = undefined;
    return { file: this.#file, firstRow: this.#firstRow, lastRow: this.#lastRow };
  }

  async #write(blocks: Buffer[]): Promise<void> {
    if (this.#handle === undefined) {
      this.#file = path.join(this.#folder, `segment-${this.#count++}.csv`);
      this.#handle = await open(this.#file, 'w');
    }
    // `writev` may write less than it is given, on a full disk without an error
    for (const block of blocks) await this.#handle.appendFile(block);
  }
}

const REJECTED_TABLE = `CREATE TABLE rejected
  (source_row BIGINT, source_column VARCHAR, reason VARCHAR, raw VARCHAR, value VARCHAR)`;
const MAX_HELD_REJECTS = 10_000;
const CHUNKS_PER_REPORT = 256;
