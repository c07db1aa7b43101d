/** A binary detector of VPN tunnels: boosted trees on one of a few sets of columns. N flows. */
import { PipelineError } from '../../contracts/errors.js';
import type { BoostedModel } from '../boosting/model.js';
import type { FlowSet, LabelledFlows } from '../model.js';
import { trainXgboost } from '../xgboost/train.js';
import { withTunnelFeatures } from './tunnel-features.js';

/** [2] classes of the detector; label 1 is a tunnel. */
export const VPN_CLASSES = ['other', 'vpn'] as const;

/**
 * What a detector reads: `tunnel` the features of tunnel-features.ts, `summary` bytes, packets and duration (the
 * baseline), `columns` all tabular columns and the raw packets, as the pipelines' other models do.
 */
export const VPN_INPUTS = ['tunnel', 'summary', 'columns'] as const;

/** One of the inputs above. */
export type VpnInputs = (typeof VPN_INPUTS)[number];

/** Fixed before any score was seen. All rounds are kept: there are too few real captures to stop on some. */
const SETTINGS = {
  rounds: 100,
  learningRate: 0.1,
  maxDepth: 4,
  classWeightCap: 20,
} as const;

/** The baseline's columns. */
const SUMMARY = [
  'log1p_bytes',
  'log1p_bytes_rev',
  'log1p_packets',
  'log1p_packets_rev',
  'log1p_duration',
] as const;

/** What a training needs. */
export interface VpnTraining extends LabelledFlows {
  readonly inputs: VpnInputs;
  readonly seed: number;
  /** Path of libxgboost. */
  readonly libraryPath: string;
  /** @default 2 */
  readonly threads?: number;
}

/**
 * A detector trained on `flows`, whose tabular columns are those of `flow_features`; `labels` are 1 for tunnels.
 *
 * @returns a model that is asked about `vpnColumns(flows, inputs)`
 * @throws PipelineError as `trainXgboost`
 */
export async function trainVpnDetector(request: VpnTraining): Promise<BoostedModel> {
  const { inputs, labels, seed, libraryPath, threads = 2 } = request;
  const data = { flows: vpnColumns(request.flows, inputs), labels };
  const { model } = await trainXgboost({
    ...{ train: data, validation: data, classes: VPN_CLASSES, preset: 'vpn', seed, libraryPath },
    settings: {
      ...{ ...SETTINGS, threads, packets: inputs === 'columns' },
      patienceRounds: SETTINGS.rounds,
    },
  });
  return model;
}

/** The columns of one kind of detector, of the same flows. */
export function vpnColumns(flows: FlowSet, inputs: VpnInputs): FlowSet {
  switch (inputs) {
    case 'tunnel':
      return withTunnelFeatures(flows);
    case 'summary':
      return withColumns(flows, SUMMARY);
    case 'columns':
      return flows;
  }
}

/** The class of a flow by its labels: a VPN where the application or the category is one. */
export function vpnClass(app: string, category: string): (typeof VPN_CLASSES)[number] {
  return [app, category].some((label) => label.toLowerCase() === 'vpn') ? 'vpn' : 'other';
}

function withColumns(flows: FlowSet, names: readonly string[]): FlowSet {
  const from = flows.featureNames.length;
  const places = names.map((name) => flows.featureNames.indexOf(name));
  const absent = names[places.indexOf(-1)];
  if (absent !== undefined)
    throw new PipelineError({
      ...{ code: 'MODEL_FEATURES', column: absent, found: `${from} features without it` },
      fix: 'read the flows with the view flow-statistics',
    });
  const tabular = new Float32Array(flows.n * names.length); // [N, names]
  for (let i = 0; i < flows.n; i++)
    places.forEach((place, f) => {
      tabular[i * names.length + f] = flows.tabular[i * from + place] ?? NaN;
    });
  return { ...flows, tabular, featureNames: names };
}
