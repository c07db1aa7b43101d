/** How a training went: loss by round or epoch. */
import { INK, LINE_COLOURS, renderSvg } from './render-svg.js';

/** Up to this many points are marked, so that a lone one can be seen. */
const DOTTED = 20;

/** One line of a learning curve. */
export interface CurveLine {
  /** What the legend calls it, e.g. `train` or `validation`. */
  readonly name: string;
  /** Values after round or epoch 1, 2, ... */
  readonly values: readonly number[];
}

/** What the axes and the mark of a learning curve say. */
export interface CurveLabels {
  readonly title: string;
  /** `boosting round` or `epoch`. */
  readonly x: string;
  /** e.g. `logloss`. */
  readonly y: string;
  /** The 1-based round or epoch whose state was kept. */
  readonly best: number;
}

/** Draws the lines and marks the state that was kept. */
export async function plotLearningCurve(
  lines: readonly CurveLine[],
  labels: CurveLabels,
): Promise<string> {
  const points = lines.flatMap(({ name, values }) => values.map((y, i) => ({ name, x: i + 1, y })));
  const last = Math.max(2, ...points.map(({ x }) => x));
  return renderSvg({
    width: 520,
    height: 300,
    title: { text: labels.title, subtitle: `dashed: kept, ${labels.x} ${labels.best} of ${last}` },
    data: [{ name: 'points', values: points }],
    scales: [
      { name: 'x', type: 'linear', domain: [1, last], range: 'width', zero: false },
      {
        name: 'y',
        type: 'linear',
        domain: { data: 'points', field: 'y' },
        range: 'height',
        nice: true,
        zero: true,
      },
      {
        name: 'color',
        type: 'ordinal',
        domain: lines.map(({ name }) => name),
        range: [...LINE_COLOURS],
      },
    ],
    axes: [
      {
        orient: 'bottom',
        scale: 'x',
        title: labels.x,
        format: 'd',
        tickCount: Math.min(10, last - 1),
        tickMinStep: 1,
      },
      { orient: 'left', scale: 'y', title: labels.y, grid: true, tickCount: 6 },
    ],
    legends: [{ stroke: 'color', symbolType: 'stroke', orient: 'right' }],
    marks: [
      {
        type: 'rule',
        encode: {
          enter: {
            x: { scale: 'x', value: labels.best },
            y: { value: 0 },
            y2: { field: { group: 'height' } },
            stroke: { value: INK },
            strokeDash: { value: [4, 4] },
          },
        },
      },
      {
        type: 'group',
        from: { facet: { name: 'line', data: 'points', groupby: 'name' } },
        marks: [
          {
            type: 'line',
            from: { data: 'line' },
            encode: {
              enter: {
                x: { scale: 'x', field: 'x' },
                y: { scale: 'y', field: 'y' },
                stroke: { scale: 'color', field: 'name' },
                strokeWidth: { value: 2 },
              },
            },
          },
          {
            type: 'symbol',
            from: { data: 'line' },
            encode: {
              enter: {
                x: { scale: 'x', field: 'x' },
                y: { scale: 'y', field: 'y' },
                size: { value: last <= DOTTED ? 30 : 0 },
                fill: { scale: 'color', field: 'name' },
              },
            },
          },
        ],
      },
    ],
  });
}
