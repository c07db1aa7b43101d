/** Which features the trees split on. */
import { renderSvg } from './render-svg.js';

/** Bars shown: more than this no reader compares. */
const TOP = 25;

/**
 * Draws the features with the highest values, the highest on top.
 *
 * @param importance of every feature
 * @param labels.measure what the values are, in words
 */
export async function plotImportance(
  importance: readonly { readonly feature: string; readonly value: number }[],
  { title, measure }: { readonly title: string; readonly measure: string },
): Promise<string> {
  const bars = [...importance].sort((a, b) => b.value - a.value).slice(0, TOP);
  return renderSvg({
    width: 480,
    height: Math.max(1, bars.length) * 18,
    title: {
      text: title,
      subtitle: `${measure}, top ${bars.length} of ${importance.length}`,
    },
    data: [{ name: 'bars', values: bars.map((bar) => ({ ...bar })) }],
    scales: [
      {
        name: 'x',
        type: 'linear',
        domain: { data: 'bars', field: 'value' },
        range: 'width',
        nice: true,
        zero: true,
      },
      {
        name: 'y',
        type: 'band',
        domain: bars.map(({ feature }) => feature),
        range: 'height',
        padding: 0.25,
      },
    ],
    axes: [
      { orient: 'bottom', scale: 'x', grid: true, tickCount: 6 },
      { orient: 'left', scale: 'y', labelFontSize: 11, labelLimit: 260, ticks: false },
    ],
    marks: [
      {
        type: 'rect',
        from: { data: 'bars' },
        encode: {
          enter: {
            x: { scale: 'x', value: 0 },
            x2: { scale: 'x', field: 'value' },
            y: { scale: 'y', field: 'feature' },
            height: { scale: 'y', band: 1 },
            fill: { value: '#2b6ca3' },
          },
        },
      },
    ],
  });
}
