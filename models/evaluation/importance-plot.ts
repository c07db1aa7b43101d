/** Which features the trees split on. */
import type { FeatureGain } from '../xgboost/model.js';
import { renderSvg } from './render-svg.js';

/** Bars shown: more than this no reader compares. */
const TOP = 25;

/**
 * Draws the features with the highest average gain, the highest on top.
 *
 * @param gains as `XgboostModel.gainImportance` returns them
 */
export async function plotImportance(
  gains: readonly FeatureGain[],
  title: string,
): Promise<string> {
  const bars = [...gains].sort((a, b) => b.gain - a.gain).slice(0, TOP);
  return renderSvg({
    width: 480,
    height: Math.max(1, bars.length) * 18,
    title: {
      text: title,
      subtitle: `average gain per split, top ${bars.length} of ${gains.length}`,
    },
    data: [{ name: 'bars', values: bars.map((bar) => ({ ...bar })) }],
    scales: [
      {
        name: 'x',
        type: 'linear',
        domain: { data: 'bars', field: 'gain' },
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
      { orient: 'bottom', scale: 'x', title: 'gain', grid: true, tickCount: 6 },
      { orient: 'left', scale: 'y', labelFontSize: 11, labelLimit: 260, ticks: false },
    ],
    marks: [
      {
        type: 'rect',
        from: { data: 'bars' },
        encode: {
          enter: {
            x: { scale: 'x', value: 0 },
            x2: { scale: 'x', field: 'gain' },
            y: { scale: 'y', field: 'feature' },
            height: { scale: 'y', band: 1 },
            fill: { value: '#2b6ca3' },
          },
        },
      },
    ],
  });
}
