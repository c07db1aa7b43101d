/** The confusion matrix as a heat map. K classes. */
import type { Evaluation } from './classification.js';
import { INK, renderSvg } from './render-svg.js';

/** Up to this many classes a cell is wide enough for its number. */
const LEGIBLE_NUMBERS = 20;

/**
 * Draws each true class as a row that sums to 100 %: right answers in blue, mistakes in orange, both
 * on a square-root scale, so that a mistake of 1 % can be seen.
 *
 * @param title e.g. `app-cnn 3 on 2022-W25`
 */
export async function plotConfusion(evaluation: Evaluation, title: string): Promise<string> {
  const K = evaluation.classes.length;
  const cell = K <= LEGIBLE_NUMBERS ? 34 : Math.max(9, Math.min(20, Math.round(800 / K)));
  const labelSize = Math.min(12, Math.max(7, cell - 3));
  const percent = (ratio: number) => `${(100 * ratio).toFixed(1)} %`;
  const axis = { labelFontSize: labelSize, labelOverlap: false, ticks: false, domain: false };
  const legend = (name: string, title: string) => ({
    fill: name,
    title,
    format: '.0%',
    type: 'gradient' as const,
    gradientLength: 120,
    values: [0.01, 0.1, 0.5, 1],
  });
  return renderSvg({
    width: K * cell,
    height: K * cell,
    title: {
      text: title,
      subtitle: `${evaluation.rows} flows, accuracy ${percent(evaluation.accuracy)}, macro-F1 ${percent(evaluation.macroF1)}; each row sums to 100 %`,
    },
    data: [
      { name: 'cells', values: cellsOf(evaluation) },
      { name: 'none', values: [] },
    ],
    scales: [
      { name: 'x', type: 'band', domain: [...evaluation.classes], range: 'width' },
      { name: 'y', type: 'band', domain: [...evaluation.classes], range: 'height' },
      shareScale('right', ['#ffffff', '#08519c']),
      shareScale('wrong', ['#ffffff', '#d94801']),
    ],
    axes: [
      {
        ...axis,
        orient: 'bottom',
        scale: 'x',
        title: 'predicted',
        labelAngle: -90,
        labelAlign: 'right',
        labelBaseline: 'middle',
      },
      { ...axis, orient: 'left', scale: 'y', title: 'true' },
    ],
    legends: [legend('right', 'right'), legend('wrong', 'mistaken')],
    marks: [
      {
        type: 'rect',
        from: { data: 'cells' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'predicted' },
            y: { scale: 'y', field: 'actual' },
            width: { scale: 'x', band: 1 },
            height: { scale: 'y', band: 1 },
            fill: [
              { test: 'datum.hit', scale: 'right', field: 'share' },
              { scale: 'wrong', field: 'share' },
            ],
            stroke: { value: '#e5e5e5' },
            strokeWidth: { value: 0.5 },
          },
        },
      },
      {
        type: 'text',
        from: { data: K <= LEGIBLE_NUMBERS ? 'cells' : 'none' },
        encode: {
          enter: {
            x: { scale: 'x', field: 'predicted', band: 0.5 },
            y: { scale: 'y', field: 'actual', band: 0.5 },
            text: { field: 'count' },
            align: { value: 'center' },
            baseline: { value: 'middle' },
            fontSize: { value: 10 },
            fill: [{ test: 'datum.share > .35', value: 'white' }, { value: INK }],
          },
        },
      },
    ],
  });
}

function shareScale(name: string, range: string[]) {
  return { name, type: 'sqrt' as const, domain: [0, 1], range, zero: true };
}

/** The cells that are not empty: 180 classes would have 32,400. */
function cellsOf({ classes, confusion, perClass }: Evaluation) {
  const K = classes.length;
  return classes.flatMap((actual, row) =>
    classes.flatMap((predicted, column) => {
      const count = confusion[row * K + column] ?? 0;
      if (count === 0) return [];
      const share = count / Math.max(1, perClass[row]?.support ?? 0);
      return [{ actual, predicted, count, share, hit: row === column }];
    }),
  );
}
