/**
 * Text of digits and letters as bytes, without a string per field: one buffer that is filled, taken
 * and filled again.
 */

const ZERO = 48;
const DOT = 46;

/** Writes ASCII into a buffer of fixed size; the caller takes it before it is full. */
export class AsciiWriter {
  readonly #bytes: Uint8Array;
  #length = 0;
  #day = Number.NaN;
  #date = '';

  /** @param capacity bytes that may be written between two calls of `take` */
  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#length;
  }

  /** A copy of what was written; the buffer is empty again. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  /** @param text ASCII only */
  text(text: string): void {
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.#length = at;
  }

  /** @param value whole, from -(2^53 - 1) to 2^53 - 1 */
  integer(value: number): void {
    if (value < 0) {
      this.#bytes[this.#length++] = 45; // "-"
      this.integer(-value);
    } else if (value < 10) {
      this.#bytes[this.#length++] = ZERO + value;
    } else {
      let width = 1;
      for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) width++;
      this.#digits(value, width);
    }
  }

  /**
   * `units / 10^places` as JavaScript prints it: no zeros at the end.
   *
   * @param units  whole, >= 0
   * @param places 1..6
   */
  decimal(units: number, places: number): void {
    const scale = 10 ** places;
    const whole = Math.floor(units / scale);
    this.integer(whole);
    let fraction = units - whole * scale;
    if (fraction === 0) return;
    let width = places;
    for (; fraction % 10 === 0; fraction /= 10) width--;
    this.#bytes[this.#length++] = DOT;
    this.#digits(fraction, width);
  }

  /** An IPv4 address. @param address 32 bits */
  address(address: number): void {
    for (let shift = 24; shift >= 0; shift -= 8) {
      this.integer((address >>> shift) & 255);
      if (shift > 0) this.#bytes[this.#length++] = DOT;
    }
  }

  /** Naive UTC with microseconds: `2022-06-06T00:00:34.930000`. @param epochUs whole, >= 0 */
  time(epochUs: number): void {
    const day = Math.floor(epochUs / 86_400_000_000);
    if (day !== this.#day) {
      this.#day = day;
      this.#date = new Date(day * 86_400_000).toISOString().slice(0, 11);
    }
    this.text(this.#date);
    let rest = epochUs - day * 86_400_000_000;
    for (const unitUs of [3_600_000_000, 60_000_000, 1_000_000]) {
      const count = Math.floor(rest / unitUs);
      rest -= count * unitUs;
      this.#digits(count, 2);
      this.#bytes[this.#length++] = unitUs === 1_000_000 ? DOT : 58; // ":"
    }
    this.#digits(rest, 6);
  }

  /** The last `width` digits, with zeros in front. */
  #digits(value: number, width: number): void {
    let rest = value;
    for (let at = this.#length + width - 1; at >= this.#length; at--) {
      const tenth = Math.floor(rest / 10);
      this.#bytes[at] = ZERO + (rest - tenth * 10);
      rest = tenth;
    }
    this.#length += width;
  }
}
