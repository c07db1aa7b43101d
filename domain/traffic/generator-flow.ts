/** One generated TLS flow: packets by the templates of its app and provider. */
import type { SeededRandom } from '../../contracts/seeded-random.js';
import {
  drawExponential,
  drawFromCumulative,
  drawGeometric,
  drawIndex,
  drawLognormal,
  drawNormal,
} from './generator-distributions.js';
import { CLIENT, SERVER, type PacketTape } from './generator-packets.js';
import { GENERATOR } from './generator-parameters.js';
import type { AppTemplate, ProviderTemplate } from './generator-world.js';

/** What events do to a flow. */
export interface FlowEffects {
  /** The exporter reports the extra client record in a share of the flows. */
  readonly exporterRecord: boolean;
  /** Share of the provider's flows that meet its new front end, [0, 1]. */
  readonly newFrontEndShare: number;
  /** Added to the provider's share of TLS 1.3, [0, 1]. */
  readonly tls13Added: number;
}

/** What a flow is made from. */
export interface FlowParts {
  readonly app: AppTemplate;
  readonly provider: ProviderTemplate;
  readonly effects: FlowEffects;
  /** Apps whose traffic goes through the tunnel, for an app that is one; else empty. */
  readonly inner: readonly AppTemplate[];
}

/** Records the packets and statistics of one flow, and tells which client stack sent it (0..3). */
export function drawFlow(random: SeededRandom, packets: PacketTape, parts: FlowParts): number {
  const { app, provider, effects, inner } = parts;
  packets.start();
  const stack = drawIndex(random, app.stackShares);
  const rttMs = drawLognormal(random, provider.rttMs, GENERATOR.flow.rttLogSd);
  packets.send(CLIENT, helloBytes(random, app, stack), 0);
  answerHello(random, packets, provider, effects, rttMs);
  if (app.tunnel) {
    exchangeThroughTunnel(random, packets, inner, rttMs);
  } else if (random.uniform() >= GENERATOR.flow.handshakeOnlyShare) {
    exchange(random, packets, app, rttMs);
  }
  if (random.uniform() < GENERATOR.flow.closeAlertShare) {
    const delayMs = drawExponential(random, GENERATOR.flow.closeAlertDelayMs);
    packets.send(CLIENT, GENERATOR.flow.closeAlertBytes, delayMs);
  }
  packets.finish(rttMs);
  return stack;
}

function helloBytes(random: SeededRandom, app: AppTemplate, stack: number): number {
  const { commonHelloBytes, appHelloJitterBytes } = GENERATOR.stacks;
  if (stack < 2) return commonHelloBytes;
  return stack === 2 ? app.helloBytes : app.helloBytes + random.below(appHelloJitterBytes + 1);
}

function answerHello(
  random: SeededRandom,
  packets: PacketTape,
  provider: ProviderTemplate,
  effects: FlowEffects,
  rttMs: number,
): void {
  const { serverFlight, events } = GENERATOR;
  const tls13 = random.uniform() < provider.tls13Share + effects.tls13Added;
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

function exchange(
  random: SeededRandom,
  packets: PacketTape,
  app: AppTemplate,
  rttMs: number,
): void {
  const { betweenRequestsMs, thinkLogSd } = GENERATOR.flow;
  const mean = app.extraRoundMean;
  const rounds = mean === 0 ? 1 : 1 + drawGeometric(random, 1 / mean);
  for (let round = 0; round < rounds; round++) {
    const endpoint = app.endpoints[drawIndex(random, app.endpointShares)]!; // one share per endpoint
    const request = requestBytes(random, endpoint);
    packets.send(CLIENT, request, drawExponential(random, betweenRequestsMs));
    const response = responseBytes(random, endpoint);
    const thinkMs = drawLognormal(random, endpoint.thinkMs, thinkLogSd);
    packets.send(SERVER, response, rttMs + thinkMs);
  }
}

/** Requests of the inner apps in turn by chance, each message longer by the tunnel's header and padded. */
function exchangeThroughTunnel(
  random: SeededRandom,
  packets: PacketTape,
  inner: readonly AppTemplate[],
  rttMs: number,
): void {
  const { innerApps, durationMs, pauseMs } = GENERATOR.events.vpn;
  const chosen = Array.from({ length: innerApps[drawIndex(random, [0.5, 0.5])]! }, () =>
    random.below(inner.length),
  ); // two numbers of apps
  const untilMs = drawLognormal(random, durationMs.median, durationMs.logSd);
  while (packets.elapsedMs < untilMs || packets.ppiLength < GENERATOR.ppiPackets) {
    const app = inner[chosen[random.below(chosen.length)]!]!; // indexes of the same arrays
    const endpoint = app.endpoints[drawIndex(random, app.endpointShares)]!; // one share per endpoint
    const pause = drawExponential(random, pauseMs);
    packets.send(CLIENT, wrappedBytes(random, requestBytes(random, endpoint)), pause);
    const thinkMs = drawLognormal(random, endpoint.thinkMs, GENERATOR.flow.thinkLogSd);
    packets.send(SERVER, wrappedBytes(random, responseBytes(random, endpoint)), rttMs + thinkMs);
  }
}

function wrappedBytes(random: SeededRandom, bytes: number): number {
  const { addedBytes, addedJitterBytes, blockBytes } = GENERATOR.events.vpn;
  const wrapped = bytes + addedBytes + random.below(addedJitterBytes + 1);
  return Math.ceil(wrapped / blockBytes) * blockBytes;
}

type Endpoint = AppTemplate['endpoints'][number];

function requestBytes(random: SeededRandom, endpoint: Endpoint): number {
  const { min, max } = GENERATOR.app.requestBytes;
  const bytes = endpoint.requestBytes + endpoint.requestJitterBytes * drawNormal(random);
  return clampRound(bytes, min, max);
}

function responseBytes(random: SeededRandom, endpoint: Endpoint): number {
  const { min, max } = GENERATOR.app.responseBytes;
  const bytes = drawLognormal(random, endpoint.responseBytes, endpoint.responseLogSd);
  return clampRound(bytes, min, max);
}

/** Domain index of one flow. */
export function drawDomainIndex(random: SeededRandom, app: AppTemplate): number {
  return drawFromCumulative(random, app.domainSums);
}

function clampRound(value: number, low: number, high: number): number {
  return Math.round(Math.min(high, Math.max(low, value)));
}
