import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { installation } from '../../../activities/installation.js';
import { seededRandom } from '../../../contracts/seeded-random.js';
import { cnnLayers } from '../../../models/tensorflow/cnn/network.js';
import { Graph } from '../../../models/tensorflow/graph.js';
import { loadTensorflow } from '../../../models/tensorflow/library.js';
import { lstmLayers } from '../../../models/tensorflow/lstm/network.js';
import { Network } from '../../../models/tensorflow/network.js';
import { fitScaling, scaleFlows } from '../../../models/tensorflow/scaling.js';
import { Session } from '../../../models/tensorflow/session.js';
import { TrainingStep } from '../../../models/tensorflow/training-step.js';
import { syntheticFlows } from '../synthetic-flows.js';
import { tensorflowLibrary } from '../setup.js';

const library = loadTensorflow(tensorflowLibrary());

test('a process that has loaded the library and done nothing ends without a fault', () => {
  const module = join(installation.root, 'dist/models/tensorflow/library.js');
  const script = `const { loadTensorflow } = await import(process.argv[1]);
    process.stdout.write(loadTensorflow(process.argv[2]).version);`;
  const args = ['--input-type=module', '-e', script, '--', module, tensorflowLibrary()];
  const { status, signal, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect({ status, signal, stdout }).toEqual({ status: 0, signal: null, stdout: library.version });
});

describe('what TensorFlow refuses is told in its words', () => {
  test('an operation that it does not know', () => {
    const graph = new Graph(library);
    expect(() => graph.value('Sqroot', [graph.number(4)])).toThrow(/^TENSORFLOW_CALL .*Sqroot/);
    graph.dispose();
  });

  test('shapes that do not fit, when the graph is made and when it is run', async () => {
    const graph = new Graph(library);
    const [a, b] = [2, 3].map((size) => graph.constant({ shape: [size], values: floats(size) }));
    expect(() => graph.value('AddV2', [a!, b!])).toThrow(/^TENSORFLOW_CALL .*[Dd]imensions/); // two were made
    const input = graph.input('float32', [-1]);
    const sum = graph.value('AddV2', [a!, input]);
    const session = new Session(library, graph);
    const run = { inputs: [[input, { shape: [3], values: floats(3) }]], wanted: [sum] } as const;
    expect(() => session.run(run)).toThrow(/^TENSORFLOW_CALL .*"run".*[Ii]ncompatible shapes/);
    await expect(session.runBeside(run)).rejects.toThrow(/^TENSORFLOW_CALL/);
    session.dispose();
    graph.dispose();
  });

  test('a gradient of what does not depend on it', () => {
    const graph = new Graph(library);
    const [x, y] = [graph.number(1), graph.number(2)];
    expect(() => graph.gradients(graph.value('Square', [x]), [y])).toThrow(/unreachable/);
    graph.dispose();
  });
});

test('predictions, steps and networks give back the memory they took', async () => {
  const { flows, labels } = syntheticFlows({ n: 1_000, classes: 20 });
  const scaled = scaleFlows(flows, fitScaling(flows, true));
  const shape = { classCount: 20, featureCount: scaled.features, dropout: 0.5 };
  const small = lstmLayers({ ...shape, units: 4 });
  const large = cnnLayers({ ...shape, orderUnits: 64, statsUnits: 64, denseUnits: 64 });
  const network = new Network(library, small, scaled.features, seededRandom(1));
  const step = new TrainingStep(network, 1);
  const rows = Int32Array.from({ length: scaled.n }, (_, i) => i);
  const weights = new Float32Array(scaled.n).fill(1);
  const repeat = async (times: number) => {
    for (let i = 0; i < times; i++) {
      network.predict(scaled);
      await step.run({ inputs: network.batch(scaled, rows), labels, weights }, 1e-3, 0);
      new Network(library, large, scaled.features, seededRandom(1)).dispose();
    }
    return process.memoryUsage().rss / 1e6;
  };
  const before = await repeat(20);
  // an input or a network that was kept each time would be 70 MB and more
  expect((await repeat(100)) - before).toBeLessThan(40);
  network.dispose();
});

function floats(size: number): Float32Array {
  return new Float32Array(size).fill(1);
}
