/**
 * What lies in an input folder: flow files, other files, and flow files that cannot be used.
 *
 * A flow file is known by its header, never by its name: the same folder holds statistics, service
 * maps and notes.
 */
import { existsSync, type Dirent, type Stats } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { PipelineError, type Fault } from '../../contracts/errors.js';
import type { FlowMapping } from '../../contracts/schemas/mapping.js';
import { readSnapshot, type LiveFile } from '../delta/snapshot.js';
import { checksumFault, fileHash } from './checksum.js';
import {
  detectCompression,
  firstLines,
  readUnpacked,
  unreadable,
  type Compression,
} from './decompress.js';
import { mappedHeader, sourceIdentity, usedColumnCount } from './flow-mapping.js';
import { LABEL_COLUMNS, parseHeader, REQUIRED_COLUMN_COUNT, type Labels } from './flow-columns.js';
import { firstParquetTime, openParquet, withSession, type ParquetFlows } from './parquet-flows.js';

/** A flow file ready for ingest. */
export interface SourceFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: number;
  readonly compression: Compression;
  /** SHA-256 of the file as it lies on disk, and of the mapping it is read with; 64 hex digits. */
  readonly sha256: string;
  /** Columns that no table has; they are left out. */
  readonly unknownColumns: readonly string[];
}

/** What was found in the given paths. */
export interface SourceListing {
  /** Ordered by path. */
  readonly flows: readonly SourceFile[];
  /** Left alone, each with the reason. */
  readonly ignored: readonly { readonly file: string; readonly reason: string }[];
  /** Flow files that cannot be used. */
  readonly faults: readonly Fault[];
}

/**
 * Lists files, and folders to any depth; of a Delta table the files of its newest version.
 *
 * Only regular files are opened, a link to a file counts as one. What cannot be read is a fault, what is
 * no file is ignored; of files with the same content the first by path is used.
 *
 * @param paths files or folders, links to them too; a file named here is looked at whatever its name
 * @param mapping the exporter whose files are looked for
 * @throws PipelineError INPUT_NOT_FOUND when a path does not exist
 */
export async function listSources(
  paths: readonly string[],
  mapping?: FlowMapping,
  labels: Labels = 'required',
): Promise<SourceListing> {
  const flows: SourceFile[] = [];
  const ignored: { file: string; reason: string }[] = [];
  const faults: Fault[] = [];
  const firstOf = new Map<string, string>();
  for (const entry of await expand(paths)) {
    const { file } = entry;
    const verdict =
      entry.kind === 'file'
        ? await judge(file, mapping, labels).catch(faultOf(file))
        : entry.verdict;
    if ('code' in verdict) faults.push(verdict);
    else if ('reason' in verdict) ignored.push({ file, reason: verdict.reason });
    else {
      const first = firstOf.get(verdict.sha256);
      if (first !== undefined) ignored.push({ file, reason: `same content as ${first}` });
      else {
        firstOf.set(verdict.sha256, file);
        flows.push(verdict);
      }
    }
  }
  return { flows, ignored, faults };
}

/**
 * TIME_FIRST of the first data row, from the head of the file only; undefined when there is none.
 *
 * Naive times are UTC.
 *
 * @param mapping of the files of another exporter
 */
export async function peekFirstTime(
  source: Pick<SourceFile, 'path' | 'compression'>,
  mapping?: FlowMapping,
): Promise<Date | undefined> {
  const first =
    source.compression === 'parquet'
      ? await firstParquetTime(source.path)
      : await firstTextTime(source, mapping);
  const time =
    typeof first === 'number'
      ? new Date(first)
      : new Date(`${first?.replace(/Z$/, '').replace(' ', 'T')}Z`);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/** As it is written; of a mapping that names a unit, ms since 1970. */
async function firstTextTime(
  { path: file, compression }: Pick<SourceFile, 'path' | 'compression'>,
  mapping: FlowMapping | undefined,
): Promise<string | number | undefined> {
  const [header, row] = await firstLines(file, compression, 2);
  if (header === undefined || row === undefined) return undefined;
  if (mapping === undefined) {
    const { columns } = parseHeader(header);
    return splitRow(row)[columns.findIndex((column) => column?.name === 'TIME_FIRST')];
  }
  const { column, unit } = mappedTime(mapping);
  const text = splitRow(row)[mappedHeader(header, mapping).names.indexOf(column)];
  return unit === undefined || text === undefined ? text : Number(text) * MS_OF_UNIT[unit];
}

/** The column that TIME_FIRST is made from. */
function mappedTime({ columns }: FlowMapping): { column: string; unit?: keyof typeof MS_OF_UNIT } {
  const value = columns['TIME_FIRST'];
  if (typeof value === 'string') return { column: value };
  if (value === undefined || !('column' in value)) return { column: '' };
  const { column, unit } = value;
  return { column, ...(unit !== undefined && { unit }) };
}

const MS_OF_UNIT = { us: 0.001, ms: 1, s: 1000 } as const;

/**
 * The latest first row of all flow files below the paths, undefined when no file has one.
 *
 * Only the head of each file is read. A file that cannot be read does not count: `listSources` says why.
 *
 * @param mapping of the files of another exporter
 */
export async function newestFirstTime(
  paths: readonly string[],
  mapping?: FlowMapping,
): Promise<Date | undefined> {
  let newest: Date | undefined;
  for (const { file, kind } of await expand(paths)) {
    if (kind !== 'file') continue;
    const time = await detectCompression(file)
      .then((compression) => peekFirstTime({ path: file, compression }, mapping))
      .catch(() => undefined);
    if (time !== undefined && (newest === undefined || time > newest)) newest = time;
  }
  return newest;
}

/** A file to look into, or what is known of a path without opening it. */
type Entry =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'known'; readonly file: string; readonly verdict: { reason: string } | Fault };

/** All that lies below the paths, each once, ordered by path. */
async function expand(paths: readonly string[]): Promise<Entry[]> {
  const entries = new Map<string, Entry>();
  for (const given of paths) {
    const absolute = path.resolve(given);
    const found = await stat(absolute).catch((cause: NodeJS.ErrnoException) => {
      const missing = cause.code === 'ENOENT' || cause.code === 'ENOTDIR';
      throw new PipelineError(
        {
          code: 'INPUT_NOT_FOUND',
          file: absolute,
          found: missing ? 'no such file or folder' : cause.message,
          fix: 'check the path; `sentinel generate` or `sentinel download` makes input',
        },
        { cause },
      );
    });
    if (found.isDirectory()) {
      for await (const entry of below(absolute))
        if (!entries.has(entry.file)) entries.set(entry.file, entry);
    } else entries.set(absolute, fileEntry(absolute, found));
  }
  return [...entries.values()].sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
}

async function* below(folder: string): AsyncGenerator<Entry, void> {
  if (existsSync(path.join(folder, '_delta_log'))) {
    yield* liveFilesOf(folder);
    return;
  }
  let names: Dirent[];
  try {
    names = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    yield { kind: 'known', file: folder, verdict: faultOf(folder)(error) };
    return;
  }
  for (const name of names) {
    const file = path.join(folder, name.name);
    if (name.isDirectory()) yield* below(file);
    else yield await entryOf(file, name);
  }
}

/** A Delta table is its live files: the others in its folder are of older versions, or no rows. */
async function* liveFilesOf(table: string): AsyncGenerator<Entry, void> {
  try {
    const { files } = (await readSnapshot(table)) ?? { files: new Map<string, LiveFile>() };
    for (const { file } of files.values()) yield { kind: 'file', file };
  } catch (error) {
    yield { kind: 'known', file: table, verdict: faultOf(table)(error) };
  }
}

async function entryOf(file: string, name: Dirent): Promise<Entry> {
  const known = (verdict: { reason: string } | Fault): Entry => ({ kind: 'known', file, verdict });
  let target: Dirent | Stats = name;
  try {
    if (name.isSymbolicLink()) target = await stat(file);
    if (target.isDirectory())
      return known({ reason: 'a link to a folder: links to folders are not followed' });
  } catch (error) {
    // a link of another name is left alone below, wherever it leads
    if (FLOW_NAME.test(file)) return known(faultOf(file)(error));
  }
  if (!FLOW_NAME.test(file))
    return known({ reason: 'not named .csv, .csv.gz, .csv.xz or .parquet' });
  return fileEntry(file, target);
}

// a FIFO or a terminal may never give a byte, so only regular files are opened
function fileEntry(file: string, found: Dirent | Stats): Entry {
  if (found.isFile()) return { kind: 'file', file };
  const what = found.isFIFO() ? 'a FIFO' : found.isSocket() ? 'a socket' : 'a device';
  return { kind: 'known', file, verdict: { reason: `${what}, not a file` } };
}

function faultOf(file: string): (error: unknown) => Fault {
  return (error) => {
    const known = error instanceof PipelineError ? error : unreadable(file, error);
    if (known === undefined) throw error;
    return known.fault;
  };
}

async function judge(
  file: string,
  mapping: FlowMapping | undefined,
  labels: Labels,
): Promise<SourceFile | { reason: string } | Fault> {
  const { size: bytes } = await stat(file);
  if (bytes === 0)
    return {
      code: 'FLOW_FILE_EMPTY',
      file,
      found: 'a file of 0 bytes',
      expected: 'a header and rows',
      fix: 'export or download that day again, or delete the file when the day has no flows',
    };
  const compression = await detectCompression(file);
  const promised = /\.(gz|xz|parquet)$/.exec(file)?.[1];
  if (promised !== undefined && compression === 'none')
    return {
      code: 'FLOW_FILE_NOT_COMPRESSED',
      file,
      found: `a file named .${promised} that is not ${promised} data`,
      expected: `${promised} data`,
      fix: `name it ${path.basename(file, `.${promised}`)} if it is plain text, else download it again`,
    };
  const { header, wrongTypes } = await headerAndTypes(file, compression, mapping);
  const wanted =
    mapping && compression !== 'parquet' ? usedColumnCount(mapping) : REQUIRED_COLUMN_COUNT;
  if (header.missing.length > wanted / 2)
    return {
      reason:
        compression === 'parquet'
          ? 'its columns are not those of a flow file'
          : `its first line is not the header of ${mapping?.name ?? 'a flow file'}`,
    };
  const invalid = headerFault(file, header, labels);
  if (invalid) return invalid;
  const wrong = wrongTypes[0];
  if (wrong !== undefined)
    return {
      code: 'FLOW_HEADER_INVALID',
      file,
      row: 0,
      column: wrong.name,
      found: `a column of ${wrong.type}${wrongTypes.length > 1 ? `, and ${wrongTypes.length - 1} more of a wrong type` : ''}`,
      expected: wrong.expected,
      fix: 'export the file with the types that docs/data.md lists',
    };
  await requireComplete(file, compression, bytes);
  const sha256 = await fileHash(file, 'sha256');
  return (
    (await checksumFault(file, sha256)) ?? {
      path: file,
      bytes,
      compression,
      sha256: sourceIdentity(sha256, mapping),
      unknownColumns: header.unknown,
    }
  );
}

async function headerAndTypes(
  file: string,
  compression: Compression,
  mapping: FlowMapping | undefined,
): Promise<Pick<ParquetFlows, 'header' | 'wrongTypes'>> {
  if (compression === 'parquet') return withSession((session) => openParquet(session, file));
  const [line] = await firstLines(file, compression, 1);
  const header = mapping ? mappedHeader(line ?? '', mapping) : parseHeader(line ?? '');
  return { header, wrongTypes: [] };
}

/** The fault of a header that lacks or repeats columns; undefined for a good one. */
export function headerFault(
  file: string,
  header: ReturnType<typeof parseHeader>,
  labels: Labels,
): Fault | undefined {
  const { repeated } = header;
  const missing = header.missing.filter(
    (name) => labels === 'required' || !LABEL_COLUMNS.includes(name),
  );
  if (missing.length === 0 && repeated.length === 0) return undefined;
  const found = [
    ...(missing.length > 0 ? [`no column ${missing.join(', ')}`] : []),
    ...(repeated.length > 0 ? [`column ${repeated.join(', ')} twice`] : []),
  ].join('; ');
  return {
    code: 'FLOW_HEADER_INVALID',
    file,
    row: 0,
    found,
    expected: header.mapping
      ? `each column that the mapping ${header.mapping.name} names, once`
      : 'each column of a CESNET-TLS-Year22 file once, in any order',
    fix: 'export the file with these columns; docs/data.md lists them',
  };
}

// An .xz ends with "YZ" (and zero padding), so a cut one is known without unpacking it. A .gz has no
// such mark: small ones are unpacked here, a cut large one is found by ingest.
async function requireComplete(
  file: string,
  compression: Compression,
  bytes: number,
): Promise<void> {
  if (compression === 'gz' && bytes <= SMALL_GZIP_BYTES)
    for await (const chunk of readUnpacked(file, compression)) void chunk;
  if (compression !== 'xz') return;
  const handle = await open(file, 'r');
  try {
    const length = Math.min(bytes, 1024);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, bytes - length);
    const end = buffer.findLastIndex((byte) => byte !== 0) + 1;
    if (buffer.subarray(Math.max(0, end - 2), end).toString('latin1') === 'YZ') return;
  } finally {
    await handle.close();
  }
  throw new PipelineError({
    code: 'FLOW_FILE_TRUNCATED',
    file,
    found: 'an .xz file without its end',
    expected: 'a complete .xz file',
    fix: 'copy or download the file again; `xz -t` tells whether it is whole',
  });
}

/** The fields of a CSV row; quotes may hold commas. */
function splitRow(row: string): string[] {
  return [...row.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(([, field = '']) =>
    field.replace(/^"(.*)"$/, '$1'),
  );
}

const FLOW_NAME = /\.(csv(\.(gz|xz))?|parquet)$/i;
const SMALL_GZIP_BYTES = 1 << 20;
