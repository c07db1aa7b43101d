/**
 * Statistics of a flow's first packets: moments of sizes and times, and how bursty and regular they are.
 *
 * Those of NetTiSA (Koumar, Hynek, Pešek, Čejka: "NetTiSA: Extended IP flow with time-series features for
 * bandwidth-constrained high-speed network traffic classification", Computer Networks 2024) that the 30
 * kept packets can tell, with skewness. What is undefined (one packet, no spread) is 0.
 *
 * T packets, 1..30; x = sizes in bytes, [T]; d = times between neighbours in ms, [T-1].
 */

/** The packets of one flow, as stored: the arrays may be longer than `length`. */
export interface Packets {
  /** T, true packets. */
  readonly length: number;
  readonly sizesBytes: readonly number[];
  /** ms since the packet before; that of the first packet is not looked at. */
  readonly iptMs: readonly number[];
}

/** Names of the statistics, in the order of docs/features.md. */
export const PACKET_STATISTICS = [
  'size_mean',
  'size_sd',
  'size_skewness',
  'size_kurtosis',
  'size_switching_ratio',
  'ipt_mean',
  'ipt_sd',
  'ipt_skewness',
  'ipt_kurtosis',
  'ipt_burstiness',
  'ipt_time_distribution',
] as const;

/** One of the names above. */
export type PacketStatistic = (typeof PACKET_STATISTICS)[number];

/** Whether a name is one of a packet statistic. */
export function isPacketStatistic(name: string): name is PacketStatistic {
  return PACKET_STATISTICS.some((known) => known === name);
}

/** All packet statistics of one flow. */
export function packetStatistics(packets: Packets): Record<PacketStatistic, number> {
  const sizes = packets.sizesBytes.slice(0, packets.length);
  const times = packets.iptMs.slice(1, packets.length);
  const size = moments(sizes);
  const ipt = moments(times);
  const switches = sizes.filter((x, t) => t > 0 && x !== sizes[t - 1]).length;
  const deviation = mean(times.map((d) => Math.abs(d - ipt.mean)));
  const range = times.length === 0 ? 0 : Math.max(...times) - Math.min(...times);
  return {
    size_mean: size.mean,
    size_sd: size.sd,
    size_skewness: size.skewness,
    size_kurtosis: size.kurtosis,
    // changes of size over half of the neighbours, 0..2
    size_switching_ratio: divide(switches, 0.5 * (sizes.length - 1)),
    ipt_mean: ipt.mean,
    ipt_sd: ipt.sd,
    ipt_skewness: ipt.skewness,
    ipt_kurtosis: ipt.kurtosis,
    // -1 regular, 0 random, towards 1 bursty (Goh and Barabási, 2008)
    ipt_burstiness: divide(ipt.sd - ipt.mean, ipt.sd + ipt.mean),
    // mean deviation over half of the range, 0..1
    ipt_time_distribution: divide(deviation, 0.5 * range),
  };
}

/** Population moments; kurtosis is 3 for a normal distribution. */
function moments(values: readonly number[]) {
  const center = mean(values);
  const centred = values.map((value) => value - center);
  const m2 = mean(centred.map((c) => c * c));
  const m3 = mean(centred.map((c) => c * c * c));
  const m4 = mean(centred.map((c) => c * c * (c * c)));
  return {
    mean: center,
    sd: Math.sqrt(m2),
    skewness: divide(m3, m2 * Math.sqrt(m2)),
    kurtosis: divide(m4, m2 * m2),
  };
}

function mean(values: readonly number[]): number {
  return divide(
    values.reduce((total, value) => total + value, 0),
    values.length,
  );
}

function divide(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}
