/**
 * The HDF5 files of CESNET DataZoo, such as `CESNET-TLS-Year22-XS.h5`.
 *
 * PyTables wrote them: a table for each day (`/flows/D20220601`), a row for each flow. Columns have the names of the raw
 * files; PPI is an array [C, 30] of the channels inter-packet time, direction, size and, over TCP, push; APP is an
 * enumeration. Widths of numbers are read from the file. Rows are read some thousand at a time from where they lie, so
 * that memory does not grow with the file.
 *
 * @see cesnet_datazoo/pytables_data/pytables_dataset.py of https://github.com/CESNET/cesnet-datazoo
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type * as Hdf5 from 'h5wasm/node';
import { PipelineError, type Fault } from '../../contracts/errors.js';
import {
  columnsOfFormula,
  tabularFeatures,
  type TabularFeature,
} from '../../domain/traffic/features.js';
import type { AppFlows } from '../read-flows.js';
import { PPI_LENGTH } from '../tables.js';

/** The table of a day. */
export interface DatazooDay {
  /** Such as `2022-06-01`. */
  readonly day: string;
  /** Path in the file. */
  readonly table: string;
  readonly rows: number;
}

/** What is wanted of a day. */
export interface DatazooRequest {
  /** Tabular columns, in order. */
  readonly features: readonly TabularFeature[];
  /** Asked for each row in turn, from 0; a row it does not want is left out. @default all are wanted */
  readonly wants?: (row: number) => boolean;
  /** Rows that are read at a time. @default 16_384 */
  readonly batchRows?: number;
}

type Hdf5Module = Awaited<typeof Hdf5.ready>;
type Member = Hdf5.CompoundMember;

/** An open file; `close` lets it go. */
export class DatazooFile {
  /** Ascending. */
  readonly days: readonly DatazooDay[];
  readonly #path: string;
  readonly #file: Hdf5.File;
  readonly #module: Hdf5Module;

  private constructor(file: string, opened: Hdf5.File, module: Hdf5Module) {
    this.#path = file;
    this.#file = opened;
    this.#module = module;
    this.days = this.#listDays();
  }

  /**
   * Opens a file and lists its days. Filters beside zlib are looked for in HDF5_PLUGIN_PATH.
   *
   * @throws PipelineError INPUT_NOT_FOUND, FLOW_FILE_TRUNCATED, FLOW_FILE_DAMAGED, FLOW_HEADER_INVALID when there are
   *   no tables of days
   */
  static async open(file: string): Promise<DatazooFile> {
    const absolute = path.resolve(file);
    await requireFile(absolute);
    const hdf5 = await import('h5wasm/node'); // 4 MB that other commands need not load
    const module = await hdf5.ready;
    module.activate_throwing_error_handler();
    for (const folder of process.env['HDF5_PLUGIN_PATH']?.split(path.delimiter) ?? [])
      if (!module.get_plugin_search_paths().includes(folder))
        module.insert_plugin_search_path(folder, 0);
    const opened = reading(absolute, 'its first bytes', () => new hdf5.File(absolute, 'r'));
    try {
      return new DatazooFile(absolute, opened, module);
    } catch (error) {
      opened.close();
      throw error;
    }
  }

  close(): void {
    this.#file.close();
  }

  /**
   * The flows of a day in the order of the file.
   *
   * @throws PipelineError FLOW_HEADER_INVALID when a column is missing or of another type, HDF5_FILTER, FLOW_FILE_DAMAGED
   */
  *flows({ table, rows }: DatazooDay, request: DatazooRequest): Generator<AppFlows, void> {
    const { features, wants = () => true, batchRows = 16_384 } = request;
    const { metadata } = this.#dataset(table);
    const decoder = new RowDecoder(this.#path, table, metadata, features);
    for (let start = 0; start < rows; start += batchRows) {
      const count = Math.min(batchRows, rows - start);
      const wanted = Array.from({ length: count }, (_, i) => i).filter((i) => wants(start + i));
      if (wanted.length === 0) continue;
      yield decoder.decode(this.#read(table, metadata.size, start, count), wanted);
    }
  }

  #listDays(): DatazooDay[] {
    const names = reading(this.#path, 'its list of tables', () =>
      this.#file.keys().includes('flows')
        ? this.#module.get_names(this.#file.file_id, 'flows', false)
        : [],
    );
    const days = names.flatMap((name) => {
      const [, year, month, day] = /^D(\d{4})(\d\d)(\d\d)$/.exec(name) ?? [];
      if (year === undefined) return [];
      const table = `/flows/${name}`;
      return [
        { day: `${year}-${month}-${day}`, table, rows: this.#dataset(table).shape?.[0] ?? 0 },
      ];
    });
    if (days.length > 0) return days.sort((a, b) => (a.day < b.day ? -1 : 1));
    throw new PipelineError({
      code: 'FLOW_HEADER_INVALID',
      file: this.#path,
      found: 'no tables of days',
      expected: 'tables named like /flows/D20220601, as in the HDF5 files of CESNET DataZoo',
      fix: 'name a file that DataZoo has downloaded',
    });
  }

  #dataset(table: string): Hdf5.Dataset {
    // what has rows is a data set; anything else is found out by its metadata
    return reading(this.#path, table, () => this.#file.get(table) as Hdf5.Dataset);
  }

  /** Bytes of rows as they lie in the file. */
  #read(table: string, rowBytes: number, start: number, count: number): DataView {
    const module = this.#module;
    const bytes = rowBytes * count;
    const pointer = module._malloc(bytes);
    try {
      reading(this.#path, `rows ${start + 1} to ${start + count} of ${table}`, () =>
        module.get_dataset_data(
          this.#file.file_id,
          table,
          [BigInt(count)],
          [BigInt(start)],
          [1n],
          BigInt(pointer),
        ),
      );
      return new DataView(module.HEAPU8.slice(pointer, pointer + bytes).buffer);
    } finally {
      module._free(pointer);
    }
  }
}

/** Rows of one table as arrays. */
class RowDecoder {
  readonly #rowBytes: number;
  readonly #features: readonly TabularFeature[];
  readonly #featureNames: readonly string[];
  readonly #columns: readonly [string, Column][];
  readonly #ppi: Column;
  readonly #length: Column;
  readonly #app: (view: DataView, row: number) => string;

  constructor(
    file: string,
    table: string,
    { size, compound_type }: Hdf5.Metadata,
    features: readonly TabularFeature[],
  ) {
    const members = new Map((compound_type?.members ?? []).map((member) => [member.name, member]));
    const names = new Set(features.flatMap(({ formula }) => columnsOfFormula(formula)));
    const upper = [...names].map((name) => [name, name.toUpperCase()] as const);
    const wanted = [...upper.map(([, name]) => name), 'PPI', 'PPI_LEN', 'APP'];
    const missing = wanted.filter((name) => !members.has(name));
    const fault = (column: string, found: string, expected: string): PipelineError =>
      new PipelineError({
        ...{ code: 'FLOW_HEADER_INVALID', file, column, found: `${table}: ${found}`, expected },
        fix: 'name a file of CESNET DataZoo with these columns',
      });
    const [first] = missing;
    if (first !== undefined)
      throw fault(first, `no column ${missing.join(', ')}`, 'the columns that the model reads');
    const member = (name: string): Member => members.get(name) as Member; // none is missing
    const column = (name: string): Column => {
      const found = columnOf(member(name));
      if (found === undefined) throw fault(name, 'a column of texts', 'numbers');
      return found;
    };
    this.#rowBytes = size;
    this.#features = features;
    this.#featureNames = features.map(({ name }) => name);
    this.#columns = upper.map(([name, inFile]) => [name, column(inFile)]);
    this.#ppi = column('PPI');
    this.#length = column('PPI_LEN');
    const shape = member('PPI').array_type?.shape ?? [];
    const [channels = 0, packets] = shape;
    if (channels < CHANNELS.length || packets !== PPI_LENGTH)
      throw fault('PPI', `an array [${shape.join(', ')}]`, `[3 or 4, ${PPI_LENGTH}]`);
    const app = appReader(member('APP'));
    if (app === undefined)
      throw fault('APP', 'numbers without names', 'an enumeration, as DataZoo stores it');
    this.#app = app;
  }

  /** @param rows indices from 0 */
  decode(view: DataView, rows: readonly number[]): AppFlows {
    const n = rows.length;
    const F = this.#features.length;
    const tabular = new Float32Array(n * F); // [n, F]
    const ppi = new Float32Array(n * PPI_LENGTH * 3); // [n, 30, 3]
    const lengths = new Uint8Array(n);
    const app: string[] = [];
    const numbers: Record<string, number | readonly number[]> = {};
    rows.forEach((row, i) => {
      const start = row * this.#rowBytes;
      for (const [name, column] of this.#columns)
        numbers[name] =
          column.count === 1
            ? column.value(view, start, 0)
            : Array.from({ length: column.count }, (_, index) => column.value(view, start, index));
      tabular.set(tabularFeatures(numbers, this.#features), i * F);
      const T = Math.min(this.#length.value(view, start, 0), PPI_LENGTH);
      lengths[i] = T;
      for (let t = 0; t < T; t++)
        for (let c = 0; c < 3; c++)
          ppi[(i * PPI_LENGTH + t) * 3 + c] = this.#ppi.value(
            view,
            start,
            (CHANNELS[c] ?? 0) * PPI_LENGTH + t,
          );
      app.push(this.#app(view, start));
    });
    return { n, tabular, featureNames: this.#featureNames, ppi, lengths, app };
  }
}

/** Rows of the file's PPI for size, direction and inter-packet time. */
const CHANNELS = [2, 1, 0] as const;

/** A column of numbers. */
interface Column {
  /** Numbers in a row. */
  readonly count: number;
  /** The number at `index` of the row that begins at byte `start`. */
  readonly value: (view: DataView, start: number, index: number) => number;
}

function columnOf(member: Member): Column | undefined {
  const one = member.array_type ?? member;
  const number = numberReader(one);
  if (number === undefined) return undefined;
  const count = (member.array_type?.shape ?? []).reduce((product, size) => product * size, 1);
  const { offset } = member;
  const { size } = one;
  return { count, value: (view, start, index) => number(view, start + offset + index * size) };
}

type NumberReader = (view: DataView, at: number) => number;

/** Integers, floats, and truth values, which PyTables stores as a bit field of one byte. */
function numberReader({
  type,
  size,
  signed,
  littleEndian: little,
}: Hdf5.Metadata): NumberReader | undefined {
  if (type === FLOAT)
    return size === 8
      ? (view, at) => view.getFloat64(at, little)
      : (view, at) => view.getFloat32(at, little);
  if (type !== INTEGER && type !== BITFIELD && type !== ENUM) return undefined;
  switch (size) {
    case 1:
      return signed ? (view, at) => view.getInt8(at) : (view, at) => view.getUint8(at);
    case 2:
      return signed
        ? (view, at) => view.getInt16(at, little)
        : (view, at) => view.getUint16(at, little);
    case 4:
      return signed
        ? (view, at) => view.getInt32(at, little)
        : (view, at) => view.getUint32(at, little);
    default:
      return signed
        ? (view, at) => Number(view.getBigInt64(at, little))
        : (view, at) => Number(view.getBigUint64(at, little));
  }
}

function appReader(member: Member): ((view: DataView, start: number) => string) | undefined {
  const { offset, size, enum_type: enumeration } = member;
  if (member.type === STRING && !member.vlen) {
    const text = new TextDecoder();
    return (view, start) =>
      text.decode(new Uint8Array(view.buffer, start + offset, size)).replace(/\0.*$/s, '');
  }
  const number = enumeration && numberReader(member);
  if (number === undefined) return undefined;
  const names = new Map(
    Object.entries(enumeration?.members ?? {}).map(([name, value]) => [value, name]),
  );
  return (view, start) => {
    const value = number(view, start + offset);
    return names.get(value) ?? `APP ${value}`;
  };
}

/** H5T_class_t. */
const [INTEGER, FLOAT, STRING, BITFIELD, ENUM] = [0, 1, 3, 4, 8] as const;

async function requireFile(file: string): Promise<void> {
  const found = await stat(file).catch((cause: unknown) => {
    throw new PipelineError(
      {
        ...{ code: 'INPUT_NOT_FOUND', file, found: 'no such file' },
        fix: 'check the path; DataZoo downloads its files into the folder named as data_root',
      },
      { cause },
    );
  });
  if (found.isFile()) return;
  const fault: Fault = {
    code: 'INPUT_NOT_FOUND',
    file,
    found: 'no file',
    fix: 'name an HDF5 file',
  };
  throw new PipelineError(fault);
}

/** HDF5's own messages are pages long: the last line tells the cause. */
function reading<T>(file: string, what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new PipelineError(faultOf(file, what, message), { cause });
  }
}

function faultOf(file: string, what: string, message: string): Fault {
  const [, filter] = /filter '([^']*)' is not registered/.exec(message) ?? [];
  if (filter !== undefined)
    return {
      code: 'HDF5_FILTER',
      file,
      found: `tables compressed with ${filter}`,
      expected: 'zlib, no compression, or a filter in the folder that HDF5_PLUGIN_PATH names',
      fix: `repack it with PyTables, which DataZoo has: ptrepack --complib=zlib --complevel=1 ${path.basename(file)}:/ zlib.h5:/`,
    };
  const fix = 'download or copy the file again; `h5ls -r FILE` tells whether it is whole';
  if (message.includes('truncated file'))
    return { code: 'FLOW_FILE_TRUNCATED', file, found: 'an HDF5 file without its end', fix };
  return {
    code: 'FLOW_FILE_DAMAGED',
    file,
    found: `${what} cannot be read: ${lastCause(message)}`,
    fix,
  };
}

function lastCause(message: string): string {
  return [...message.matchAll(/^ *#\d+: \S+ line \d+ in ([^\n]+)/gm)].at(-1)?.[1] ?? message;
}
