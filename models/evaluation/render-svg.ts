/** Plots as SVG text, drawn by vega without a canvas. */
import { parse, View, type Spec } from 'vega';

/** Text widths are estimated without a canvas, so labels get room to spare. */
const PLOT_FONT = 'Helvetica, Arial, sans-serif';

/** Ink of text and axes. */
export const INK = '#222222';

/** Colours of lines, in their order. */
export const LINE_COLOURS = ['#2b6ca3', '#d9632a', '#3a8a4d', '#7a4fa3'] as const;

/**
 * Draws a Vega specification.
 *
 * @returns an SVG document with a white background
 */
export async function renderSvg(spec: Spec): Promise<string> {
  const view = new View(
    parse({
      $schema: 'https://vega.github.io/schema/vega/v6.json',
      background: 'white',
      padding: 12,
      config: {
        axis: { labelFont: PLOT_FONT, titleFont: PLOT_FONT, labelColor: INK, titleColor: INK },
        legend: { labelFont: PLOT_FONT, titleFont: PLOT_FONT, labelColor: INK, titleColor: INK },
        title: {
          font: PLOT_FONT,
          subtitleFont: PLOT_FONT,
          color: INK,
          anchor: 'start',
          offset: 10,
        },
      },
      ...spec,
    }),
    { renderer: 'none' },
  );
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
