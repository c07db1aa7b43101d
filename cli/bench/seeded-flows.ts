/** Flows made from cheap seeded numbers: to measure trainings with, at any size and without memory. */
import type { FlowSet } from '../../models/model.js';

/** Tabular features of a flow, as many as the model view has. */
const FEATURES = 73;

/** Packets of a flow times three. */
const PACKET_VALUES = 90;

/**
 * Flows whose values lie around a mean of their class, the same ones at each reading.
 *
 * @param n flows
 * @param part flows of a part; a part is overwritten by the next one
 * @returns class indices, and the flows as boosters take them
 */
export function seededFlows(n: number, classes: number, seed: number, part = 8_192) {
  const labels = Int32Array.from({ length: n }, (_, i) => (i * 7 + seed) % classes);
  const featureNames = Array.from({ length: FEATURES }, (_, f) => `feature_${f}`);
  function* parts(): Generator<FlowSet> {
    const tabular = new Float32Array(part * FEATURES);
    const ppi = new Float32Array(part * PACKET_VALUES);
    const lengths = new Uint8Array(part).fill(30);
    let state = seed;
    // a linear congruential generator: contracts/seeded-random is too slow for a billion draws
    const draw = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
    for (let start = 0; start < n; start += part) {
      const rows = Math.min(part, n - start);
      for (let i = 0; i < rows; i++) {
        const label = labels[start + i] ?? 0;
        for (let f = 0; f < FEATURES; f++)
          tabular[i * FEATURES + f] = ((label * (f + 3)) % 17) + 8 * draw();
        for (let t = 0; t < PACKET_VALUES; t++)
          ppi[i * PACKET_VALUES + t] = ((label * (t + 5)) % 1_009) + 500 * draw();
      }
      yield {
        ...{ n: rows, featureNames },
        tabular: tabular.subarray(0, rows * FEATURES),
        ppi: ppi.subarray(0, rows * PACKET_VALUES),
        lengths: lengths.subarray(0, rows),
      };
    }
  }
  return { labels, flows: { n, featureNames, parts } };
}
