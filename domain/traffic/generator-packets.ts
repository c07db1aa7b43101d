/**
 * The packets of one flow as a flow exporter sees them: the first 30 with payload in full (PPI), all
 * of them as counts.
 *
 * One tape serves any number of flows, one after the other: its arrays are written again and again.
 */
import type { SeededRandom } from '../../contracts/seeded-random.js';
import { drawExponential } from './generator-distributions.js';
import { GENERATOR } from './generator-parameters.js';

/** Direction of a packet to the server. */
export const CLIENT = 1;
/** Direction of a packet to the client. */
export const SERVER = -1;

/** What a flow looks like on the wire, without addresses and labels; `Rev` is server to client. */
export interface FlowShape {
  /** Packets in the four PPI arrays, 3..30; what lies behind is of other flows. */
  readonly ppiLength: number;
  /** Time since the packet before, whole ms; the first is 0. Shape [30]. */
  readonly iptMs: Int32Array;
  /** 1 = client to server, -1 = server to client. Shape [30]. */
  readonly directions: Int8Array;
  /** Payload, 1..1460. Shape [30]. */
  readonly sizesBytes: Uint16Array;
  /** TCP PSH, 0 or 1. Shape [30]. */
  readonly pushFlags: Uint8Array;
  readonly ppiDurationMs: number;
  readonly ppiRoundtrips: number;
  readonly durationMs: number;
  readonly bytes: number;
  readonly bytesRev: number;
  readonly packets: number;
  readonly packetsRev: number;
  readonly endReason: EndReason;
  readonly reset: boolean;
  /** Counts in 8 bins 0-15, 16-31, 32-63 … 512-1023, >= 1024 (bytes or ms). Shape [8]. */
  readonly phistSrcSizes: Int32Array;
  readonly phistDstSizes: Int32Array;
  readonly phistSrcIpt: Int32Array;
  readonly phistDstIpt: Int32Array;
}

/** Why the exporter closed the flow. */
export type EndReason = 'idle' | 'active' | 'end';

/** Records one flow at a time: `start`, any number of `send`, `finish`. */
export class PacketTape implements FlowShape {
  ppiLength = 0;
  readonly iptMs = new Int32Array(GENERATOR.ppiPackets);
  readonly directions = new Int8Array(GENERATOR.ppiPackets);
  readonly sizesBytes = new Uint16Array(GENERATOR.ppiPackets);
  readonly pushFlags = new Uint8Array(GENERATOR.ppiPackets);
  ppiDurationMs = 0;
  ppiRoundtrips = 0;
  durationMs = 0;
  bytes = 0;
  bytesRev = 0;
  packets = 0;
  packetsRev = 0;
  endReason: EndReason = 'end';
  reset = false;
  readonly phistSrcSizes = new Int32Array(GENERATOR.histogramBins);
  readonly phistDstSizes = new Int32Array(GENERATOR.histogramBins);
  readonly phistSrcIpt = new Int32Array(GENERATOR.histogramBins);
  readonly phistDstIpt = new Int32Array(GENERATOR.histogramBins);

  /** Time since the first packet. */
  elapsedMs = 0;
  readonly #random: SeededRandom;
  #lastSrcMs = -1;
  #lastDstMs = -1;
  #srcPackets = 0;
  #dstPackets = 0;
  #srcBytes = 0;
  #dstBytes = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Forgets the flow before. */
  start(): void {
    this.ppiLength = 0;
    this.ppiDurationMs = 0;
    this.ppiRoundtrips = 0;
    this.phistSrcSizes.fill(0);
    this.phistDstSizes.fill(0);
    this.phistSrcIpt.fill(0);
    this.phistDstIpt.fill(0);
    this.elapsedMs = 0;
    this.#lastSrcMs = -1;
    this.#lastDstMs = -1;
    this.#srcPackets = 0;
    this.#dstPackets = 0;
    this.#srcBytes = 0;
    this.#dstBytes = 0;
  }

  /** Sends a message, cut into segments; `gapMs` is the time before its first segment. */
  send(direction: typeof CLIENT | typeof SERVER, bytes: number, gapMs: number): void {
    const mss = GENERATOR.mssBytes;
    let gap = gapMs;
    for (let left = bytes; left > 0; left -= mss) {
      this.#packet(direction, Math.min(left, mss), gap, left <= mss ? 1 : 0);
      gap = drawExponential(this.#random, GENERATOR.flow.segmentGapMs);
    }
  }

  #packet(direction: number, bytes: number, gapMs: number, push: number): void {
    const first = this.#srcPackets + this.#dstPackets === 0;
    if (!first) this.elapsedMs += gapMs;
    const at = this.ppiLength;
    if (at < GENERATOR.ppiPackets) {
      if (direction === SERVER && at > 0 && this.directions[at - 1] === CLIENT) {
        this.ppiRoundtrips++;
      }
      this.iptMs[at] = first ? 0 : Math.round(gapMs);
      this.directions[at] = direction;
      this.sizesBytes[at] = bytes;
      this.pushFlags[at] = push;
      this.ppiLength = at + 1;
      this.ppiDurationMs = this.elapsedMs;
    }
    const copies = this.#random.uniform() < GENERATOR.flow.retransmissionShare ? 2 : 1;
    const bin = histogramBin(bytes);
    if (direction === CLIENT) {
      this.phistSrcSizes[bin]! += copies; // histogramBin is 0..7
      if (this.#lastSrcMs >= 0) {
        this.phistSrcIpt[histogramBin(this.elapsedMs - this.#lastSrcMs)]! += copies; // 0..7
      }
      this.#lastSrcMs = this.elapsedMs;
      this.#srcPackets += copies;
      this.#srcBytes += bytes * copies;
    } else {
      this.phistDstSizes[bin]! += copies; // histogramBin is 0..7
      if (this.#lastDstMs >= 0) {
        this.phistDstIpt[histogramBin(this.elapsedMs - this.#lastDstMs)]! += copies; // 0..7
      }
      this.#lastDstMs = this.elapsedMs;
      this.#dstPackets += copies;
      this.#dstBytes += bytes * copies;
    }
  }

  /** Adds the TCP handshake, acknowledgements and headers that PPI leaves out, and the end of the flow. */
  finish(rttMs: number): void {
    const { ackShare, headerBytes, endReasonShares, activeTimeoutMs, resetShare } = GENERATOR.flow;
    const random = this.#random;
    this.packets = this.#srcPackets + 2 + Math.round(ackShare * this.#dstPackets);
    this.packetsRev = this.#dstPackets + 1 + Math.round(ackShare * this.#srcPackets);
    this.bytes = this.#srcBytes + this.packets * headerBytes;
    this.bytesRev = this.#dstBytes + this.packetsRev * headerBytes;
    const draw = random.uniform();
    const { end, idle } = endReasonShares;
    this.endReason = draw < end ? 'end' : draw < end + idle ? 'idle' : 'active';
    const wireMs = rttMs + this.elapsedMs;
    this.durationMs = this.endReason === 'active' ? Math.max(wireMs, activeTimeoutMs) : wireMs;
    this.reset = this.endReason === 'end' && random.uniform() < resetShare;
  }
}

/** Bin of a size or time: 0-15 -> 0, 16-31 -> 1, … 512-1023 -> 6, >= 1024 -> 7. */
function histogramBin(value: number): number {
  return value < 16 ? 0 : Math.min(7, 28 - Math.clz32(value | 0));
}
