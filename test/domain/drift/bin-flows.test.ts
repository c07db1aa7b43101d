import { expect, test } from 'vitest';
import { binFlows, fitFlowBins, type FlowColumns } from '../../../domain/drift/bin-flows.js';

test('an absent packet has a code of its own, whatever the padding holds', () => {
  const bins = fitFlowBins(flows({ lengths: [3, 4, 4] }));
  const codes = (padding: number): Uint8Array =>
    binFlows(flows({ lengths: [3], padding }), bins).binned;
  expect(codes(0)).toEqual(codes(1400));
  expect(codes(0)[bins.names.indexOf('SIZE_4')]).toBe(0);
  expect(codes(0)[bins.names.indexOf('DIR_4')]).toBe(1);
});

test('directions keep their order: server, absent, client', () => {
  const columns = flows({ lengths: [3] });
  const { names, binned } = binFlows(columns, fitFlowBins(columns));
  expect(['DIR_1', 'DIR_2', 'DIR_5'].map((name) => binned[names.indexOf(name)])).toEqual([2, 0, 1]);
});

test('every code lies inside its bins, also for values never seen before', () => {
  const bins = fitFlowBins(flows({ lengths: [3, 10, 30, 17] }));
  const { binned } = binFlows(flows({ lengths: [30, 30], scale: 50 }), bins);
  const D = bins.names.length;
  expect(D).toBe(123);
  for (let at = 0; at < binned.length; at++) {
    expect(binned[at]).toBeLessThan(bins.bins[at % D]!); // at % D < D
  }
});

test('bins survive JSON', () => {
  const columns = flows({ lengths: [3, 10, 30, 17] });
  const bins = fitFlowBins(columns);
  const copy = JSON.parse(JSON.stringify(bins)) as typeof bins; // what was just written
  expect(binFlows(columns, copy)).toEqual(binFlows(columns, bins));
});

test('a column of the wrong length is named', () => {
  expect(() => fitFlowBins({ ...flows({ lengths: [3] }), iptMs: [1, 2, 3] })).toThrow(
    /^DRIFT_SHAPE column "iptMs"|DRIFT_SHAPE.*iptMs|3 values for 1 flows/,
  );
});

test('bins of other features are refused', () => {
  const columns = flows({ lengths: [3] });
  const { edges, bins } = fitFlowBins(columns);
  expect(() => binFlows(columns, { names: ['SIZE_1'], bins, edges })).toThrow(/DRIFT_SHAPE/);
});

/** Flows of the given lengths: sizes 100, 110 … times `scale`, directions alternating from the client. */
function flows(of: { lengths: number[]; padding?: number; scale?: number }): FlowColumns {
  const { lengths, padding = 0, scale = 1 } = of;
  const n = lengths.length;
  const positions = (value: (t: number) => number): number[] =>
    lengths.flatMap((length) =>
      Array.from({ length: 30 }, (_, t) => (t < length ? value(t) : padding)),
    );
  const histogram = Array.from({ length: 8 * n }, (_, at) => (at % 5) * scale);
  return {
    n,
    ppiLengths: lengths,
    sizesBytes: positions((t) => (100 + 10 * t) * scale),
    directions: positions((t) => (t % 2 === 0 ? 1 : -1)),
    iptMs: positions((t) => t * scale),
    phistSrcSizes: histogram,
    phistDstSizes: histogram,
    phistSrcIpt: histogram,
    phistDstIpt: histogram,
  };
}
