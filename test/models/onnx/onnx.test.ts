import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { matrixRows, streamOf } from '../../../models/boosting/matrix-rows.js';
import { trainCnn } from '../../../models/tensorflow/cnn/train.js';
import { trainLstm } from '../../../models/tensorflow/lstm/train.js';
import type { NetworkModel } from '../../../models/tensorflow/network-model.js';
import { trainTwoBranch } from '../../../models/tensorflow/two-branch/train.js';
import { SETUP_DIR, tensorflowLibrary } from '../setup.js';
import { syntheticClasses, syntheticFlows } from '../synthetic-flows.js';

// `model.onnx` beside a network says what the network says, to onnxruntime.

const K = 6;
const { flows, labels } = syntheticFlows({ n: 500, classes: K, seed: 3 });
flows.ppi.fill(0, 90, 180); // a flow without packets
flows.lengths[1] = 0;
flows.tabular.set([Infinity, -1e30, NaN, 0]);
const request = {
  ...{ train: { flows, labels }, validation: { flows, labels } },
  ...{ classes: syntheticClasses(K), preset: 'test', seed: 8 },
  libraryPath: tensorflowLibrary(),
};
const settings = { epochs: 2, batchSize: 32 };

const kinds: Record<string, () => Promise<{ model: NetworkModel }>> = {
  lstm: () => trainLstm({ ...request, settings: { ...settings, units: 16 } }),
  cnn: () => trainCnn({ ...request, settings }),
  'cnn on packets alone': () => trainCnn({ ...request, settings: { ...settings, statsUnits: 0 } }),
  'two-branch': () => trainTwoBranch({ ...request, settings }),
};

const pythons = [process.env['SENTINEL_TEST_PYTHON'], join(SETUP_DIR, 'venv', 'bin', 'python')];
const python = pythons.find(
  (path) =>
    path !== undefined && spawnSync(path, ['-c', 'import onnx, onnxruntime, numpy']).status === 0,
);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sentinel-onnx-'));
});
afterAll(() => rm(folder, { recursive: true }));

// `node scripts/setup.mjs --test` installs both packages
describe.skipIf(python === undefined).each(Object.keys(kinds))('%s', (kind) => {
  test('gives onnxruntime the same probabilities, from raw columns', async () => {
    const { model } = await kinds[kind]!(); // a key of the table
    const dir = join(folder, kind);
    await model.save(dir);
    const read = { ...flows, ...(model.featureNames.length === 0 && withoutColumns()) };
    const [matrix = new Float32Array()] = matrixRows(streamOf(read), true); // one batch
    await writeFile(join(dir, 'features.f32'), matrix);
    execFileSync(python!, [resolve(import.meta.dirname, 'run_onnx.py'), dir]); // not skipped
    const bytes = new Uint8Array(await readFile(join(dir, 'probabilities.f32')));
    const theirs = new Float32Array(bytes.buffer);
    const ours = model.predict(flows);
    model.dispose();
    expect(theirs.length).toBe(ours.length);
    const largest = ours.reduce((most, p, i) => Math.max(most, Math.abs(p - theirs[i]!)), 0); // as long
    expect(largest).toBeLessThan(1e-5);
    const winners = (values: Float32Array) =>
      Array.from({ length: flows.n }, (_, i) => {
        const row = values.subarray(i * K, (i + 1) * K);
        return row.indexOf(Math.max(...row));
      });
    expect(winners(theirs)).toEqual(winners(ours));
  });
});

function withoutColumns() {
  return { featureNames: [], tabular: new Float32Array() };
}
