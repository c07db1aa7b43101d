/** How a transfer goes on: one line that renews itself on a terminal, nothing elsewhere. */
import type { WriteStream } from 'node:tty';

/** Counts bytes and shows share, rate and time left, at most twice a second. */
export class TransferProgress {
  readonly #totalBytes: number;
  readonly #out: Pick<WriteStream, 'isTTY' | 'write'>;
  readonly #now: () => number;
  #bytes = 0;
  #shownMs = -Infinity;
  /** Bytes at moments of the last ten seconds. */
  #trail: { readonly ms: number; readonly bytes: number }[] = [];

  /** @param totalBytes of the whole transfer, what an earlier process stored included */
  constructor(
    totalBytes: number,
    out: Pick<WriteStream, 'isTTY' | 'write'> = process.stderr,
    now: () => number = Date.now,
  ) {
    this.#totalBytes = totalBytes;
    this.#out = out;
    this.#now = now;
  }

  /** Adds bytes; negative ones when stored bytes were dropped. */
  add(bytes: number): void {
    this.#bytes += bytes;
    const ms = this.#now();
    this.#trail = this.#trail.filter((moment) => ms - moment.ms < WINDOW_MS);
    this.#trail.push({ ms, bytes: this.#bytes });
    if (!this.#out.isTTY || ms - this.#shownMs < SHOWN_EVERY_MS) return;
    this.#shownMs = ms;
    this.#out.write(`\r\u001b[K${this.text()}`);
  }

  /** Clears the line, so that other text can be written. */
  clear(): void {
    if (this.#out.isTTY) this.#out.write('\r\u001b[K');
  }

  /** `1.20 of 4.80 GB, 25 %, 12.0 MB/s, 5 min left`; rate and time once they are known. */
  text(): string {
    const [first, last] = [this.#trail[0], this.#trail.at(-1)];
    const seconds = first && last ? (last.ms - first.ms) / 1000 : 0;
    const rate = first && last && seconds > 0 ? (last.bytes - first.bytes) / seconds : 0;
    const share = this.#totalBytes === 0 ? 1 : this.#bytes / this.#totalBytes;
    const parts = [
      `${gigabytes(this.#bytes)} of ${gigabytes(this.#totalBytes)} GB`,
      `${Math.floor(share * 100)} %`,
    ];
    if (rate > 0)
      parts.push(
        `${(rate / 1e6).toFixed(1)} MB/s`,
        timeLeft((this.#totalBytes - this.#bytes) / rate),
      );
    return parts.join(', ');
  }
}

function timeLeft(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s left`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? `${minutes} min left` : `${(minutes / 60).toFixed(1)} h left`;
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(2);
}

const WINDOW_MS = 10_000;
const SHOWN_EVERY_MS = 500;
