/**
 * The first look at a flow file: bytes into rows, and rows that no CSV reader may see set aside.
 *
 * One pass over the bytes checks what is cheap there and costly or fatal later: quotes, the number of
 * fields, UTF-8, and which bytes a column may hold (`1.5` is no count, though SQL would round it). A good
 * row is passed on with its number in front; so a row keeps its number whatever is rejected around it.
 */
import { isUtf8 } from 'node:buffer';
import type { RawColumn, RawKind } from '../sources/flow-columns.js';

/** A row that does not parse. */
export interface RejectedRow {
  /** 1-based data row. */
  readonly sourceRow: number;
  /** Column of the header; null when the row as a whole is at fault. */
  readonly column: string | null;
  /** The start of the column's text, without quotes; null when the row as a whole is at fault. */
  readonly value: string | null;
  readonly reason: string;
  /** The row as it stands in the file, cut at 64 KiB. */
  readonly raw: string;
}

/** Takes chunks of a flow file, in order, and keeps the state between them. */
export class RowScanner {
  readonly #names: readonly string[];
  /** Per column 256 flags: may this byte stand in it. */
  readonly #allowed: Uint8Array;
  readonly #takePlain: (row: number, line: Buffer) => boolean;
  readonly #onRow: (row: number, line: Buffer) => void;
  readonly #onReject: (row: RejectedRow) => void;
  #carry: Buffer = Buffer.alloc(0);
  #inHeader = true;
  #skipping = false;
  #rows = 0;

  constructor(options: {
    readonly names: readonly string[];
    readonly columns: readonly (RawColumn | undefined)[];
    /** Takes a row that needs no further look; the buffer is reused after the call. @default none is taken */
    readonly takePlain?: (row: number, line: Buffer) => boolean;
    /** A good row, without its line end; the buffer is reused after the call. */
    readonly onRow: (row: number, line: Buffer) => void;
    readonly onReject: (row: RejectedRow) => void;
  }) {
    this.#names = options.names;
    this.#takePlain = options.takePlain ?? (() => false);
    this.#onRow = options.onRow;
    this.#onReject = options.onReject;
    this.#allowed = new Uint8Array(options.columns.length * 256);
    options.columns.forEach((column, index) =>
      this.#allowed.set(BYTES_OF_KIND[column?.kind ?? 'text'], index * 256),
    );
  }

  /** Data rows seen so far, good and bad. */
  get rows(): number {
    return this.#rows;
  }

  /** Takes the next chunk. */
  push(chunk: Buffer): void {
    const buffer = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    const end = buffer.lastIndexOf(NEWLINE) + 1;
    this.#carry = buffer.subarray(end);
    this.#scan(buffer.subarray(0, end));
    if (this.#carry.length > MAX_ROW_BYTES) {
      // the row is lost anyway; only its head is kept, so memory stays bounded
      if (!this.#skipping) this.#tooLong(this.#carry);
      this.#skipping = true;
      this.#carry = Buffer.alloc(0);
    }
  }

  /** Ends the file: the last row may lack its line end. */
  finish(): void {
    if (this.#carry.length > 0) this.#scan(Buffer.concat([this.#carry, Buffer.from('\n')]));
    this.#carry = Buffer.alloc(0);
  }

  #scan(buffer: Buffer): void {
    const allUtf8 = isUtf8(buffer);
    let start = 0;
    for (let end = buffer.indexOf(NEWLINE); end >= 0; end = buffer.indexOf(NEWLINE, start)) {
      const lineEnd = end > start && buffer[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
      if (this.#skipping) this.#skipping = false;
      else if (this.#inHeader) this.#inHeader = false;
      else if (lineEnd > start) this.#take(buffer, start, lineEnd, allUtf8);
      start = end + 1;
    }
  }

  #take(buffer: Buffer, start: number, end: number, allUtf8: boolean): void {
    const line = buffer.subarray(start, end);
    if (line.length > MAX_ROW_BYTES) return this.#tooLong(line);
    this.#rows += 1;
    if (!allUtf8 && !isUtf8(line)) return this.#reject(line, 'bytes that are not UTF-8');
    if (!this.#takePlain(this.#rows, line)) this.#check(line);
  }

  #check(line: Buffer): void {
    const allowed = this.#allowed;
    const columns = this.#names.length;
    let column = 0;
    let table = 0;
    let quoted = false;
    let fieldStart = 0;
    for (let i = 0; i < line.length; i++) {
      const byte = line[i] as number; // i is below the length
      if (byte === QUOTE) {
        if (!quoted && i === fieldStart) quoted = true;
        else if (!quoted)
          return this.#reject(line, 'a quote inside an unquoted value', column, fieldStart);
        else if (line[i + 1] === QUOTE) {
          if (allowed[table + QUOTE] === 0)
            return this.#reject(line, 'a quote in the value', column, fieldStart);
          i++;
        } else if (i + 1 === line.length || line[i + 1] === COMMA) quoted = false;
        else return this.#reject(line, 'text after the closing quote', column, fieldStart);
      } else if (byte === COMMA && !quoted) {
        column++;
        table += 256;
        fieldStart = i + 1;
        if (column === columns) break;
      } else if (allowed[table + byte] === 0) {
        return this.#reject(
          line,
          `the character ${JSON.stringify(String.fromCharCode(byte))}`,
          column,
          fieldStart,
        );
      }
    }
    if (quoted) return this.#reject(line, 'a quote that is never closed', column, fieldStart);
    if (column + 1 !== columns)
      return this.#reject(
        line,
        `${column >= columns ? 'more than ' : ''}${column + (column >= columns ? 0 : 1)} values, expected ${columns}`,
      );
    this.#onRow(this.#rows, line);
  }

  #tooLong(line: Buffer): void {
    this.#rows += 1;
    this.#reject(line, `a row of more than ${MAX_ROW_BYTES} bytes`);
  }

  #reject(line: Buffer, reason: string, column?: number, fieldStart = 0): void {
    const name = column === undefined ? undefined : this.#names[column];
    this.#onReject({
      sourceRow: this.#rows,
      column: name ?? null,
      value: name === undefined ? null : fieldText(line, fieldStart),
      reason,
      raw: textOf(line.subarray(0, MAX_RAW_BYTES)),
    });
  }
}

/** The field that starts here, however broken, without its quotes and cut. */
function fieldText(line: Buffer, start: number): string {
  const quoted = line[start] === QUOTE;
  const end = line.indexOf(quoted ? '",' : ',', start + 1);
  const field = line.subarray(quoted ? start + 1 : start, end < 0 ? line.length : end);
  const text = textOf(field.subarray(0, 4 * MAX_VALUE_CHARACTERS)).slice(0, MAX_VALUE_CHARACTERS);
  return end < 0 && quoted ? text.replace(/"$/, '') : text;
}

function textOf(bytes: Buffer): string {
  return bytes.toString('utf8').replaceAll('\0', '\uFFFD');
}

function byteTable(allowed: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (allowed(byte) ? 1 : 0));
}

const among = (characters: string) =>
  byteTable((byte) => characters.includes(String.fromCharCode(byte)));

const BYTES_OF_KIND: Record<RawKind, Uint8Array> = {
  text: byteTable((byte) => byte >= 0x20 && byte !== 0x7f),
  count: among('0123456789'),
  flag: among('0123456789TRUEFALStruefals'),
  decimal: among('0123456789.-+eE'),
  time: among('0123456789-:T .Z'),
  ppi: among('0123456789-,[] '),
  histogram: among('0123456789,[] '),
};

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const QUOTE = 34;
const COMMA = 44;
const MAX_ROW_BYTES = 1 << 20;
const MAX_RAW_BYTES = 1 << 16;
/** How much of a value a rejected row tells. */
export const MAX_VALUE_CHARACTERS = 200;
