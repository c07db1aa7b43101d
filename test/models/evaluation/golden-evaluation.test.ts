import { describe, expect, test } from 'vitest';
import { fitTemperature } from '../../../models/calibration/temperature.js';
import { bootstrapScores, type Interval } from '../../../models/evaluation/bootstrap.js';
import {
  confusionMatrix,
  evaluate,
  scoreConfusion,
} from '../../../models/evaluation/classification.js';
import { conformalQuantile } from '../../../models/evaluation/conformal.js';
import { falsePositiveRate, openSetRate, rocAuc } from '../../../models/evaluation/ranking.js';
import { confidenceOf, negativeEnergy } from '../../../models/open-world/confidence.js';
import { logSumExp, softmax } from '../../../models/softmax.js';
import { expectClose, readGolden } from '../golden.js';
import { syntheticClasses } from '../synthetic-flows.js';

type Bounds = [value: number, lower: number, upper: number];

interface Golden {
  readonly tolerance: { scores: number; temperature: number; ece: number };
  readonly scores: {
    readonly classes: number;
    readonly logits: number[];
    readonly logSumExp: number[];
    readonly softmax: number[];
    readonly maxProbability: number[];
    readonly margin: number[];
    readonly certainty: number[];
  };
  readonly temperatures: {
    readonly classes: number;
    readonly logits: number[];
    readonly labels: number[];
    readonly temperature: number;
    readonly eceBefore: number;
    readonly eceAfter: number;
  }[];
  readonly rankings: {
    readonly name: string;
    readonly scores: number[];
    readonly positive: number[];
    readonly auc: number;
    readonly fprAt95: number;
  }[];
  readonly openSet: {
    readonly confidence: number[];
    readonly known: number[];
    readonly right: number[];
    readonly area: number;
  };
  readonly f1: {
    readonly classes: number;
    readonly labels: number[];
    readonly predicted: number[];
    readonly macroOccurring: number;
    readonly macroFixed: number;
    readonly weightedFixed: number;
  };
  readonly conformal: {
    readonly alpha: number;
    readonly values: number[];
    readonly rank: number;
    readonly quantile: number;
    readonly numpyHigher: number;
  }[];
  readonly bootstraps: {
    readonly name: string;
    readonly classes: number;
    readonly labels: number[];
    readonly predicted: number[][];
    readonly groups: number[];
    readonly draws: number[];
    readonly replicates: number;
    readonly level: number;
    readonly models: Bounds[][];
    readonly gain: Bounds[];
  }[];
}

const golden = readGolden<Golden>('evaluation');
const { scores: close } = golden.tolerance;

test('softmax, its sum, energy and margin of scores up to 1000 are those of scipy', () => {
  const { classes: K, logits, ...want } = golden.scores;
  const probabilities = softmax(logits, K);
  expectClose(logSumExp(logits, K), want.logSumExp, close);
  expectClose(negativeEnergy(logits, K), want.logSumExp, close);
  expectClose(probabilities, want.softmax, close);
  expectClose(confidenceOf('maxProbability', probabilities, K), want.maxProbability, close);
  expectClose(confidenceOf('margin', probabilities, K), want.margin, close);
  expectClose(confidenceOf('certainty', probabilities, K), want.certainty, close);
});

test.each(golden.temperatures)('temperature $temperature is found', (want) => {
  const K = want.classes;
  const logits = Float64Array.from(want.logits);
  const labels = Int32Array.from(want.labels);
  const temperature = fitTemperature(logits, labels, K);
  expectClose([temperature], [want.temperature], golden.tolerance.temperature);
  const ece = (at: number) =>
    evaluate(Float32Array.from(softmax(logits, K, at)), labels, syntheticClasses(K)).ece;
  expectClose([ece(1)], [want.eceBefore], golden.tolerance.ece);
  expectClose([ece(want.temperature)], [want.eceAfter], golden.tolerance.ece);
});

test.each(golden.rankings)('area and false positives at 95 % recall when $name', (want) => {
  expectClose([rocAuc(want.scores, want.positive)], [want.auc], close);
  expectClose([falsePositiveRate(want.scores, want.positive)], [want.fprAt95], close);
});

test('the open-set classification rate is the area under its curve', () => {
  const { confidence, known, right, area } = golden.openSet;
  expectClose([openSetRate(confidence, known, right)], [area], close);
});

test('a macro-F1 over fixed classes is the mean of all of them, absent ones at 0', () => {
  const { classes: K, labels, predicted, ...want } = golden.f1;
  const confusion = confusionMatrix(Int32Array.from(labels), Int32Array.from(predicted), K);
  const { macroF1, weightedF1, perClass } = scoreConfusion(confusion, syntheticClasses(K));
  const fixed = perClass.reduce((sum, { f1 }) => sum + f1, 0) / K;
  expectClose(
    [macroF1, fixed, weightedF1],
    [want.macroOccurring, want.macroFixed, want.weightedFixed],
    close,
  );
});

describe.each(golden.conformal)('of $values.length values at $alpha', (want) => {
  test(`the conformal bound is number ${want.rank}`, () => {
    expect(conformalQuantile(want.values, want.alpha)).toBe(want.quantile);
  });
});

test('99 values at .1 take the 90th, where numpy takes the 91st', () => {
  const want = golden.conformal.find(({ values }) => values.length === 99)!; // the script makes it
  expect(want.rank).toBe(90);
  const sorted = [...want.values].sort((a, b) => a - b);
  expect(conformalQuantile(want.values, 0.1)).toBe(sorted[89]);
  expect(want.numpyHigher).toBe(sorted[90]);
});

test('too few values promise nothing', () => {
  expect(conformalQuantile([1, 2, 3], 0.1)).toBe(Infinity);
});

test.each(golden.bootstraps)('bootstrap intervals when $name', (want) => {
  let next = 0;
  const got = bootstrapScores({
    labels: Int32Array.from(want.labels),
    predicted: want.predicted.map((answers) => Int32Array.from(answers)),
    classCount: want.classes,
    groups: Int32Array.from(want.groups),
    replicates: want.replicates,
    level: want.level,
    random: { below: () => want.draws[next++] ?? NaN },
  });
  const bounds = ({ value, lower, upper }: Interval) => [value, lower, upper];
  got.models.forEach(({ accuracy, macroF1 }, m) => {
    const [wantAccuracy, wantF1] = want.models[m] ?? [];
    expectClose(bounds(accuracy), wantAccuracy ?? [], close);
    expectClose(bounds(macroF1), wantF1 ?? [], close);
  });
  const gain = got.gains[1]!; // of two models
  expectClose(bounds(gain.accuracy), want.gain[0] ?? [], close);
  expectClose(bounds(gain.macroF1), want.gain[1] ?? [], close);
});
