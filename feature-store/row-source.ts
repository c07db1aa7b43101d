/**
 * Rows from memory into a query: a relation whose chunks JavaScript fills while DuckDB reads them.
 *
 * The bindings' own chunk classes take a value at a time; here a column of a chunk is one copy of bytes.
 */
import { randomUUID } from 'node:crypto';
import {
  BIGINT,
  DOUBLE,
  DuckDBTableFunction,
  INTEGER,
  LIST,
  SMALLINT,
  TIMESTAMP,
  VARCHAR,
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBType,
} from '@duckdb/node-api';
import bindings from '@duckdb/node-bindings';

/** Rows of one chunk, as DuckDB has them at most. */
export const CHUNK_ROWS = 2_048;

/** What a column of a source may be. */
export type SourceType =
  'string' | 'long' | 'integer' | 'short' | 'double' | 'timestamp' | 'integer[]';

/** Rows that a query reads once, in order. */
export interface RowSource {
  readonly columns: readonly { readonly name: string; readonly type: SourceType }[];
  readonly rows: number;
  /** Writes the rows from `start` on, at most `CHUNK_ROWS` of them; a value that is not written is unknown, not NULL. */
  fill(chunk: ChunkWriter, start: number, count: number): void;
}

/** One chunk of a source, written column by column. */
export class ChunkWriter {
  readonly #chunk: DuckDBDataChunk['chunk'];
  readonly #count: number;

  constructor(chunk: DuckDBDataChunk['chunk'], count: number) {
    this.#chunk = chunk;
    this.#count = count;
  }

  /** The values of all rows of a column of 16 or 32 bits, or of doubles. */
  values(column: number, values: Int16Array | Int32Array | Float64Array): void {
    this.#copy(this.#vector(column), values, this.#count);
  }

  /** The values of all rows of a column of 64 bits. @param values whole numbers, exact: below 2^53 */
  longs(column: number, values: Float64Array): void {
    const halves = HALVES;
    for (let row = 0; row < this.#count; row += 1) {
      const value = values[row] ?? 0;
      halves[row * 2] = value | 0; // the value modulo 2^32
      halves[row * 2 + 1] = Math.floor(value / 2 ** 32);
    }
    this.#copy(this.#vector(column), halves, this.#count * 2);
  }

  /** Lists of equal length. @param items of all rows, `length` for each */
  lists(column: number, items: Int32Array, length: number): void {
    const vector = this.#vector(column);
    const total = this.#count * length;
    bindings.list_vector_reserve(vector, total);
    bindings.list_vector_set_size(vector, total);
    const entries = listEntries(length);
    this.#copy(vector, entries, this.#count * 4);
    this.#copy(bindings.list_vector_get_child(vector), items, total);
  }

  /**
   * UTF-8 texts.
   *
   * A vector holds a text of up to 12 bytes in place, and of a longer one the address. So all texts become one
   * value of the vector, which then holds their bytes, and each row points into it: one call in place of one a row.
   *
   * @param bytes the texts of all rows, one behind the other
   * @param lengths in bytes; 0 is NULL
   */
  texts(column: number, bytes: Uint8Array, lengths: Int32Array): void {
    const vector = this.#vector(column);
    const entries = TEXT_ENTRIES;
    const entryBytes = TEXT_ENTRY_BYTES;
    const validity = VALIDITY.fill(0xff);
    let hasNull = false;
    const base = heapAddress(vector, bytes);
    for (let row = 0, start = 0; row < this.#count; row += 1) {
      const length = lengths[row] ?? 0;
      const entry = row * TEXT_ENTRY;
      entries[entry] = length;
      // DuckDB compares all 12 bytes of a short text
      entries[entry + 1] = 0;
      entries[entry + 2] = 0;
      entries[entry + 3] = 0;
      const inPlace = Math.min(length, length <= INLINE_BYTES ? INLINE_BYTES : PREFIX_BYTES);
      for (let index = 0; index < inPlace; index += 1)
        entryBytes[entry * 4 + 4 + index] = bytes[start + index] ?? 0;
      if (length > INLINE_BYTES) {
        const address = base + start;
        entries[entry + 2] = address | 0; // the address modulo 2^32
        entries[entry + 3] = Math.floor(address / 2 ** 32);
      } else if (length === 0) {
        hasNull = true;
        validity[row >> 3] = (validity[row >> 3] ?? 0) & ~(1 << (row & 7));
      }
      start += length;
    }
    this.#copy(vector, entries, this.#count * TEXT_ENTRY);
    if (!hasNull) return;
    bindings.vector_ensure_validity_writable(vector);
    bindings.copy_data_to_vector_validity(vector, 0, validity.buffer, 0, validity.length);
  }

  #vector(column: number) {
    return bindings.data_chunk_get_vector(this.#chunk, column);
  }

  #copy(vector: Vector, values: Int16Array | Int32Array | Float64Array, count: number): void {
    const { buffer, byteOffset, BYTES_PER_ELEMENT } = values;
    // sources are made of plain arrays: nothing here is shared between threads
    bindings.copy_data_to_vector(
      vector,
      0,
      buffer as ArrayBuffer,
      byteOffset,
      count * BYTES_PER_ELEMENT,
    );
  }
}

/** Gives the bytes to the vector; the address at which it keeps them, 0 when no text needs one. */
function heapAddress(vector: Vector, bytes: Uint8Array): number {
  if (bytes.length <= INLINE_BYTES) return 0;
  bindings.vector_assign_string_element_len(vector, 0, bytes);
  const [, , low = 0, high = 0] = new Uint32Array(
    bindings.vector_get_data(vector, 16).slice().buffer,
  );
  return high * 2 ** 32 + low;
}

/** The sources that the sessions of one DuckDB instance may read. */
export class RowSources {
  readonly #sources = new Map<string, RowSource>();
  #registered = false;

  /** Runs `use` with the relation of a source, for a FROM clause. */
  async with<T>(
    connection: DuckDBConnection,
    source: RowSource,
    use: (relation: string) => Promise<T>,
  ): Promise<T> {
    if (!this.#registered) connection.registerTableFunction(this.#tableFunction());
    this.#registered = true;
    const id = randomUUID();
    this.#sources.set(id, source);
    try {
      return await use(`${FUNCTION_NAME}('${id}')`);
    } finally {
      this.#sources.delete(id);
    }
  }

  #tableFunction(): DuckDBTableFunction {
    return DuckDBTableFunction.create({
      name: FUNCTION_NAME,
      parameterTypes: [VARCHAR],
      bindFunction: (info) => {
        const source = this.#sources.get(String(info.getParameter(0)));
        if (source === undefined) return info.setError('the rows are gone');
        for (const { name, type } of source.columns) info.addResultColumn(name, DUCKDB_TYPES[type]);
        info.setCardinality(source.rows, true);
        info.setBindData(source);
      },
      initFunction: (info) => {
        info.setMaxThreads(1);
        info.setInitData({ next: 0 } satisfies Scan);
      },
      mainFunction: (info, { chunk }) => {
        const source = info.bindData as RowSource; // set above
        const scan = info.initData as Scan; // set above
        const count = Math.min(CHUNK_ROWS, source.rows - scan.next);
        bindings.data_chunk_set_size(chunk, count);
        if (count > 0) source.fill(new ChunkWriter(chunk, count), scan.next, count);
        scan.next += count;
      },
    });
  }
}

/** Where each list of a chunk begins, and its length: 64 bits each. */
function listEntries(length: number): Int32Array {
  let entries = ENTRIES.get(length);
  if (entries === undefined) {
    entries = new Int32Array(CHUNK_ROWS * 4);
    for (let row = 0; row < CHUNK_ROWS; row += 1)
      entries.set([row * length, 0, length, 0], row * 4);
    ENTRIES.set(length, entries);
  }
  return entries;
}

interface Scan {
  next: number;
}

type Vector = ReturnType<typeof bindings.data_chunk_get_vector>;

/** `duckdb_string_t`: the length, then 12 bytes in place, or 4 of them and the address of all. */
const TEXT_ENTRY = 4;
const INLINE_BYTES = 12;
const PREFIX_BYTES = 4;

// what is copied into a vector; a chunk is filled without a pause, so one of each is enough
const TEXT_ENTRIES = new Int32Array(CHUNK_ROWS * TEXT_ENTRY);
const TEXT_ENTRY_BYTES = new Uint8Array(TEXT_ENTRIES.buffer);
const HALVES = new Int32Array(CHUNK_ROWS * 2);
const VALIDITY = new Uint8Array(CHUNK_ROWS / 8);
const ENTRIES = new Map<number, Int32Array>();
const FUNCTION_NAME = 'memory_rows';

const DUCKDB_TYPES: Readonly<Record<SourceType, DuckDBType>> = {
  string: VARCHAR,
  long: BIGINT,
  integer: INTEGER,
  short: SMALLINT,
  double: DOUBLE,
  timestamp: TIMESTAMP,
  'integer[]': LIST(INTEGER),
};
