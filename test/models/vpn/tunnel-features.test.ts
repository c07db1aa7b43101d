import { expect, test } from 'vitest';
import { PPI_WIDTH, type FlowSet } from '../../../models/model.js';
import {
  TUNNEL_FEATURES,
  tunnelFeatures,
  withTunnelFeatures,
  type TunnelFeature,
  type TunnelPackets,
} from '../../../models/vpn/tunnel-features.js';
import { expectClose, readGolden } from '../golden.js';

interface Golden {
  readonly tolerance: number;
  readonly flows: readonly (TunnelPackets & {
    readonly want: Readonly<Record<TunnelFeature, number>>;
  })[];
}

const golden = readGolden<Golden>('tunnel-features');

test.each(TUNNEL_FEATURES)('%s is what numpy computes', (name) => {
  const got = golden.flows.map((flow) => tunnelFeatures(flow)[name]);
  const want = golden.flows.map((flow) => flow.want[name]);
  expectClose(got, want, golden.tolerance, true);
});

test('numpy computes each of them and no other', () => {
  expect(Object.keys(golden.flows[0]?.want ?? {}).sort()).toEqual([...TUNNEL_FEATURES].sort());
});

test('sizes of cipher blocks behind a header of any length have one remainder, others have many', () => {
  const flow = (sizesBytes: number[]): TunnelPackets => ({
    sizesBytes,
    directions: sizesBytes.map(() => 1),
    iptMs: sizesBytes.map(() => 1),
  });
  const blocks = [1, 2, 5, 9].map((k) => 29 + 16 * k);
  expect(tunnelFeatures(flow([...blocks, ...blocks])).size_block_share).toBe(1);
  expect(tunnelFeatures(flow([100, 101, 102, 103])).size_block_share).toBe(0.25);
});

test('a flow set keeps its packets, and its padding counts for nothing', () => {
  const [first] = golden.flows.filter(({ sizesBytes }) => sizesBytes.length === 8);
  const ppi = new Float32Array(PPI_WIDTH);
  first?.sizesBytes.forEach((size, t) => {
    ppi.set([size, first.directions[t] ?? 0, first.iptMs[t] ?? 0], 3 * t);
  });
  const set: FlowSet = {
    ...{ n: 1, ppi, lengths: Uint8Array.of(8), featureNames: ['port'] },
    tabular: Float32Array.of(443),
  };
  const found = withTunnelFeatures(set);
  expect(found.ppi).toBe(ppi);
  expect(found.featureNames).toEqual(TUNNEL_FEATURES);
  const want = TUNNEL_FEATURES.map((name) => first?.want[name] ?? NaN);
  expectClose(found.tabular, want, 1e-6, true);
});
