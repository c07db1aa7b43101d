/**
 * One generated TLS flow: packets by the templates of its app and provider, then the statistics that
 * a flow exporter reports about them.
 *
 * PPI keeps the first 30 packets with payload; the statistics count the whole flow.
 */
import type { SeededRandom } from '../../contracts/seeded-random.js';
import {
  drawExponential,
  drawFromCumulative,
  drawGeometric,
  drawIndex,
  drawLognormal,
  drawNormal,
} from './generator-distributions.js';
import { GENERATOR } from './generator-parameters.js';
import type { AppTemplate, ProviderTemplate } from './generator-world.js';

const CLIENT = 1;
const SERVER = -1;

/** Per-packet information: four lists of the same length, 3..30. */
interface PacketSequence {
  /** Time since the packet before, whole ms; the first is 0. */
  readonly iptMs: number[];
  /** 1 = client to server, -1 = server to client. */
  readonly directions: number[];
  /** Payload, 1..1460. */
  readonly sizesBytes: number[];
  /** TCP PSH, 0 or 1. */
  readonly pushFlags: number[];
}

/** What a flow looks like on the wire, without addresses and labels; `Rev` is server to client. */
export interface FlowShape {
  readonly ppi: PacketSequence;
  readonly ppiDurationMs: number;
  readonly ppiRoundtrips: number;
  readonly durationMs: number;
  readonly bytes: number;
  readonly bytesRev: number;
  readonly packets: number;
  readonly packetsRev: number;
  readonly endReason: EndReason;
  readonly reset: boolean;
  /** Counts in 8 bins 0-15, 16-31, 32-63 … 512-1023, >= 1024 (bytes or ms). */
  readonly phistSrcSizes: number[];
  readonly phistDstSizes: number[];
  readonly phistSrcIpt: number[];
  readonly phistDstIpt: number[];
}

/** Why the exporter closed the flow. */
type EndReason = 'idle' | 'active' | 'end';

/** What events do to a flow. */
export interface FlowEffects {
  /** The exporter reports the extra client record in a share of the flows. */
  readonly exporterRecord: boolean;
  /** Share of the provider's flows that meet its new front end, [0, 1]. */
  readonly newFrontEndShare: number;
}

/** The packets and statistics of one flow, and which client stack sent it (0..3). */
export function drawFlow(
  random: SeededRandom,
  app: AppTemplate,
  provider: ProviderTemplate,
  effects: FlowEffects,
): { readonly shape: FlowShape; readonly stack: number } {
  const stack = drawIndex(random, app.stackShares);
  const packets = new PacketTape(random);
  const rttMs = drawLognormal(random, provider.rttMs, GENERATOR.flow.rttLogSd);
  shakeHands(random, packets, { app, provider, stack, rttMs, effects });
  if (random.uniform() >= GENERATOR.flow.handshakeOnlyShare) {
    exchange(random, packets, app, rttMs);
  }
  if (random.uniform() < GENERATOR.flow.closeAlertShare) {
    const delayMs = drawExponential(random, GENERATOR.flow.closeAlertDelayMs);
    packets.send(CLIENT, GENERATOR.flow.closeAlertBytes, delayMs);
  }
  return { shape: packets.finish(rttMs), stack };
}

interface HandshakeParts {
  readonly app: AppTemplate;
  readonly provider: ProviderTemplate;
  readonly stack: number;
  readonly rttMs: number;
  readonly effects: FlowEffects;
}

function shakeHands(random: SeededRandom, packets: PacketTape, parts: HandshakeParts): void {
  const { app, provider, stack, rttMs, effects } = parts;
  const { serverFlight, events } = GENERATOR;
  packets.send(CLIENT, helloBytes(random, app, stack), 0);

  const tls13 = random.uniform() < provider.tls13Share;
  const resumed = random.uniform() < provider.resumptionShare;
  const newFrontEnd = effects.newFrontEndShare > 0 && random.uniform() < effects.newFrontEndShare;
  if (resumed) {
    packets.send(SERVER, provider.serverHelloBytes + serverFlight.resumedBytes, rttMs);
  } else {
    const added = newFrontEnd ? events.certificate.addedBytes : 0;
    const rest =
      provider.certificateBytes +
      added +
      (tls13 ? serverFlight.tls13Bytes : serverFlight.tls12Bytes);
    if (provider.splitFlight !== newFrontEnd) {
      packets.send(SERVER, provider.serverHelloBytes, rttMs);
      packets.send(SERVER, rest, drawExponential(random, GENERATOR.flow.segmentGapMs));
    } else {
      packets.send(SERVER, provider.serverHelloBytes + rest, rttMs);
    }
  }
  if (effects.exporterRecord && random.uniform() < events.exporter.share) {
    packets.send(CLIENT, events.exporter.recordBytes, events.exporter.gapMs);
  }
  packets.send(CLIENT, provider.finishedBytes, drawExponential(random, 1));
  if (provider.settingsBytes > 0) {
    packets.send(CLIENT, provider.settingsBytes, drawExponential(random, 1));
  }
  for (let ticket = 0; ticket < provider.ticketCount; ticket++) {
    const gapMs = ticket === 0 ? rttMs : drawExponential(random, GENERATOR.flow.segmentGapMs);
    packets.send(SERVER, provider.ticketBytes, gapMs);
  }
}

function helloBytes(random: SeededRandom, app: AppTemplate, stack: number): number {
  const { commonHelloBytes, appHelloJitterBytes } = GENERATOR.stacks;
  if (stack < 2) return commonHelloBytes;
  return stack === 2 ? app.helloBytes : app.helloBytes + random.below(appHelloJitterBytes + 1);
}

function exchange(
  random: SeededRandom,
  packets: PacketTape,
  app: AppTemplate,
  rttMs: number,
): void {
  const { betweenRequestsMs, thinkLogSd } = GENERATOR.flow;
  const { requestBytes, responseBytes } = GENERATOR.app;
  const mean = app.extraRoundMean;
  const rounds = mean === 0 ? 1 : 1 + drawGeometric(random, 1 / mean);
  for (let round = 0; round < rounds; round++) {
    const endpoint = app.endpoints[drawIndex(random, app.endpointShares)]!; // one share per endpoint
    const request = endpoint.requestBytes + endpoint.requestJitterBytes * drawNormal(random);
    packets.send(
      CLIENT,
      clampRound(request, requestBytes.min, requestBytes.max),
      drawExponential(random, betweenRequestsMs),
    );
    const response = drawLognormal(random, endpoint.responseBytes, endpoint.responseLogSd);
    packets.send(
      SERVER,
      clampRound(response, responseBytes.min, responseBytes.max),
      rttMs + drawLognormal(random, endpoint.thinkMs, thinkLogSd),
    );
  }
}

/** Collects the packets of one flow: the first 30 in full, all of them as counts. */
class PacketTape {
  readonly #random: SeededRandom;
  readonly #ppi: PacketSequence = { iptMs: [], directions: [], sizesBytes: [], pushFlags: [] };
  readonly #sizes = { src: emptyHistogram(), dst: emptyHistogram() };
  readonly #ipt = { src: emptyHistogram(), dst: emptyHistogram() };
  #lastSrcMs = -1;
  #lastDstMs = -1;
  #elapsedMs = 0;
  #ppiMs = 0;
  #roundtrips = 0;
  #srcPackets = 0;
  #dstPackets = 0;
  #srcBytes = 0;
  #dstBytes = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
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
    const { iptMs, directions, sizesBytes, pushFlags } = this.#ppi;
    const first = this.#srcPackets + this.#dstPackets === 0;
    if (!first) this.#elapsedMs += gapMs;
    if (directions.length < GENERATOR.ppiPackets) {
      if (direction === SERVER && directions.at(-1) === CLIENT) this.#roundtrips++;
      iptMs.push(first ? 0 : Math.round(gapMs));
      directions.push(direction);
      sizesBytes.push(bytes);
      pushFlags.push(push);
      this.#ppiMs = this.#elapsedMs;
    }
    const copies = this.#random.uniform() < GENERATOR.flow.retransmissionShare ? 2 : 1;
    const bin = histogramBin(bytes);
    if (direction === CLIENT) {
      this.#sizes.src[bin]! += copies; // histogramBin is 0..7
      if (this.#lastSrcMs >= 0) {
        this.#ipt.src[histogramBin(this.#elapsedMs - this.#lastSrcMs)]! += copies; // 0..7
      }
      this.#lastSrcMs = this.#elapsedMs;
      this.#srcPackets += copies;
      this.#srcBytes += bytes * copies;
    } else {
      this.#sizes.dst[bin]! += copies; // histogramBin is 0..7
      if (this.#lastDstMs >= 0) {
        this.#ipt.dst[histogramBin(this.#elapsedMs - this.#lastDstMs)]! += copies; // 0..7
      }
      this.#lastDstMs = this.#elapsedMs;
      this.#dstPackets += copies;
      this.#dstBytes += bytes * copies;
    }
  }

  /** The statistics, with the TCP handshake, acknowledgements and headers that PPI leaves out. */
  finish(rttMs: number): FlowShape {
    const { ackShare, headerBytes, endReasonShares, activeTimeoutMs, resetShare } = GENERATOR.flow;
    const random = this.#random;
    const packets = this.#srcPackets + 2 + Math.round(ackShare * this.#dstPackets);
    const packetsRev = this.#dstPackets + 1 + Math.round(ackShare * this.#srcPackets);
    const draw = random.uniform();
    const { end, idle } = endReasonShares;
    const endReason = draw < end ? 'end' : draw < end + idle ? 'idle' : 'active';
    const wireMs = rttMs + this.#elapsedMs;
    return {
      ppi: this.#ppi,
      ppiDurationMs: this.#ppiMs,
      ppiRoundtrips: this.#roundtrips,
      durationMs: endReason === 'active' ? Math.max(wireMs, activeTimeoutMs) : wireMs,
      bytes: this.#srcBytes + packets * headerBytes,
      bytesRev: this.#dstBytes + packetsRev * headerBytes,
      packets,
      packetsRev,
      endReason,
      reset: endReason === 'end' && random.uniform() < resetShare,
      phistSrcSizes: this.#sizes.src,
      phistDstSizes: this.#sizes.dst,
      phistSrcIpt: this.#ipt.src,
      phistDstIpt: this.#ipt.dst,
    };
  }
}

/** Domain index of one flow. */
export function drawDomainIndex(random: SeededRandom, app: AppTemplate): number {
  return drawFromCumulative(random, app.domainSums);
}

function emptyHistogram(): number[] {
  return new Array<number>(GENERATOR.histogramBins).fill(0);
}

/** Bin of a size or time: 0-15 -> 0, 16-31 -> 1, … 512-1023 -> 6, >= 1024 -> 7. */
function histogramBin(value: number): number {
  return value < 16 ? 0 : Math.min(7, 28 - Math.clz32(value | 0));
}

function clampRound(value: number, low: number, high: number): number {
  return Math.round(Math.min(high, Math.max(low, value)));
}
