import { expect, test } from 'vitest';
import type { LabelledFlows } from '../../../models/model.js';
import { loadXgboost } from '../../../models/xgboost/bindings.js';
import { Booster, DataMatrix } from '../../../models/xgboost/booster.js';
import { flattenFlows } from '../../../models/xgboost/columns.js';
import { trainXgboost } from '../../../models/xgboost/train.js';
import { expectClose, floatsOf, readGolden } from '../golden.js';
import { syntheticClasses } from '../synthetic-flows.js';
import { xgboostLibrary } from '../setup.js';

// Python's xgboost and ours are the same library: what differs would be our data, weights or calls.

interface PackedFlows {
  readonly n: number;
  readonly labels: number[];
  readonly lengths: number[];
  readonly ppi: string;
  readonly tabular: string;
}

interface Golden {
  readonly tolerance: { probabilities: number; logloss: number; gain: number };
  readonly classes: number;
  readonly features: number;
  readonly rounds: number;
  readonly seed: number;
  readonly train: PackedFlows;
  readonly validation: PackedFlows;
  readonly trainLogloss: number[];
  readonly validationLogloss: number[];
  readonly probabilities: string;
  readonly margins: string;
  readonly gain: Record<string, number>;
  readonly model: { ubj: string; json: string };
}

const golden = readGolden<Golden>('xgboost-training');
const train = unpack(golden.train);
const validation = unpack(golden.validation);

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

test.each([
  ['UBJSON', Buffer.from(golden.model.ubj, 'base64')],
  ['JSON', Buffer.from(golden.model.json)],
])('a model saved by Python as %s gives the same margins, bit for bit', (_, bytes) => {
  const library = loadXgboost(xgboostLibrary());
  const booster = Booster.fromBytes(library, bytes);
  const { n } = validation.flows;
  const columns = 90 + golden.features;
  const matrix = new DataMatrix(library, flattenFlows(validation.flows), n, columns, 2);
  expect(booster.rounds()).toBe(golden.rounds);
  expect(booster.columns()).toBe(columns);
  expect(booster.predict(matrix, 'margin')).toEqual(floatsOf(golden.margins));
  expectClose(
    booster.predict(matrix, 'probability'),
    floatsOf(golden.probabilities),
    golden.tolerance.probabilities,
  );
  matrix.dispose();
  booster.dispose();
});

test('training takes the same course as in Python, with balanced weights', async () => {
  const { model, history } = await trainXgboost({
    train,
    validation,
    classes: syntheticClasses(golden.classes),
    preset: 'golden',
    seed: golden.seed,
    libraryPath: xgboostLibrary(),
    settings: { rounds: golden.rounds, columnShare: 1, classWeightCap: 20 },
  });
  const { logloss, probabilities, gain } = golden.tolerance;
  expectClose(
    history.map(({ trainLogloss }) => trainLogloss),
    golden.trainLogloss,
    logloss,
  );
  expectClose(
    history.map(({ validationLogloss }) => validationLogloss),
    golden.validationLogloss,
    logloss,
  );
  expectClose(model.predict(validation.flows), floatsOf(golden.probabilities), probabilities);
  const wanted = Object.values(golden.gain).sort((a, b) => b - a);
  const got = model.gainImportance().map(({ gain }) => gain);
  expectClose(got.slice(0, wanted.length), wanted, gain, true);
  model.dispose();
});
