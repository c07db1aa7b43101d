import { describe, expect, test } from 'vitest';
import { matrixRows, streamOf } from '../../../models/boosting/matrix-rows.js';
import { columnNames } from '../../../models/column-names.js';
import type { BoostedModel } from '../../../models/boosting/model.js';
import type { BoostingRound } from '../../../models/boosting/train.js';
import type { Trees } from '../../../models/boosting/trees.js';
import { loadLightgbm } from '../../../models/lightgbm/bindings.js';
import { LightgbmTrees } from '../../../models/lightgbm/booster.js';
import { trainLightgbm } from '../../../models/lightgbm/train.js';
import type { LabelledFlows, TrainingRequest, TrainingResult } from '../../../models/model.js';
import { loadXgboost } from '../../../models/xgboost/bindings.js';
import { XgboostTrees } from '../../../models/xgboost/booster.js';
import { trainXgboost } from '../../../models/xgboost/train.js';
import { expectClose, floatsOf, readGolden } from '../golden.js';
import { lightgbmLibrary, xgboostLibrary } from '../setup.js';
import { syntheticClasses } from '../synthetic-flows.js';

// Python's packages and ours call the same libraries: what differs would be our data, weights or calls.

interface PackedFlows {
  readonly n: number;
  readonly labels: number[];
  readonly lengths: number[];
  readonly ppi: string;
  readonly tabular: string;
}

interface Course {
  readonly trainLogloss: number[];
  readonly validationLogloss: number[];
  readonly probabilities: string;
  readonly margins: string;
  readonly gain: number[];
  readonly shap: number[][];
}

type Golden = {
  readonly tolerance: Record<'probabilities' | 'logloss' | 'gain' | 'shap', number>;
  readonly classes: number;
  readonly features: number;
  readonly rounds: number;
  readonly seed: number;
  readonly train: PackedFlows;
  readonly validation: PackedFlows;
} & {
  readonly [Library in 'xgboost' | 'lightgbm']: Course & {
    readonly two: Course;
    readonly models: Record<string, string>;
  };
};

const golden = readGolden<Golden>('boosting-training');
const train = unpack(golden.train);
const validation = unpack(golden.validation);
const columns = columnNames(validation.flows.featureNames, true);
const libraries = {
  xgboost: {
    floats: floatsOf,
    train: (request: TrainingRequest) => {
      const settings = { classWeightCap: 20, rounds: golden.rounds, columnShare: 1 };
      return trainXgboost({ ...request, libraryPath: xgboostLibrary(), settings });
    },
  },
  lightgbm: {
    floats: doublesOf,
    train: (request: TrainingRequest) => {
      const settings = {
        classWeightCap: 20,
        rounds: golden.rounds,
        learningRate: 0.05,
        leaves: 4,
        minRowsPerLeaf: 10,
      };
      return trainLightgbm({ ...request, libraryPath: lightgbmLibrary(), settings });
    },
  },
};

function unpack(packed: PackedFlows): LabelledFlows {
  const featureNames = Array.from({ length: golden.features }, (_, f) => `feature_${f}`);
  return {
    labels: Int32Array.from(packed.labels),
    flows: {
      n: packed.n,
      ppi: floatsOf(packed.ppi),
      tabular: floatsOf(packed.tabular),
      lengths: Uint8Array.from(packed.lengths),
      featureNames,
    },
  };
}

/** Little-endian float64 values from base64. */
function doublesOf(base64: string): Float64Array {
  return new Float64Array(new Uint8Array(Buffer.from(base64, 'base64')).buffer);
}

const xgboostTrees = (bytes: Uint8Array) =>
  XgboostTrees.fromBytes(loadXgboost(xgboostLibrary()), bytes, columns, 2);
const lightgbmTrees = (bytes: Uint8Array) => {
  const shape = { columns: columns.length, outputs: golden.classes };
  const text = new TextDecoder().decode(bytes);
  return new LightgbmTrees(loadLightgbm(lightgbmLibrary()), text, shape, 2);
};

const saved: [
  string,
  'xgboost' | 'lightgbm',
  () => Trees & { margins(values: Float32Array): unknown },
][] = [
  [
    'xgboost as UBJSON',
    'xgboost',
    () => xgboostTrees(Buffer.from(golden.xgboost.models['ubj'] ?? '', 'base64')),
  ],
  [
    'xgboost as JSON',
    'xgboost',
    () => xgboostTrees(Buffer.from(golden.xgboost.models['json'] ?? '')),
  ],
  [
    'lightgbm as text',
    'lightgbm',
    () => lightgbmTrees(Buffer.from(golden.lightgbm.models['text'] ?? '')),
  ],
];

test.each(saved)(
  'a model saved by Python, %s, gives the same margins, bit for bit',
  (_, library, load) => {
    const { floats } = libraries[library];
    const trees = load();
    const [rows = new Float32Array()] = matrixRows(streamOf(validation.flows), true);
    expect(trees.rounds).toBe(golden.rounds);
    expect(trees.margins(rows)).toEqual(floats(golden[library].margins));
    const { probabilities } = golden[library];
    expectClose(trees.predict(rows), floats(probabilities), golden.tolerance.probabilities);
    trees.dispose();
  },
);

describe.each(['xgboost', 'lightgbm'] as const)('%s', (library) => {
  const { floats, train: trainOne } = libraries[library];
  const request = { preset: 'golden', seed: golden.seed };

  test('training takes the same course as in Python, with balanced weights', async () => {
    const classes = syntheticClasses(golden.classes);
    const result = await trainOne({ ...request, train, validation, classes });
    expectCourse(result, golden[library]);
    const wanted = floats(golden[library].probabilities);
    expectClose(result.model.predict(validation.flows), wanted, golden.tolerance.probabilities);
    result.model.dispose();
  });

  test('two classes are one logistic output, with a weight for the second', async () => {
    const two = ({ flows, labels }: LabelledFlows) => ({
      flows,
      labels: labels.map((label) => Math.min(label, 1)),
    });
    const result = await trainOne({
      ...{ ...request, train: two(train), validation: two(validation), classes: ['no', 'yes'] },
    });
    expectCourse(result, golden[library].two);
    const yes = floats(golden[library].two.probabilities);
    const wanted = Array.from(yes).flatMap((p) => [1 - p, p]);
    expectClose(result.model.predict(validation.flows), wanted, golden.tolerance.probabilities);
    result.model.dispose();
  });
});

function expectCourse(
  { model, history }: TrainingResult<BoostedModel, BoostingRound>,
  wanted: Course,
) {
  const { logloss, gain, shap } = golden.tolerance;
  const { classes } = model;
  expectClose(
    history.map(({ trainLogloss }) => trainLogloss),
    wanted.trainLogloss,
    logloss,
  );
  expectClose(
    history.map(({ validationLogloss }) => validationLogloss),
    wanted.validationLogloss,
    logloss,
  );
  const gains = new Map(model.gainImportance().map((one) => [one.feature, one.gain]));
  expectClose(
    columns.map((name) => gains.get(name) ?? NaN),
    wanted.gain,
    gain,
    true,
  );
  const found = new Map(
    model.shapImportance(validation.flows).map((one) => [one.feature, one.perClass]),
  );
  // of two classes, each column moves both alike
  const each = wanted.shap.flatMap((values) =>
    classes.length === 2 ? [...values, ...values] : values,
  );
  expectClose(
    columns.flatMap((name) => found.get(name) ?? []),
    each,
    shap,
  );
}
