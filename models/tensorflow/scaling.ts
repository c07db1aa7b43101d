/** How a neural network's inputs are scaled. Padding stays 0, so a mask can find it. */
import { PipelineError } from '../../contracts/errors.js';
import type { NetworkScaling } from '../model-folder.js';
import { PPI_CHANNELS, PPI_PACKETS, PPI_WIDTH, type FlowSet } from '../model.js';

/**
 * Bytes of a packet that count as 1. Full packets are 5 then: with sizes in [0, 1] a network is slow to
 * tell those apart that differ by few bytes, which is what tells applications apart.
 */
const SIZE_DIVISOR = 300;

/** Standardised features beyond this many deviations are outliers of the exporter. */
const CLIP = 5;

/** Inputs ready for a network. */
export interface ScaledFlows {
  readonly n: number;
  /** [N, 30, 3]: size / 300, direction, ln(1 + IPT); 0 where there is no packet. */
  readonly ppi: Float32Array;
  /** [N, 30]: 1 where there is a packet. */
  readonly mask: Float32Array;
  /** [N, F] standardised; empty for a network that reads PPI only. */
  readonly tabular: Float32Array;
  readonly features: number;
}

/** Learns the scaling from training flows. `withTabular: false` leaves the tabular columns out. */
export function fitScaling(flows: FlowSet, withTabular: boolean): NetworkScaling {
  const F = withTabular ? flows.featureNames.length : 0;
  const means = new Array<number>(F).fill(0);
  const deviations = new Array<number>(F).fill(1);
  for (let f = 0; f < F; f++) {
    let count = 0;
    let mean = 0;
    let squares = 0;
    for (let i = 0; i < flows.n; i++) {
      const value = signedLog(flows.tabular[i * F + f] ?? NaN);
      if (!Number.isFinite(value)) continue;
      count++;
      const delta = value - mean;
      mean += delta / count; // Welford
      squares += delta * (value - mean);
    }
    const deviation = Math.sqrt(squares / Math.max(1, count));
    means[f] = mean;
    deviations[f] = deviation > 1e-6 ? deviation : 1;
  }
  return {
    ppi: { sizeDivisor: SIZE_DIVISOR, direction: 'as is', ipt: 'log1p' },
    tabular: {
      transform: 'signed log1p, standardised, clipped',
      means,
      deviations,
      clip: CLIP,
    },
  };
}

/**
 * Applies a scaling; a missing tabular value becomes the training mean (0).
 *
 * @throws PipelineError MODEL_MASK_GAP for an empty packet among those present
 */
export function scaleFlows(flows: FlowSet, scaling: NetworkScaling): ScaledFlows {
  const { n } = flows;
  const ppi = new Float32Array(n * PPI_WIDTH);
  const mask = new Float32Array(n * PPI_PACKETS);
  for (let i = 0; i < n; i++) {
    const length = Math.min(PPI_PACKETS, flows.lengths[i] ?? 0);
    for (let t = 0; t < length; t++) {
      const at = i * PPI_WIDTH + t * PPI_CHANNELS;
      // a first packet has no time before it, but a direction: only a gap is 0 in all channels
      if (!flows.ppi[at] && !flows.ppi[at + 1] && !flows.ppi[at + 2]) throw maskGap(i, t, length);
      ppi[at] = (flows.ppi[at] ?? 0) / scaling.ppi.sizeDivisor;
      ppi[at + 1] = flows.ppi[at + 1] ?? 0;
      ppi[at + 2] = Math.log1p(Math.max(0, flows.ppi[at + 2] ?? 0));
      mask[i * PPI_PACKETS + t] = 1;
    }
  }
  const features = scaling.tabular.means.length;
  return { n, ppi, mask, tabular: scaleTabular(flows, scaling), features };
}

/** Keras's Masking skips such a step, a suffix mask does not: rather than differ silently, neither. */
function maskGap(flow: number, packet: number, length: number): PipelineError {
  return new PipelineError({
    code: 'MODEL_MASK_GAP',
    row: flow + 1,
    column: 'ppi',
    found: `packet ${packet + 1} of ${length} is empty: size, direction and time are 0`,
    expected: 'empty packets after the last one only',
    fix: 'leave out packets without payload when PPI is exported, as ipfixprobe does',
  });
}

function scaleTabular(flows: FlowSet, scaling: NetworkScaling): Float32Array {
  const { means, deviations, clip } = scaling.tabular;
  const F = means.length;
  const scaled = new Float32Array(flows.n * F);
  for (let i = 0; i < flows.n; i++) {
    for (let f = 0; f < F; f++) {
      const value = signedLog(flows.tabular[i * F + f] ?? NaN);
      const standard = (value - (means[f] ?? 0)) / (deviations[f] ?? 1);
      scaled[i * F + f] = Number.isNaN(standard) ? 0 : Math.min(clip, Math.max(-clip, standard));
    }
  }
  return scaled;
}

/** Bytes and counts are heavy-tailed; the sign keeps differences meaningful. */
function signedLog(value: number): number {
  return Math.sign(value) * Math.log1p(Math.abs(value));
}
