/** A signal of drift window by window, beside the threshold of each window. */
import { renderSvg } from './render-svg.js';

/** A signal in one window. */
export interface SignalPoint {
  /** ISO week, or day. */
  readonly partition: string;
  readonly value: number;
  readonly threshold: number;
}

const VALUE = '#2b6ca3';
const ABOVE = '#c03028';
const THRESHOLD = '#666666';
/** Wider plots get no legible labels. */
const SHOWN = 60;

/**
 * Draws the values as a line with a point for each window, red above its threshold, and the thresholds dashed.
 *
 * @param points oldest first; of more than 60 the newest
 */
export async function plotSignal(points: readonly SignalPoint[], title: string): Promise<string> {
  const values = points.slice(-SHOWN).map((point) => ({
    ...point,
    colour: point.value > point.threshold ? ABOVE : VALUE,
  }));
  const x = { scale: 'x', field: 'partition' };
  const line = (field: 'value' | 'threshold', style: object) => ({
    type: 'line' as const,
    from: { data: 'points' },
    encode: { enter: { x, y: { scale: 'y', field }, ...style } },
  });
  return renderSvg({
    width: Math.max(220, Math.min(900, 22 * values.length)),
    height: 150,
    title: { text: title, subtitle: 'dashed: above it is drift' },
    data: [{ name: 'points', values }],
    scales: [
      {
        name: 'x',
        type: 'point',
        domain: values.map(({ partition }) => partition),
        range: 'width',
        padding: 0.5,
      },
      {
        name: 'y',
        type: 'linear',
        domain: { data: 'points', fields: ['value', 'threshold'] },
        range: 'height',
        nice: true,
        zero: true,
      },
    ],
    axes: [
      { orient: 'bottom', scale: 'x', labelAngle: -40, labelAlign: 'right', labelOverlap: true },
      { orient: 'left', scale: 'y', grid: true, tickCount: 5 },
    ],
    marks: [
      line('threshold', { stroke: { value: THRESHOLD }, strokeDash: { value: [4, 3] } }),
      {
        // a window without a neighbour has no line
        type: 'symbol',
        from: { data: 'points' },
        encode: {
          enter: {
            x,
            y: { scale: 'y', field: 'threshold' },
            shape: { value: 'stroke' },
            stroke: { value: THRESHOLD },
            strokeWidth: { value: 2 },
            size: { value: 200 },
          },
        },
      },
      line('value', { stroke: { value: VALUE }, strokeWidth: { value: 2 } }),
      {
        type: 'symbol',
        from: { data: 'points' },
        encode: {
          enter: {
            x,
            y: { scale: 'y', field: 'value' },
            fill: { field: 'colour' },
            size: { value: 40 },
          },
        },
      },
    ],
  });
}
