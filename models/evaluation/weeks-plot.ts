/** A score week by week, with its interval. */
import type { Interval } from './bootstrap.js';
import { LINE_COLOURS, renderSvg } from './render-svg.js';

/** Scores of one model, one for each week. */
export interface WeekLine {
  readonly name: string;
  readonly values: readonly Interval[];
}

/**
 * Draws a line for each model and a bar for each interval.
 *
 * @param weeks [W] names, oldest first
 * @param lines each with W values
 */
export async function plotWeeks(
  weeks: readonly string[],
  lines: readonly WeekLine[],
  title: string,
): Promise<string> {
  const points = lines.flatMap(({ name, values }) =>
    values.map((interval, i) => ({ name, week: weeks[i] ?? '', ...interval })),
  );
  const x = { scale: 'x', field: 'week', band: 0.5 };
  const colour = { scale: 'colour', field: 'name' };
  return renderSvg({
    width: Math.max(240, Math.min(900, 60 * weeks.length)),
    height: 260,
    title: { text: title, subtitle: 'bars: 95 % of the bootstrap replicates' },
    data: [{ name: 'points', values: points }],
    scales: [
      { name: 'x', type: 'point', domain: [...weeks], range: 'width', padding: 0.5 },
      {
        name: 'y',
        type: 'linear',
        domain: { data: 'points', fields: ['lower', 'upper'] },
        range: 'height',
        nice: true,
        zero: false,
      },
      {
        name: 'colour',
        type: 'ordinal',
        domain: lines.map(({ name }) => name),
        range: [...LINE_COLOURS],
      },
    ],
    axes: [
      { orient: 'bottom', scale: 'x', labelAngle: -40, labelAlign: 'right' },
      { orient: 'left', scale: 'y', grid: true, tickCount: 6 },
    ],
    legends: [{ stroke: 'colour', symbolType: 'stroke', orient: 'right' }],
    marks: [
      {
        type: 'rule',
        from: { data: 'points' },
        encode: {
          enter: {
            x,
            y: { scale: 'y', field: 'lower' },
            y2: { scale: 'y', field: 'upper' },
            stroke: colour,
            strokeOpacity: { value: 0.5 },
            strokeWidth: { value: 3 },
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
                x,
                y: { scale: 'y', field: 'value' },
                stroke: colour,
                strokeWidth: { value: 2 },
              },
            },
          },
        ],
      },
    ],
  });
}
