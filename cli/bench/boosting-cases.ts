/** Boosted trees through our bindings and through the libraries' Python packages. */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { matrixRows, streamOf } from '../../models/boosting/matrix-rows.js';
import type { BoostedModel } from '../../models/boosting/model.js';
import { findLightgbmLibrary } from '../../models/lightgbm/bindings.js';
import { LIGHTGBM_DEFAULTS, lightgbmParameters } from '../../models/lightgbm/settings.js';
import { trainLightgbm } from '../../models/lightgbm/train.js';
import type { FlowSet, TrainingRequest } from '../../models/model.js';
import { findXgboostLibrary } from '../../models/xgboost/bindings.js';
import { XGBOOST_DEFAULTS, xgboostParameters } from '../../models/xgboost/settings.js';
import { trainXgboost } from '../../models/xgboost/train.js';
import type { ModelCase, ModelCases, ModelsBenchOptions } from './models.js';
import { startPythonPeer } from './python-peer.js';
import { seededFlows } from './seeded-flows.js';

const CLASSES = 20;
const ROUNDS = 10;
const SEED = 7;

/**
 * Training (matrix, rounds and the loss of both parts after each) and prediction of both boosters. Python
 * reads the rows from files; each side holds them in memory before its clock starts.
 */
export async function boostingCases(
  options: ModelsBenchOptions,
  folder: string,
): Promise<ModelCases> {
  const { threads, setupDir, python, flows } = options;
  const classes = Array.from({ length: CLASSES }, (_, k) => `app-${k}`);
  const train = inMemory(flows, 1);
  const validation = inMemory(Math.ceil(flows / 5), 2);
  for (const [name, part] of Object.entries({ train, validation })) {
    for (const batch of matrixRows(streamOf(part.flows), true))
      await appendFile(join(folder, `${name}.f32`), bytesOf(batch));
    await appendFile(join(folder, `${name}.i32`), bytesOf(part.labels));
  }
  const common = { rounds: ROUNDS, patienceRounds: ROUNDS, classWeightCap: 0, threads };
  const task = { classCount: CLASSES, seed: SEED, positiveWeight: 1 };
  const xgboost = { ...XGBOOST_DEFAULTS, ...common, device: 'cpu' } as const;
  const lightgbm = { ...LIGHTGBM_DEFAULTS, ...common };
  const request: TrainingRequest = { train, validation, classes, preset: 'bench', seed: SEED };
  const boosters = {
    xgboost: {
      parameters: xgboostParameters({ ...task, settings: xgboost }, 'cpu'),
      fit: async () =>
        (
          await trainXgboost({
            ...request,
            settings: xgboost,
            libraryPath: findXgboostLibrary(setupDir),
          })
        ).model,
    },
    lightgbm: {
      parameters: lightgbmParameters({ ...task, settings: lightgbm }),
      fit: async () =>
        (
          await trainLightgbm({
            ...request,
            settings: lightgbm,
            libraryPath: findLightgbmLibrary(setupDir),
          })
        ).model,
    },
  };
  const peer = startPythonPeer('models_boosting.py', python);
  const models: BoostedModel[] = [];
  const cases = Object.entries(boosters).flatMap(([name, { parameters, fit }]): ModelCase[] => {
    const ask = (what: 'fit' | 'predict') =>
      peer.ask({ folder, booster: name, what, parameters, rounds: ROUNDS, threads });
    let model: BoostedModel | undefined;
    return [
      {
        label: { case: `${name} fit`, unit: 's', peer: `Python ${name}` },
        ours: async () => {
          const started = performance.now();
          model = await fit();
          const seconds = (performance.now() - started) / 1_000;
          models.push(model);
          return seconds;
        },
        theirs: () => ask('fit'),
      },
      {
        label: { case: `${name} predict`, unit: 'flows/s', peer: `Python ${name}` },
        ours: async () => {
          const started = performance.now();
          model?.predict(train.flows);
          return Promise.resolve((flows * 1_000) / (performance.now() - started));
        },
        theirs: async () => flows / (await ask('predict')),
      },
    ];
  });
  return {
    cases,
    close: async () => {
      for (const model of models) model.dispose();
      await peer.stop();
    },
  };
}

/** Seeded flows as one set. */
function inMemory(n: number, seed: number): { flows: FlowSet; labels: Int32Array } {
  const { labels, flows } = seededFlows(n, CLASSES, seed, n);
  const [whole] = flows.parts();
  if (whole === undefined) throw new RangeError('no flows');
  return { flows: whole, labels };
}

function bytesOf(values: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
