/** The scaling of a network's inputs as ONNX nodes: from raw columns to what its first layer reads. */
import type { NetworkInputs } from '../layers.js';
import type { NetworkScaling } from '../model-folder.js';
import { PPI_CHANNELS, PPI_PACKETS, PPI_WIDTH } from '../model.js';
import type { OnnxGraph, OnnxValue } from './graph.js';

/**
 * Scales as `scaleFlows` does, in float64 as well, and puts channels before packets. A packet is present
 * when its direction is not 0.
 *
 * @param columns float32 [N, 90 + F]: packets laid flat, then the tabular columns, all raw
 * @returns `ppi` [N, 3, 30], `mask` [N, 1, 30], `tabular` [N, F]
 */
export function scaledInputs(
  graph: OnnxGraph,
  columns: OnnxValue,
  scaling: NetworkScaling,
): NetworkInputs<OnnxValue> {
  const packets = graph.reshape(
    graph.slice(columns, 1, 0, PPI_WIDTH),
    ...[PPI_PACKETS, PPI_CHANNELS],
  );
  const directions = graph.slice(packets, 2, 1, 2); // [N, 30, 1]
  const absent = graph.node('Equal', [directions, graph.floats([], Float32Array.of(0))]);
  const mask = graph.cast(graph.node('Not', [absent]), 'float');
  const features = scaling.tabular.means.length;
  const turned = (x: OnnxValue) => graph.node('Transpose', [x], { perm: { ints: [0, 2, 1] } });
  return {
    ppi: turned(scaledPackets(graph, packets, directions, scaling)),
    mask: turned(mask),
    tabular:
      features === 0
        ? columns
        : scaledColumns(graph, graph.slice(columns, 1, PPI_WIDTH, PPI_WIDTH + features), scaling),
  };
}

function scaledPackets(
  graph: OnnxGraph,
  packets: OnnxValue,
  directions: OnnxValue,
  { ppi: { sizeDivisor } }: NetworkScaling,
): OnnxValue {
  const sizes = graph.cast(graph.slice(packets, 2, 0, 1), 'double');
  const times = graph.cast(graph.slice(packets, 2, 2, 3), 'double');
  const positive = graph.node('Max', [times, graph.doubles([], [0])]);
  const parts = [
    graph.node('Div', [sizes, graph.doubles([], [sizeDivisor])]),
    graph.cast(directions, 'double'),
    log1p(graph, positive),
  ];
  return graph.cast(graph.node('Concat', parts, { axis: { i: 2 } }), 'float');
}

function scaledColumns(
  graph: OnnxGraph,
  columns: OnnxValue,
  { tabular: { means, deviations, clip } }: NetworkScaling,
): OnnxValue {
  const raw = graph.cast(columns, 'double');
  const logarithm = graph.node('Mul', [
    graph.node('Sign', [raw]),
    log1p(graph, graph.node('Abs', [raw])),
  ]);
  const F = means.length;
  const centred = graph.node('Sub', [logarithm, graph.doubles([F], means)]);
  const standard = graph.node('Div', [centred, graph.doubles([F], deviations)]);
  const bounds = [graph.doubles([], [-clip]), graph.doubles([], [clip])];
  const clipped = graph.node('Clip', [standard, ...bounds]);
  const missing = graph.node('IsNaN', [raw]);
  return graph.cast(graph.node('Where', [missing, graph.doubles([], [0]), clipped]), 'float');
}

function log1p(graph: OnnxGraph, x: OnnxValue): OnnxValue {
  return graph.node('Log', [graph.node('Add', [x, graph.doubles([], [1])])]);
}
