import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { evaluate } from '../../../models/evaluation/classification.js';
import { plotConfusion } from '../../../models/evaluation/confusion-plot.js';
import { plotImportance } from '../../../models/evaluation/importance-plot.js';
import { plotLearningCurve } from '../../../models/evaluation/learning-curve-plot.js';
import { plotReliability } from '../../../models/evaluation/reliability-plot.js';
import { plotWeeks } from '../../../models/evaluation/weeks-plot.js';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { syntheticClasses } from '../synthetic-flows.js';

// SENTINEL_PLOTS=DIR keeps the drawings, to be looked at.
function keep(name: string, svg: string): string {
  const dir = process.env['SENTINEL_PLOTS'];
  if (dir !== undefined) {
    mkdirSync(dir, { recursive: true });
    writeFileSync(`${dir}/${name}.svg`, svg);
  }
  return svg;
}

function evaluationOf(classCount: number) {
  const random = seededRandom(1);
  const n = classCount * 50;
  const labels = Int32Array.from({ length: n }, () => Math.floor(random.uniform() * classCount));
  const probabilities = new Float32Array(n * classCount);
  labels.forEach((label, i) => {
    const guess = random.uniform() < 0.8 ? label : Math.floor(random.uniform() * classCount);
    probabilities[i * classCount + guess] = 1;
  });
  return evaluate(probabilities, labels, syntheticClasses(classCount));
}

test.each([6, 40, 180])('a confusion matrix of %i classes names each on both axes', async (K) => {
  const svg = keep(`confusion-${K}`, await plotConfusion(evaluationOf(K), 'app-cnn 1, 2022-W25'));
  expect(svg).toMatch(/^<svg/);
  for (const name of syntheticClasses(K)) expect(svg.split(`>${name}<`)).toHaveLength(3);
  expect(svg).toContain('macro-F1');
});

test('importance shows the 25 highest values, highest first', async () => {
  const gains = Array.from({ length: 40 }, (_, i) => ({
    feature: `ppi_direction_${i}`,
    value: i * i,
  }));
  const labels = { title: 'app-xgboost 1', measure: 'average gain per split' };
  const svg = keep('importance', await plotImportance(gains, labels));
  const shown = [...svg.matchAll(/>ppi_direction_(\d+)</g)].map((match) => Number(match[1]));
  expect(shown).toEqual(Array.from({ length: 25 }, (_, i) => 39 - i));
});

test('reliability has a point for each bin with flows', async () => {
  const { reliability } = evaluationOf(6);
  const lines = [
    { name: 'before', bins: reliability },
    { name: 'after', bins: reliability },
  ];
  const svg = keep('reliability', await plotReliability(lines, 'app-ensemble 1'));
  const filled = reliability.filter(({ rows }) => rows > 0).length;
  expect(svg.match(/fill-opacity="0.6"/g)).toHaveLength(2 * filled);
  expect(svg).toContain('>after<');
});

test('weeks have a line for each model and a bar for each interval', async () => {
  const values = [0.8, 0.7, 0.75].map((value) => ({
    ...{ value, lower: value - 0.02, upper: value + 0.03 },
  }));
  const weeks = ['2022-W25', '2022-W26', '2022-W27'];
  const lines = ['app-cnn/1', 'app-cnn/2'].map((name) => ({ name, values }));
  const svg = keep('weeks', await plotWeeks(weeks, lines, 'macro-F1'));
  for (const name of [...weeks, 'app-cnn/1', 'app-cnn/2']) expect(svg).toContain(`>${name}<`);
  expect(svg.match(/stroke-opacity="0.5"/g)).toHaveLength(6);
});

test('a learning curve has a line per series and says which state was kept', async () => {
  const lines = [
    { name: 'train', values: [3, 2, 1.4, 1.1, 0.9] },
    { name: 'validation', values: [3.1, 2.3, 1.9, 1.8, 1.85] },
  ];
  const labels = { title: 'app-xgboost 1', x: 'boosting round', y: 'logloss', best: 4 };
  const svg = keep('learning-curve', await plotLearningCurve(lines, labels));
  expect(svg).toContain('kept, boosting round 4 of 5');
  expect(svg).toContain('>validation<');
});
