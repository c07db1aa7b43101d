/**
 * Every number of the traffic generator, with its unit and origin.
 *
 * "calibrated" means: chosen so that a gradient-boosting classifier reaches the published accuracies
 * of CESNET-TLS-Year22 (.94 in the training month, .89 / .85 / .81 in the three months after it, about
 * .55 after the exporter change). A change here makes other data: it changes `GENERATOR_VERSION`.
 */

/** Part of every manifest: data of another version is other data. */
export const GENERATOR_VERSION = 1;

/** Distributions of the generated traffic. Probabilities are in [0, 1]; shares sum to 1. */
export const GENERATOR = Object.freeze({
  /** Apps per provider, providers with one app follow. Source: servicemap of CESNET-TLS-Year22 (tail 3, 2 ours). */
  providerSizes: [17, 15, 8, 8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2],
  /** Apps of the full world. Source: servicemap. */
  apps: 180,
  /** Share of the app with rank k (from 0): (k + offset)^-exponent, which fits the rank sizes of week 1; raw traffic: (k + 1)^-zipfExponent. */
  popularity: { offset: 60, exponent: 3, zipfExponent: 1.1 },

  /** Client address: 1 + rank by Zipf(exponent). Ours. */
  clients: { count: 20_000, zipfExponent: 1.05 },
  /** Domains per app: min(max, 1 + geometric(p)). Ours. */
  domains: { geometricP: 0.2, max: 30, zipfExponent: 1, wildcardShare: 0.3, shards: 40 },
  /** Client stacks with a fixed ClientHello, and all JA3 values. Calibrated. */
  stacks: {
    ja3Count: 12,
    appDirichlet: [2.5, 1, 0.8, 0.7],
    commonHelloBytes: 517,
    appHelloBytes: [180, 300],
    appHelloJitterBytes: 24,
  },
  /** Share of flows that go to the provider's own AS; the others go to a shared CDN. Ours. */
  asn: { ownShare: 0.7, cdns: [20940, 13335, 54113, 16509, 15169] },

  /** Handshake, drawn once per provider. Bytes; Beta(a, b) for shares. Calibrated. */
  provider: {
    certificateBytes: { mean: 3600, sd: 900, min: 1800, max: 6500 },
    serverHelloBytes: [90, 160],
    tls13Share: [5, 2],
    resumptionShare: [2, 5],
    splitFlightShare: 0.4,
    finishedBytes: [58, 64, 74, 80, 93, 126, 133],
    settingsBytes: [0, 33, 64, 69, 80, 86],
    ticketCountShares: [0.3, 0.4, 0.3],
    ticketBytes: [170, 330],
    rttMs: { median: 14, logSd: 0.6 },
  },
  /** Bytes the server flight has on top, by TLS version and for a resumed session. RFC 8446, RFC 5246. */
  serverFlight: { tls12Bytes: 330, tls13Bytes: 64, resumedBytes: 70 },
  /** Payload of a full server segment, bytes. */
  mssBytes: 1448,

  /** Behaviour of an app. Sizes in bytes, times in ms. Calibrated. */
  app: {
    endpointCountShares: [0.3, 0.35, 0.2, 0.15],
    endpointDirichlet: 1.5,
    requestBytes: { median: 420, logSd: 0.55, min: 90, max: 1400 },
    requestJitterBytes: [2, 8, 30],
    requestJitterShares: [0.4, 0.4, 0.2],
    responseBytes: { median: 1500, logSd: 1.5, min: 60, max: 300_000 },
    responseLogSds: [0.004, 0.03, 0.25, 0.6],
    responseLogSdShares: [0.3, 0.3, 0.25, 0.15],
    thinkMs: { median: 18, logSd: 0.8 },
    /** 0 = always one round; m = one round plus a geometric number with mean m. */
    extraRoundMeans: [0, 2, 4, 8],
    extraRoundShares: [0.4, 0.3, 0.2, 0.1],
  },

  /** One flow. Times in ms. Calibrated; `handshakeOnlyShare` sets the ceiling of the accuracy. */
  flow: {
    handshakeOnlyShare: 0.075,
    rttLogSd: 0.35,
    segmentGapMs: 0.35,
    betweenRequestsMs: 30,
    thinkLogSd: 0.3,
    closeAlertShare: 0.6,
    closeAlertBytes: 24,
    closeAlertDelayMs: 400,
    retransmissionShare: 0.01,
    ackShare: 0.5,
    headerBytes: 52,
    endReasonShares: { end: 0.75, idle: 0.2, active: 0.05 },
    activeTimeoutMs: 300_000,
    resetShare: 0.1,
  },

  /** Packets that PPI keeps, and the bins of the packet histograms. CESNET ipfixprobe. */
  ppiPackets: 30,
  histogramBins: 8,

  /** What changes by itself from one week to the next. Probabilities per week. Calibrated. */
  weeklyDrift: {
    certificateShare: 0.05,
    certificateSdBytes: 150,
    serverStackShare: 0.01,
    requestLogSd: 0.009,
    responseLogSd: 0.03,
    endpointShare: 0.026,
    renameShare: 0.01,
  },

  /** Volume. Weekdays from Monday: batches of the real loader; hours: ours, 3.7 % lie before UTC midnight. */
  volume: {
    weekday: [1, 1, 1, 1, 0.8, 0.36, 0.38],
    holiday: 0.4,
    christmas: 0.25,
    hour: {
      base: 0.35,
      day: { peak: 1, hour: 14, sdHours: 4 },
      evening: { peak: 0.25, hour: 21, sdHours: 1.5 },
      weekendPeak: 0.45,
    },
    /** With `volume: 'year'` only. June to September: real counts by month; the others: ours. */
    year: {
      month: [1, 1, 1, 1, 1, 1, 0.64, 0.67, 0.82, 1, 1, 1],
      weeklyGrowth: 1.001,
      autoregression: { phi: 0.85, sd: 0.03 },
      noiseLogSd: 0.02,
      bursts: { perWeek: 0.5, factor: [1.3, 1.8], hours: [2, 6] },
    },
  },

  /** Scripted events; see generator-events.ts. */
  events: {
    exporter: { share: 0.5, recordBytes: 6, gapMs: 0.1 },
    certificate: { provider: 1, addedBytes: 650, rollOutByDay: [0.2, 0.4, 0.6] },
    volume: { factor: 0.6, weeks: 9, popularityLogSd: 0.7 },
    newApp: { weeks: 4, share: 0.01 },
    rename: { provider: 0 },
    tls13: { weeks: 4, addedShare: 0.15 },
    vpn: {
      share: 0.01,
      addedBytes: 60,
      addedJitterBytes: 20,
      blockBytes: 16,
      innerApps: [2, 3],
      durationMs: { median: 600_000, logSd: 1 },
      pauseMs: 2000,
    },
    halfWeek: { factor: 0.45 },
  },
});
