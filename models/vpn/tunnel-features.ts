/**
 * What a tunnel does to the packets of a flow: sizes in cipher blocks, several conversations woven into one, times
 * that follow no single request. Sizes, directions and times alone; no name, no port, no protocol.
 *
 * N flows; T packets, 0..30; x = sizes in bytes, [T]; s = directions, +1 client to server, -1 back, [T];
 * d = times between neighbours in ms, [T-1]. A share of nothing is 0.
 *
 * @see docs/models.md#vpn-tunnels; golden vectors: test/golden/tunnel-features.json (numpy)
 */
import { quantile } from '../../domain/drift/distances.js';
import { PACKET_STATISTICS, packetStatistics } from '../../domain/traffic/packet-statistics.js';
import { PPI_CHANNELS, PPI_WIDTH, requireFlowSet, type FlowSet } from '../model.js';

/** The first packets of one flow, all arrays of length T. */
export interface TunnelPackets {
  readonly sizesBytes: readonly number[];
  readonly directions: readonly number[];
  /** ms since the packet before; that of the first packet is not looked at. */
  readonly iptMs: readonly number[];
}

const SHAPE_FEATURES = [
  'packets',
  'size_max',
  'size_max_share',
  'size_distinct_share',
  'size_block_share',
  'size_small_share',
  'size_mean_up',
  'size_mean_down',
  'direction_down_share',
  'direction_change_share',
  'direction_longest_run_share',
  'ipt_instant_share',
  'ipt_pause_share',
  'ipt_reply_median',
] as const;

/** Names of the features, in order: the packet statistics, then what follows here. */
export const TUNNEL_FEATURES = [...PACKET_STATISTICS, ...SHAPE_FEATURES] as const;

/** One of the names above. */
export type TunnelFeature = (typeof TUNNEL_FEATURES)[number];

/** Blocks of AES; WireGuard pads to as many bytes. */
const BLOCK_BYTES = 16;

/** A packet that carries little beside headers: an acknowledgement inside of a tunnel has about 100 bytes. */
const SMALL_BYTES = 150;

/** Gaps shorter than this are those of one burst. */
const INSTANT_MS = 1;

/** Gaps of this and more are a user's or a timer's. */
const PAUSE_MS = 1_000;

/** All features of one flow. */
export function tunnelFeatures(packets: TunnelPackets): Record<TunnelFeature, number> {
  const { sizesBytes: x, directions: s } = packets;
  const length = x.length;
  const d = packets.iptMs.slice(1);
  const largest = x.reduce((most, size) => Math.max(most, size), 0);
  const distinct = [...new Set(x)];
  const changes = d.filter((_, t) => s[t] !== s[t + 1]); // d[t] lies between packets t and t + 1
  const of = (direction: number) => x.filter((_, t) => s[t] === direction);
  return {
    ...packetStatistics({ ...packets, length }),
    packets: length,
    size_max: largest,
    size_max_share: share(x, (size) => size === largest),
    size_distinct_share: ratio(distinct.length, length),
    // header + 16 k: the distinct sizes with the commonest remainder
    size_block_share: ratio(commonestRemainder(distinct), distinct.length),
    size_small_share: share(x, (size) => size <= SMALL_BYTES),
    size_mean_up: mean(of(1)),
    size_mean_down: mean(of(-1)),
    direction_down_share: share(s, (direction) => direction === -1),
    direction_change_share: ratio(changes.length, d.length),
    direction_longest_run_share: ratio(longestRun(s), length),
    ipt_instant_share: share(d, (gap) => gap < INSTANT_MS),
    ipt_pause_share: share(d, (gap) => gap >= PAUSE_MS),
    ipt_reply_median: changes.length === 0 ? 0 : quantile(changes, 0.5),
  };
}

/**
 * The same flows with the tunnel features, [N, 25], in place of their tabular columns.
 *
 * @throws PipelineError MODEL_SHAPE
 */
export function withTunnelFeatures(flows: FlowSet): FlowSet {
  requireFlowSet(flows);
  const width = TUNNEL_FEATURES.length;
  const tabular = new Float32Array(flows.n * width); // [N, 25]
  for (let i = 0; i < flows.n; i++) {
    const found = tunnelFeatures(packetsOf(flows, i));
    tabular.set(
      TUNNEL_FEATURES.map((name) => found[name]),
      i * width,
    );
  }
  return { ...flows, tabular, featureNames: TUNNEL_FEATURES };
}

function packetsOf({ ppi, lengths }: FlowSet, row: number): TunnelPackets {
  const channel = (c: number): number[] =>
    Array.from(
      { length: lengths[row] ?? 0 },
      (_, t) => ppi[row * PPI_WIDTH + t * PPI_CHANNELS + c] ?? 0,
    );
  return { sizesBytes: channel(0), directions: channel(1), iptMs: channel(2) };
}

function commonestRemainder(sizes: readonly number[]): number {
  const counts = new Array<number>(BLOCK_BYTES).fill(0);
  for (const size of sizes) counts[size % BLOCK_BYTES] = (counts[size % BLOCK_BYTES] ?? 0) + 1;
  return Math.max(...counts);
}

function longestRun(values: readonly number[]): number {
  let longest = 0;
  let run = 0;
  values.forEach((value, t) => {
    run = value === values[t - 1] ? run + 1 : 1;
    longest = Math.max(longest, run);
  });
  return longest;
}

function share(values: readonly number[], holds: (value: number) => boolean): number {
  return ratio(values.filter(holds).length, values.length);
}

function mean(values: readonly number[]): number {
  return ratio(
    values.reduce((total, value) => total + value, 0),
    values.length,
  );
}

function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}
