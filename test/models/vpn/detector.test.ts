import { expect, test } from 'vitest';
import { PPI_WIDTH, type LabelledFlows } from '../../../models/model.js';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { predictedClasses } from '../../../models/evaluation/classification.js';
import {
  trainVpnDetector,
  vpnColumns,
  VPN_CLASSES,
  vpnClass,
} from '../../../models/vpn/detector.js';
import { xgboostLibrary } from '../setup.js';

/** Flows of equal size and length in sum; in every other one the sizes are blocks behind a header. */
function blockFlows(n: number, seed: number): LabelledFlows {
  const random = seededRandom(seed);
  const ppi = new Float32Array(n * PPI_WIDTH);
  const labels = Int32Array.from({ length: n }, (_, i) => i % 2);
  for (let i = 0; i < n; i++)
    for (let t = 0; t < 30; t++) {
      const size = labels[i] === 1 ? 60 + 16 * random.below(60) : 60 + random.below(960);
      ppi.set([size, random.below(2) * 2 - 1, random.below(50)], i * PPI_WIDTH + 3 * t);
    }
  const lengths = new Uint8Array(n).fill(30);
  return { flows: { n, ppi, lengths, tabular: new Float32Array(0), featureNames: [] }, labels };
}

test('padding to cipher blocks is found in flows that were not trained on', async () => {
  const model = await trainVpnDetector({
    ...blockFlows(200, 1),
    ...{ inputs: 'tunnel', seed: 1, threads: 1, libraryPath: xgboostLibrary() },
  });
  const { flows, labels } = blockFlows(100, 2);
  const said = predictedClasses(model.predict(vpnColumns(flows, 'tunnel')), VPN_CLASSES.length);
  model.dispose();
  expect([...said]).toEqual([...labels]);
});

test('the baseline needs the columns of flow_features', () => {
  expect(() => vpnColumns(blockFlows(2, 1).flows, 'summary')).toThrow(
    /MODEL_FEATURES.*log1p_bytes/s,
  );
});

test('a flow is a tunnel when its application or its category is a VPN', () => {
  expect(vpnClass('vpn', 'Other')).toBe('vpn');
  expect(vpnClass('wireguard', 'VPN')).toBe('vpn');
  expect(vpnClass('netflix', 'Streaming')).toBe('other');
});
