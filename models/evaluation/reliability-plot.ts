/** Accuracy by confidence, against the diagonal of a calibrated model. */
import type { ReliabilityBin } from './reliability.js';
import { INK, LINE_COLOURS, renderSvg } from './render-svg.js';

/** Bins of one model. */
export interface ReliabilityLine {
  readonly name: string;
  readonly bins: readonly ReliabilityBin[];
}

/** Draws a point for each bin with flows; its area grows with their number. */
export async function plotReliability(
  lines: readonly ReliabilityLine[],
  title: string,
): Promise<string> {
  const points = lines.flatMap(({ name, bins }) =>
    bins.filter(({ rows }) => rows > 0).map((bin) => ({ name, ...bin })),
  );
  const unit = { type: 'linear' as const, domain: [0, 1] };
  return renderSvg({
    width: 300,
    height: 300,
    title: { text: title, subtitle: 'below the line: surer than right' },
    data: [{ name: 'points', values: points }],
    scales: [
      { name: 'x', ...unit, range: 'width' },
      { name: 'y', ...unit, range: 'height' },
      {
        name: 'size',
        type: 'linear',
        domain: { data: 'points', field: 'rows' },
        range: [15, 400],
        zero: true,
      },
      {
        name: 'colour',
        type: 'ordinal',
        domain: lines.map(({ name }) => name),
        range: [...LINE_COLOURS],
      },
    ],
    axes: [
      { orient: 'bottom', scale: 'x', title: 'confidence', tickCount: 5 },
      { orient: 'left', scale: 'y', title: 'accuracy', tickCount: 5, grid: true },
    ],
    legends: [{ fill: 'colour', symbolType: 'circle', orient: 'right' }],
    marks: [
      {
        type: 'rule',
        encode: {
          enter: {
            x: { scale: 'x', value: 0 },
            y: { scale: 'y', value: 0 },
            x2: { scale: 'x', value: 1 },
            y2: { scale: 'y', value: 1 },
            stroke: { value: INK },
            strokeDash: { value: [4, 4] },
          },
        },
      },
      {
        type: 'symbol',
        from: { data: 'points' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'confidence' },
            y: { scale: 'y', field: 'accuracy' },
            size: { scale: 'size', field: 'rows' },
            fill: { scale: 'colour', field: 'name' },
            fillOpacity: { value: 0.6 },
          },
        },
      },
    ],
  });
}
