import path from 'node:path';
import { expect, test } from 'vitest';
import { generateFlows } from '../../activities/jobs/generate-flows.js';
import { classesOf, withLabels } from '../../activities/jobs/label-flows.js';
import { seededRandom } from '../../contracts/seeded-random.js';
import { wholeWeeks } from '../../domain/lifecycle/split-weeks.js';
import { readPart } from '../../feature-store/read-flows.js';
import { evaluate } from '../../models/evaluation/classification.js';
import type { LabelledFlows } from '../../models/model.js';
import { shuffledIndices } from '../../models/random.js';
import { trainXgboost } from '../../models/xgboost/train.js';
import { aHome, deriveFeatures, ingest } from '../feature-store/store-builders.js';
import { xgboostLibrary } from '../models/setup.js';

test('a model of shuffled labels is no better than chance, so that nothing tells it the answer', async () => {
  const home = await aHome();
  const outDir = path.join(home.root, 'raw');
  const weeks = ['2022-W22', '2022-W23'];
  await generateFlows({
    ...{ outDir, weeks, seed: 5, flowsPerWeek: 1400, apps: 6, compression: 'none' },
  });
  await ingest(home, outDir);
  await deriveFeatures(home);
  const [train, validate] = weeks.map((week) => wholeWeeks([week]));
  const selections = { train: train!, validate: validate!, test: wholeWeeks([]) }; // two weeks
  const trainSet = await readPart(home, selections, 'train');
  const { classes } = classesOf(trainSet, 'APP', 8);
  const labelled = withLabels(trainSet, 'APP', classes);
  const validation = withLabels(await readPart(home, selections, 'validate'), 'APP', classes);
  const accuracyOf = async (rows: LabelledFlows): Promise<number> => {
    const { model } = await trainXgboost({
      ...{ train: rows, validation, classes, preset: 'test', seed: 1 },
      settings: { rounds: 10, learningRate: 0.3, maxDepth: 4, maxBins: 32, threads: 1 },
      libraryPath: xgboostLibrary(),
    });
    const { accuracy } = evaluate(model.predict(validation.flows), validation.labels, classes);
    model.dispose();
    return accuracy;
  };
  const order = shuffledIndices(labelled.labels.length, seededRandom(3));
  const shuffled = labelled.labels.map((_, i) => labelled.labels[order[i] ?? 0] ?? 0);
  const largest = Math.max(
    ...classes.map((_, k) => validation.labels.filter((label) => label === k).length),
  );
  const chance = largest / validation.labels.length;
  expect(await accuracyOf(labelled)).toBeGreaterThan(chance + 0.3);
  expect(await accuracyOf({ ...labelled, labels: shuffled })).toBeLessThan(chance + 0.05);
});
