import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serialize } from 'node:v8';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installation } from '../../../activities/installation.js';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { trainLstm } from '../../../models/tensorflow/lstm/train.js';
import { tensorflowLibrary } from '../setup.js';
import { syntheticClasses, syntheticFlows } from '../synthetic-flows.js';

// A training that is cut short goes on from its last epoch, to the bits of one that was not.

const K = 4;
const request = {
  train: syntheticFlows({ n: 1_200, classes: K, seed: 1, noiseBytes: 600 }),
  validation: syntheticFlows({ n: 200, classes: K, seed: 2, noiseBytes: 600 }),
  ...{ classes: syntheticClasses(K), preset: 'test', seed: 5 },
  createdAt: new Date('2022-06-13T04:05:06.789Z'),
  libraryPath: tensorflowLibrary(),
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sentinel-checkpoint-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** One life of a training process: the epochs it told, when, and its history if it came to the end. */
async function live(checkpointDir: string, kill: { epochs: number; ms: number } | null) {
  const program = fileURLToPath(new URL('train-until-killed.mjs', import.meta.url));
  const module = join(installation.root, 'dist/models/tensorflow/two-branch/train.js');
  const child = fork(program, [module, folder, checkpointDir], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const epochs: number[] = [];
  const atMs: number[] = [];
  let history: unknown;
  child.on('message', (message) => {
    if (typeof message === 'object') ({ history } = message as { history: unknown }); // the last message
    if (typeof message === 'number') atMs.push(performance.now());
    if (typeof message === 'number') epochs.push(message);
    if (epochs.length === kill?.epochs) setTimeout(() => child.kill('SIGKILL'), kill.ms);
  });
  await exited;
  return { epochs, atMs, history };
}

test('kills at any moment change no bit of the model', async () => {
  const settings = { epochs: 6, batchSize: 32, patienceEpochs: 6 };
  await writeFile(join(folder, 'request.bin'), serialize({ ...request, settings }));
  const undisturbed = join(folder, 'undisturbed');
  const whole = await live(undisturbed, null);
  const epochMs = (whole.atMs[5]! - whole.atMs[0]!) / 5; // six were told, see below
  expect(whole.epochs).toEqual([1, 2, 3, 4, 5, 6]);

  const killed = join(folder, 'killed');
  const random = seededRandom('kills');
  const lives: Awaited<ReturnType<typeof live>>[] = [];
  for (const epochs of [0, 0, 1, 1, 1]) {
    lives.push(await live(killed, { epochs, ms: random.uniform() * epochMs }));
  }
  lives.push(await live(killed, null));
  expect(lives.filter(({ history }) => history !== undefined).length).toBeLessThan(6); // some were killed
  expect(lives.at(-1)?.epochs[0] ?? 7).toBeGreaterThan(3); // the last went on
  expect(lives.at(-1)?.history).toEqual(whole.history);
  for (const file of ['model.json', 'weights.bin', 'model.onnx']) {
    const bytes = await readFile(join(killed, 'model', file));
    expect(bytes.equals(await readFile(join(undisturbed, 'model', file))), file).toBe(true);
  }
});

test('a training with other settings, data or seed begins anew, as does one whose checkpoint is damaged', async () => {
  const checkpointDir = join(folder, 'other');
  const epochsOf = async (changes: Partial<typeof request>, epochs = 2) => {
    const told: number[] = [];
    const { model } = await trainLstm({
      ...{ ...request, ...changes, checkpointDir },
      settings: { epochs, units: 4, batchSize: 100 },
      onEpoch: ({ epoch }) => told.push(epoch),
    });
    model.dispose();
    return told;
  };
  expect(await epochsOf({})).toEqual([1, 2]);
  expect(await epochsOf({})).toEqual([]);
  expect(await epochsOf({ preset: 'another name' })).toEqual([]);
  expect(await epochsOf({ seed: 6 })).toEqual([1, 2]);
  expect(await epochsOf({ seed: 6 }, 3)).toEqual([1, 2, 3]);
  const labels = Int32Array.from(request.train.labels);
  labels[7] = (labels[7] ?? 0) === 0 ? 1 : 0;
  expect(await epochsOf({ train: { ...request.train, labels } })).toEqual([1, 2]);
  await truncate(join(checkpointDir, 'checkpoint.bin'), 1_000);
  expect(await epochsOf({ train: { ...request.train, labels } })).toEqual([1, 2]);
});
