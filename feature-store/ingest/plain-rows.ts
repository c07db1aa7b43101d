/**
 * The quick way from bytes to typed rows, for rows that are written as exporters write them.
 *
 * A row is taken only when each value has the plain form of its column and lies in its range; it then has
 * the value that `flow-sql.ts` gives it. Any doubt leaves the row to SQL, which also knows what is wrong
 * with a bad one. The rows lie in arrays until they are written, application by application.
 */
import { isoWeekOf } from '../../domain/traffic/generator-calendar.js';
import { CHUNK_ROWS, type ChunkWriter, type RowSource, type SourceType } from '../row-source.js';
import { UNLABELLED, type FlowHeader, type RawColumn } from '../sources/flow-columns.js';
import { parseIsoWeek, PPI_COLUMNS, PPI_LENGTH } from '../tables.js';

/** Rows of one application in one ISO week, in the order of the file: `source_row`, then the stored columns. */
export interface PlainGroup extends RowSource {
  readonly isoYear: number;
  readonly isoWeek: number;
  readonly app: string;
}

/** Holds the plain rows of one file, up to a bound, and gives them back in groups. */
export class PlainRows {
  readonly #fields: readonly Field[];
  readonly #outputs: readonly Output[];
  readonly #ppiLenSlot: number;
  readonly #timeSlot: number;
  readonly #capacity: number;
  readonly #stride: number;
  readonly #textStride: number;
  readonly #countStride: number;
  /** Row-major: the row's number, its flags as bits, then counts, decimals, and times in us. */
  readonly #numbers: Float64Array;
  /** Row-major: where each text starts and ends in `#heap`. */
  readonly #textBounds: Int32Array;
  readonly #heap: Uint8Array;
  /** Row-major: the 8 counts of each histogram. */
  readonly #counts: Int32Array;
  /** Of each row: where its lists start in `#packets`, and their length. */
  readonly #packetBounds: Int32Array;
  /** Of each row: inter-packet times, directions, sizes, push flags. */
  readonly #packets: Int32Array;
  readonly #groupOfRow: Int32Array;
  // what is written of one chunk
  readonly #lists = new Int32Array(LISTS * CHUNK_ITEMS);
  readonly #bins: Int32Array;
  readonly #texts: readonly GatheredTexts[];
  readonly #shorts = new Int16Array(CHUNK_ROWS);
  readonly #ints = new Int32Array(CHUNK_ROWS);
  readonly #doubles = new Float64Array(CHUNK_ROWS);
  readonly #appIds = new Map<string, number>();
  readonly #groupIds = new Map<number, number>();
  #groups: { readonly app: string; readonly week: number; rows: number }[] = [];
  #rows = 0;
  #heapEnd = 0;
  #packetsEnd = 0;
  #at = 0;
  #app = UNLABELLED;
  #date = 0;
  #dateUs = 0;

  /** @param capacity rows that are held at most, of about 700 bytes each */
  constructor({ columns }: Pick<FlowHeader, 'columns'>, capacity: number) {
    const { fields, outputs, slots } = layoutOf(columns);
    this.#fields = fields;
    this.#outputs = outputs;
    this.#ppiLenSlot = slotOf(fields, 'PPI_LEN');
    this.#timeSlot = slotOf(fields, 'TIME_FIRST');
    this.#capacity = capacity;
    this.#stride = slots.numbers;
    this.#textStride = slots.texts * 2;
    this.#countStride = slots.histograms * HISTOGRAM_LENGTH;
    // memory is the system's until it is written to
    this.#numbers = new Float64Array(capacity * this.#stride);
    this.#textBounds = new Int32Array(capacity * this.#textStride);
    this.#heap = new Uint8Array(capacity * TEXT_BYTES + MAX_PLAIN_BYTES);
    this.#counts = new Int32Array(capacity * this.#countStride);
    this.#packetBounds = new Int32Array(capacity * 2);
    this.#packets = new Int32Array(capacity * PACKETS * LISTS + MAX_PLAIN_BYTES);
    this.#groupOfRow = new Int32Array(capacity);
    this.#bins = new Int32Array(slots.histograms * CHUNK_BINS);
    this.#texts = Array.from({ length: slots.texts }, () => ({
      bytes: new Uint8Array(CHUNK_ROWS * TEXT_BYTES),
      used: 0,
      lengths: new Int32Array(CHUNK_ROWS),
    }));
  }

  /** Whether the rows must be written before more are taken. */
  get isFull(): boolean {
    return (
      this.#rows === this.#capacity ||
      this.#heapEnd + MAX_PLAIN_BYTES > this.#heap.length ||
      this.#packetsEnd + MAX_PLAIN_BYTES > this.#packets.length
    );
  }

  /** Whether no row is held. */
  get isEmpty(): boolean {
    return this.#rows === 0;
  }

  /**
   * Takes a row; false when it is not plain, or there is no room.
   *
   * @param sourceRow its number
   * @param line its bytes, UTF-8, without the line end
   */
  take(sourceRow: number, line: Buffer): boolean {
    if (line.length > MAX_PLAIN_BYTES || this.isFull) return false;
    const row = this.#rows;
    const first = row * this.#stride;
    const [heapEnd, packetsEnd] = [this.#heapEnd, this.#packetsEnd];
    this.#numbers[first + ROW_SLOT] = sourceRow;
    this.#numbers[first + FLAGS_SLOT] = 0;
    this.#at = 0;
    if (this.#readFields(line, row, first) && this.#isConsistent(row, first)) {
      this.#file(row, first);
      return true;
    }
    this.#heapEnd = heapEnd;
    this.#packetsEnd = packetsEnd;
    return false;
  }

  /** The rows by week and application; to be read before `clear`. */
  groups(): PlainGroup[] {
    const starts: number[] = [];
    let total = 0;
    for (const { rows } of this.#groups) {
      starts.push(total);
      total += rows;
    }
    const order = new Int32Array(total);
    const next = [...starts];
    for (let row = 0; row < this.#rows; row += 1) {
      const group = this.#groupOfRow[row] ?? 0;
      const place = next[group] ?? 0;
      order[place] = row;
      next[group] = place + 1;
    }
    const columns = this.#outputs.map(({ name, type }) => ({ name, type }));
    return this.#groups.map(({ app, week, rows }, group) => {
      const ofGroup = order.subarray(starts[group], (starts[group] ?? 0) + rows);
      return {
        app,
        ...isoWeekFrom(week),
        columns,
        rows,
        fill: (chunk, start, count) => {
          this.#fill(chunk, ofGroup.subarray(start, start + count));
        },
      };
    });
  }

  /** Forgets the rows. */
  clear(): void {
    this.#rows = 0;
    this.#heapEnd = 0;
    this.#packetsEnd = 0;
    this.#groups = [];
    this.#groupIds.clear();
  }

  #readFields(line: Buffer, row: number, first: number): boolean {
    const fields = this.#fields;
    for (let index = 0; index < fields.length; index += 1) {
      const field = fields[index] as Field; // index is below the length
      if (!this.#read(field, line, row, first)) return false;
      if (index === fields.length - 1) break;
      if (byteAt(line, this.#at) !== COMMA) return false;
      this.#at += 1;
    }
    return this.#at === line.length;
  }

  #read(field: Field, line: Buffer, row: number, first: number): boolean {
    switch (field.kind) {
      case 'count':
        return this.#readCount(line, field, first + field.slot);
      case 'flag':
        return this.#readFlag(line, field, first + FLAGS_SLOT);
      case 'decimal':
        return this.#readDecimal(line, field, first + field.slot);
      case 'time':
        return this.#readTime(line, first + field.slot);
      case 'app':
        return this.#readApp(line);
      case 'text':
      case 'sni':
      case 'category':
        return this.#readText(line, field, row * this.#textStride + field.slot * 2);
      case 'ppi':
        return this.#readPpi(line, row);
      case 'histogram':
        return this.#readHistogram(line, row * this.#countStride + field.slot * HISTOGRAM_LENGTH);
    }
  }

  #readCount(line: Buffer, { max }: Field, place: number): boolean {
    const start = this.#at;
    const value = this.#readDigits(line);
    const digits = this.#at - start;
    this.#numbers[place] = value;
    return digits > 0 && digits <= EXACT_DIGITS && value <= max;
  }

  /** The number whose digits go on here, after those of `before`; `#at` moves behind them. */
  #readDigits(line: Buffer, before = 0): number {
    let value = before;
    let at = this.#at;
    for (let digit = digitAt(line, at); digit >= 0; digit = digitAt(line, ++at))
      value = value * 10 + digit;
    this.#at = at;
    return value;
  }

  #readFlag(line: Buffer, { slot }: Field, place: number): boolean {
    const digit = digitAt(line, this.#at++);
    if (digit === 1) this.#numbers[place] = (this.#numbers[place] ?? 0) | (1 << slot);
    return digit === 0 || digit === 1;
  }

  /** Two exact numbers and one division round as a correct parser of decimals does. */
  #readDecimal(line: Buffer, { max }: Field, place: number): boolean {
    const start = this.#at;
    let value = this.#readDigits(line);
    let digits = this.#at - start;
    if (digits === 0) return false;
    if (byteAt(line, this.#at) === POINT) {
      const point = this.#at++;
      value = this.#readDigits(line, value);
      const fraction = this.#at - point - 1;
      if (fraction === 0) return false;
      digits += fraction;
      if (digits > EXACT_DIGITS) return false;
      value /= POWERS_OF_TEN[fraction] ?? NaN;
    }
    this.#numbers[place] = value;
    return digits <= EXACT_DIGITS && value <= max;
  }

  /** `2022-06-06T10:00:00`, a fraction of up to 6 digits, and perhaps a Z. */
  #readTime(line: Buffer, place: number): boolean {
    const at = this.#at;
    const date =
      twoDigits(line, at) * 1_000_000 +
      twoDigits(line, at + 2) * 10_000 +
      twoDigits(line, at + 5) * 100 +
      twoDigits(line, at + 8);
    const [hour, minute] = [twoDigits(line, at + 11), twoDigits(line, at + 14)];
    const second = twoDigits(line, at + 17);
    const between = byteAt(line, at + 10);
    if (
      !(hour < 24 && minute < 60 && second < 60) ||
      byteAt(line, at + 4) !== MINUS ||
      byteAt(line, at + 7) !== MINUS ||
      (between !== LETTER_T && between !== SPACE) ||
      byteAt(line, at + 13) !== COLON ||
      byteAt(line, at + 16) !== COLON
    )
      return false;
    if (date !== this.#date) {
      const us = usOfDate(date);
      if (us === undefined) return false;
      this.#date = date;
      this.#dateUs = us;
    }
    let us = 0;
    this.#at += 19;
    if (byteAt(line, this.#at) === POINT) {
      const point = this.#at++;
      us = this.#readDigits(line);
      const fraction = this.#at - point - 1;
      if (fraction === 0 || fraction > 6) return false;
      us *= POWERS_OF_TEN[6 - fraction] ?? NaN;
    }
    if (byteAt(line, this.#at) === LETTER_Z) this.#at += 1;
    this.#numbers[place] = this.#dateUs + ((hour * 60 + minute) * 60 + second) * 1e6 + us;
    return true;
  }

  /** A name that is its own folder name. */
  #readApp(line: Buffer): boolean {
    const start = this.#at;
    let at = start;
    while (at < line.length && FOLDER_BYTES[byteAt(line, at)] === 1) at += 1;
    this.#at = at;
    if (at === start || at - start > MAX_APP_BYTES) return false;
    this.#app = line.toString('latin1', start, at);
    return true;
  }

  #readText(line: Buffer, { kind, slot }: Field, place: number): boolean {
    const start = this.#at;
    const heap = this.#heap;
    const heapStart = this.#heapEnd;
    let heapEnd = heapStart;
    let at = start;
    let all = 0;
    for (; at < line.length; at += 1) {
      const byte = byteAt(line, at);
      if (byte === COMMA) break;
      if (byte < SPACE || byte === QUOTE || byte === DELETE) return false;
      all |= byte;
      heap[heapEnd++] = byte;
    }
    this.#at = at;
    if (kind === 'category' && at === start) return false;
    if (kind === 'sni') {
      if (at === start) for (const byte of UNKNOWN) heap[heapEnd++] = byte;
      // SQL trims it, of Unicode's spaces too
      else if (all > 0x7f || byteAt(line, start) === SPACE || byteAt(line, at - 1) === SPACE)
        return false;
    }
    if (slot < 0) return true;
    this.#textBounds[place] = heapStart;
    this.#textBounds[place + 1] = heapEnd;
    this.#heapEnd = heapEnd;
    return true;
  }

  #readHistogram(line: Buffer, place: number): boolean {
    if (byteAt(line, this.#at) !== QUOTE || byteAt(line, this.#at + 1) !== OPEN) return false;
    this.#at += 2;
    if (this.#readInts(line, this.#counts, place, HISTOGRAM_LENGTH) !== HISTOGRAM_LENGTH)
      return false;
    for (let index = 0; index < HISTOGRAM_LENGTH; index += 1)
      if ((this.#counts[place + index] ?? -1) < 0) return false;
    return byteAt(line, this.#at++) === QUOTE;
  }

  #readPpi(line: Buffer, row: number): boolean {
    if (byteAt(line, this.#at) !== QUOTE || byteAt(line, this.#at + 1) !== OPEN) return false;
    this.#at += 1;
    const packets = this.#packets;
    const start = this.#packetsEnd;
    let length = 0;
    let list = 0;
    do {
      this.#at += list > 0 && byteAt(line, this.#at + 1) === SPACE ? 2 : 1;
      if (list === LISTS || byteAt(line, this.#at++) !== OPEN) return false;
      const found = this.#readInts(line, packets, start + list * length, PPI_LENGTH);
      if (list === 0) length = found;
      if (found < 1 || found !== length) return false;
      for (let index = start + list * length; index < start + (list + 1) * length; index += 1) {
        const value = packets[index] ?? -1;
        if (list === DIRECTIONS ? value !== 1 && value !== -1 : value < 0) return false;
        if (list === PUSHES && value > 1) return false;
      }
      list += 1;
    } while (byteAt(line, this.#at) === COMMA);
    if (list < PUSHES) return false;
    if (list === PUSHES) packets.fill(0, start + PUSHES * length, start + LISTS * length);
    this.#packetBounds[row * 2] = start;
    this.#packetBounds[row * 2 + 1] = length;
    this.#packetsEnd = start + LISTS * length;
    return byteAt(line, this.#at++) === CLOSE && byteAt(line, this.#at++) === QUOTE;
  }

  /** Reads `1, -2, 3]`, as JSON writes numbers; how many there are, -1 when they are not plain or too many. */
  #readInts(line: Buffer, items: Int32Array, place: number, room: number): number {
    let count = 0;
    while (count < room) {
      const negative = byteAt(line, this.#at) === MINUS;
      if (negative) this.#at += 1;
      const start = this.#at;
      const value = this.#readDigits(line);
      const digits = this.#at - start;
      const leadingZero = byteAt(line, start) === ZERO && (digits > 1 || negative);
      if (digits === 0 || digits > 9 || leadingZero) return -1;
      items[place + count] = negative ? -value : value;
      count += 1;
      const next = byteAt(line, this.#at++);
      if (next === CLOSE) return count;
      if (next !== COMMA) return -1;
      if (byteAt(line, this.#at) === SPACE) this.#at += 1;
    }
    return -1;
  }

  #isConsistent(row: number, first: number): boolean {
    return this.#packetBounds[row * 2 + 1] === this.#numbers[first + this.#ppiLenSlot];
  }

  #file(row: number, first: number): void {
    let appId = this.#appIds.get(this.#app);
    if (appId === undefined) this.#appIds.set(this.#app, (appId = this.#appIds.size));
    const week = weekOf(this.#numbers[first + this.#timeSlot] ?? 0);
    const key = week * MAX_APPS + appId;
    let group = this.#groupIds.get(key);
    if (group === undefined) {
      group = this.#groups.push({ app: this.#app, week, rows: 0 }) - 1;
      this.#groupIds.set(key, group);
    }
    const filed = this.#groups[group];
    if (filed !== undefined) filed.rows += 1;
    this.#groupOfRow[row] = group;
    this.#rows += 1;
  }

  #fill(chunk: ChunkWriter, rows: Int32Array): void {
    this.#gatherPackets(rows);
    this.#gatherCounts(rows);
    this.#gatherTexts(rows);
    for (const [column, { from, type, slot }] of this.#outputs.entries()) {
      if (from === 'number') this.#fillNumbers(chunk, column, type, rows, slot);
      else if (from === 'flag') this.#fillFlags(chunk, column, rows, slot);
      else if (from === 'text') this.#fillTexts(chunk, column, slot);
      else if (from === 'histogram')
        chunk.lists(column, this.#bins.subarray(slot * CHUNK_BINS), HISTOGRAM_LENGTH);
      else chunk.lists(column, this.#lists.subarray(slot * CHUNK_ITEMS), PPI_LENGTH);
    }
  }

  #fillNumbers(
    chunk: ChunkWriter,
    column: number,
    type: SourceType,
    rows: Int32Array,
    slot: number,
  ): void {
    const values =
      type === 'short' ? this.#shorts : type === 'integer' ? this.#ints : this.#doubles;
    for (let index = 0; index < rows.length; index += 1)
      values[index] = this.#numbers[(rows[index] ?? 0) * this.#stride + slot] ?? NaN;
    if (type === 'long' || type === 'timestamp') chunk.longs(column, this.#doubles);
    else chunk.values(column, values);
  }

  #fillFlags(chunk: ChunkWriter, column: number, rows: Int32Array, bit: number): void {
    const values = this.#shorts;
    for (let index = 0; index < rows.length; index += 1)
      values[index] =
        ((this.#numbers[(rows[index] ?? 0) * this.#stride + FLAGS_SLOT] ?? 0) >> bit) & 1;
    chunk.values(column, values);
  }

  #fillTexts(chunk: ChunkWriter, column: number, slot: number): void {
    const { bytes, used, lengths } = this.#texts[slot] as GatheredTexts; // there is one for each slot
    chunk.texts(column, bytes.subarray(0, used), lengths);
  }

  // what a row has of a kind lies together, that of the group's next row far away: one pass takes all of it

  #gatherPackets(rows: Int32Array): void {
    const lists = this.#lists;
    const packets = this.#packets;
    lists.fill(0);
    for (let index = 0; index < rows.length; index += 1) {
      const row = rows[index] ?? 0;
      const length = this.#packetBounds[row * 2 + 1] ?? 0;
      let from = this.#packetBounds[row * 2] ?? 0;
      for (let list = 0; list < LISTS; list += 1) {
        const to = list * CHUNK_ITEMS + index * PPI_LENGTH;
        for (let packet = 0; packet < length; packet += 1)
          lists[to + packet] = packets[from + packet] ?? 0;
        from += length;
      }
    }
  }

  #gatherCounts(rows: Int32Array): void {
    const bins = this.#bins;
    const counts = this.#counts;
    for (let index = 0; index < rows.length; index += 1) {
      let from = (rows[index] ?? 0) * this.#countStride;
      const end = from + this.#countStride;
      for (let to = index * HISTOGRAM_LENGTH; from < end; to += CHUNK_BINS)
        for (let bin = 0; bin < HISTOGRAM_LENGTH; bin += 1) bins[to + bin] = counts[from++] ?? 0;
    }
  }

  #gatherTexts(rows: Int32Array): void {
    const heap = this.#heap;
    const bounds = this.#textBounds;
    for (const text of this.#texts) text.used = 0;
    for (let index = 0; index < rows.length; index += 1) {
      let place = (rows[index] ?? 0) * this.#textStride;
      for (const text of this.#texts) {
        const from = bounds[place] ?? 0;
        const length = (bounds[place + 1] ?? 0) - from;
        place += 2;
        text.lengths[index] = length;
        if (text.used + length > text.bytes.length) text.bytes = grown(text.bytes, length);
        const { bytes, used } = text;
        for (let at = 0; at < length; at += 1) bytes[used + at] = heap[from + at] ?? 0;
        text.used = used + length;
      }
    }
  }
}

/** The texts of one column in a chunk, one behind the other. */
interface GatheredTexts {
  bytes: Uint8Array;
  used: number;
  readonly lengths: Int32Array;
}

function grown(bytes: Uint8Array, more: number): Uint8Array {
  const larger = new Uint8Array((bytes.length + more) * 2);
  larger.set(bytes);
  return larger;
}

/** How a field of the file is read; `slot` is its place among those of its kind, -1 for one that is not stored. */
interface Field {
  readonly name: string;
  readonly kind: RawColumn['kind'] | 'app' | 'category' | 'sni';
  readonly slot: number;
  /** Largest value that is plain. */
  readonly max: number;
}

/** A column of a group. */
interface Output {
  readonly name: string;
  readonly type: SourceType;
  readonly from: 'number' | 'flag' | 'text' | 'histogram' | 'packets';
  readonly slot: number;
}

function layoutOf(columns: FlowHeader['columns']) {
  const slots = { numbers: FLAGS_SLOT + 1, flags: 0, texts: 0, histograms: 0 };
  const fields: Field[] = [];
  const outputs: Output[] = [{ name: 'source_row', type: 'long', from: 'number', slot: ROW_SLOT }];
  const add = (
    column: RawColumn,
    from: Output['from'],
    slot: number,
    kind: Field['kind'],
  ): void => {
    const { name, max = Infinity } = column;
    fields.push({ name, kind, slot, max });
    // no raw column is of a type that a source lacks
    outputs.push({ name: name.toLowerCase(), type: column.type as SourceType, from, slot });
  };
  for (const column of columns) {
    if (column === undefined || column.name === 'APP')
      fields.push({
        ...{ name: column?.name ?? '', kind: column === undefined ? 'text' : 'app' },
        ...{ slot: -1, max: Infinity },
      });
    else if (column.kind === 'text')
      add(column, 'text', slots.texts++, TEXT_KINDS[column.name] ?? 'text');
    else if (column.kind === 'flag') add(column, 'flag', slots.flags++, 'flag');
    else if (column.kind === 'histogram') add(column, 'histogram', slots.histograms++, 'histogram');
    else if (column.kind === 'ppi') {
      fields.push({ name: column.name, kind: 'ppi', slot: 0, max: Infinity });
      for (const [slot, name] of PPI_COLUMNS.entries())
        outputs.push({ name, type: 'integer[]', from: 'packets', slot });
    } else add(column, 'number', slots.numbers++, column.kind);
  }
  return { fields, outputs, slots };
}

/** Texts that are more than text. */
const TEXT_KINDS: Readonly<Record<string, Field['kind']>> = {
  TLS_SNI: 'sni',
  CATEGORY: 'category',
};

function slotOf(fields: readonly Field[], name: string): number {
  return fields.find((field) => field.name === name)?.slot ?? -1;
}

/** -1 beyond the end. */
function byteAt(line: Buffer, at: number): number {
  return line[at] ?? -1;
}

/** -1 for what is no digit. */
function digitAt(line: Buffer, at: number): number {
  const digit = byteAt(line, at) - ZERO;
  return digit <= 9 ? digit : -1;
}

/** NaN unless both are digits. */
function twoDigits(line: Buffer, at: number): number {
  const [tens, ones] = [digitAt(line, at), digitAt(line, at + 1)];
  return tens < 0 || ones < 0 ? NaN : tens * 10 + ones;
}

/** @param date as the number YYYYMMDD; undefined for a day that there is not, and where us are not exact or negative */
function usOfDate(date: number): number | undefined {
  const [year, month, day] = [Math.floor(date / 10_000), Math.floor(date / 100) % 100, date % 100];
  const ms = Date.UTC(year, month - 1, day);
  const found = new Date(ms);
  return year >= 1970 &&
    year < 2250 &&
    found.getUTCMonth() === month - 1 &&
    found.getUTCDate() === day
    ? ms * 1_000
    : undefined;
}

/** Weeks since that of 1970-01-01. @param us since 1970 */
function weekOf(us: number): number {
  return Math.floor((Math.floor(us / DAY_US) + THURSDAY) / 7);
}

function isoWeekFrom(week: number): { isoYear: number; isoWeek: number } {
  const found = parseIsoWeek(isoWeekOf(week * 7 - THURSDAY));
  if (found === undefined) throw new RangeError(`no ISO week begins ${week} weeks after 1970`);
  return found;
}

const ROW_SLOT = 0;
const FLAGS_SLOT = 1;
const HISTOGRAM_LENGTH = 8;
const LISTS = PPI_COLUMNS.length;
const CHUNK_ITEMS = CHUNK_ROWS * PPI_LENGTH;
const CHUNK_BINS = CHUNK_ROWS * HISTOGRAM_LENGTH;
const DIRECTIONS = 1;
const PUSHES = 3;
/** Longer rows are rare, and left to SQL; so no list or text of a row overruns its array. */
const MAX_PLAIN_BYTES = 1 << 16;
/** Room for the texts and the packets of a row, on average. */
const TEXT_BYTES = 128;
const PACKETS = 20;
const MAX_APPS = 1 << 24;
const MAX_APP_BYTES = 240;
/** A number of so many digits is exact as a double. */
const EXACT_DIGITS = 15;
const POWERS_OF_TEN = Array.from({ length: EXACT_DIGITS + 1 }, (_, power) => 10 ** power);
const DAY_US = 86_400e6;
/** 1970-01-01 was three days after a Monday. */
const THURSDAY = 3;
const UNKNOWN = Buffer.from('UNKNOWN');
const FOLDER_BYTES = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[\w.-]/.test(String.fromCharCode(byte)) && byte < 0x80 ? 1 : 0,
);
const ZERO = 48;
const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const POINT = 46;
const COLON = 58;
const SPACE = 32;
const DELETE = 127;
const OPEN = 91;
const CLOSE = 93;
const LETTER_T = 84;
const LETTER_Z = 90;
