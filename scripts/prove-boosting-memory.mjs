#!/usr/bin/env node
/**
 * Proves what a booster's training holds: `node scripts/prove-boosting-memory.mjs [--kind xgboost]`.
 *
 * Trains `--rounds` rounds on `--flows` flows of `--classes` classes with packets and 73 features, made
 * batch by batch from seeded numbers, in a process of its own, and fails when that process held 7 GB or
 * more. Needs the built `dist/`.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const LIMIT_BYTES = 7e9;

const { values } = parseArgs({
  options: {
    kind: { type: 'string', default: 'xgboost' },
    flows: { type: 'string', default: '2000000' },
    classes: { type: 'string', default: '180' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    train: { type: 'boolean', default: false },
  },
});
const [flows, classes, rounds, threads] = ['flows', 'classes', 'rounds', 'threads'].map((name) =>
  Number(values[name]),
);
if (values.train) await train();
else process.exitCode = await prove();

async function prove() {
  const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--train']);
  const ended = once(child, 'exit');
  const [found] = await Promise.race([once(child, 'message'), ended.then(() => [null])]);
  await ended;
  if (found === null) return 1;
  process.stdout.write(`${JSON.stringify({ ...values, ...found })}\n`);
  return found.peakRssBytes < LIMIT_BYTES ? 0 : 1;
}

async function train() {
  const started = performance.now();
  const { seededFlows } = await import('../dist/cli/bench/seeded-flows.js');
  const setupDir = join(dirname(fileURLToPath(import.meta.url)), '..', '.cache', 'setup');
  const request = {
    train: seededFlows(flows, classes, 1),
    validation: seededFlows(Math.ceil(flows / 20), classes, 2),
    classes: Array.from({ length: classes }, (_, k) => `app-${k}`),
    ...{ preset: 'memory', seed: 7, settings: { rounds, threads } },
  };
  const { model, history } = await trainBooster(request, setupDir);
  model.dispose();
  process.send({
    validationLogloss: history.map(({ validationLogloss }) => validationLogloss),
    seconds: Math.round((performance.now() - started) / 1_000),
    peakRssBytes: process.resourceUsage().maxRSS * 1_024,
  });
  process.disconnect();
}

async function trainBooster(request, setupDir) {
  if (values.kind === 'lightgbm') {
    const { findLightgbmLibrary } = await import('../dist/models/lightgbm/bindings.js');
    const { trainLightgbm } = await import('../dist/models/lightgbm/train.js');
    return trainLightgbm({ ...request, libraryPath: findLightgbmLibrary(setupDir) });
  }
  const { findXgboostLibrary } = await import('../dist/models/xgboost/bindings.js');
  const { trainXgboost } = await import('../dist/models/xgboost/train.js');
  return trainXgboost({ ...request, libraryPath: findXgboostLibrary(setupDir) });
}
