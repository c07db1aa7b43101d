/** `sentinel classify` from a raw file to labels, against the time that its stages take one by one. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { classifyFile } from '../../activities/jobs/classify-file.js';
import { namesOf } from '../../activities/jobs/label-flows.js';
import type { LocalModel } from '../../activities/jobs/open-model.js';
import { FeatureDb } from '../../feature-store/duckdb.js';
import {
  connectionsFor,
  parseFlows,
  type ParsedSource,
} from '../../feature-store/ingest/parse-flows.js';
import { readParsedFlows, type FlowSet } from '../../feature-store/read-flows.js';
import { fileHash } from '../../feature-store/sources/checksum.js';
import type { SourceFile } from '../../feature-store/sources/list-sources.js';
import { EnsembleModel } from '../../models/ensemble/model.js';
import { selectFlows, type TrainedModel } from '../../models/model.js';
import { trainCnn } from '../../models/tensorflow/cnn/train.js';
import { findTensorflowLibrary } from '../../models/tensorflow/library.js';
import { findXgboostLibrary } from '../../models/xgboost/bindings.js';
import { trainXgboost } from '../../models/xgboost/train.js';
import { generateDay } from './generated-day.js';
import { comparePairs, type BenchCase } from './pairs.js';

/** What to measure. */
export interface ClassifyBenchOptions {
  readonly pairs: number;
  /** Flows of the file, at least. */
  readonly flows: number;
  /** The set-up folder, where our libraries are. */
  readonly setupDir: string;
  readonly threads: number;
}

/** Rounds of XGBoost; each adds a tree for each of 180 apps. */
const ROUNDS = [5, 20, 100];

/** Flows to train on: speed does not depend on how good a model is. */
const TRAINING = 6_000;

/**
 * Flows per second of an ensemble of XGBoost and a CNN, by the number of trees, against those that the sum of the
 * stages allows when each runs alone: parsing the file, making features, asking each member, writing.
 */
export async function benchClassify(
  options: ClassifyBenchOptions,
  say: (line: string) => void,
): Promise<BenchCase[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sentinel-bench-'));
  try {
    say(`generating a day of at least ${options.flows} flows`);
    const file = await generateDay(folder, options.flows);
    const { size: bytes } = await stat(file);
    const sha256 = await fileHash(file, 'sha256');
    const source = { path: file, bytes, compression: 'none', sha256, unknownColumns: [] } as const;
    const cases: BenchCase[] = [];
    for (const rounds of ROUNDS)
      cases.push(await measure(rounds, { ...options, source, folder }, say));
    return cases;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The stages before a model, each alone: what they give, and their seconds together. */
async function prepare(source: SourceFile, folder: string, threads: number) {
  const db = await FeatureDb.open({ threads: 1, tempDirectory: join(folder, 'spill') });
  const reader = await FeatureDb.open({ threads, tempDirectory: join(folder, 'spill') });
  const stagingDir = join(folder, 'parsed');
  const connections = connectionsFor(threads);
  try {
    const parse = () => parseFlows({ source, stagingDir, db, connections });
    const [parsed, parseSeconds] = await timed(parse);
    const [batches, featureSeconds] = await timed(() => featuresOf(reader, parsed, folder));
    return { batches, seconds: parseSeconds + featureSeconds };
  } finally {
    db.close();
    reader.close();
    await rm(stagingDir, { recursive: true });
  }
}

async function featuresOf(db: FeatureDb, parsed: ParsedSource, folder: string): Promise<FlowSet[]> {
  const batches: FlowSet[] = [];
  await readParsedFlows({ db, parsed, scratchDir: join(folder, 'features') }, (flows) => {
    batches.push(flows);
    return Promise.resolve();
  });
  return batches;
}

interface Measured extends ClassifyBenchOptions {
  readonly source: SourceFile;
  readonly folder: string;
}

async function measure(
  rounds: number,
  { pairs, source, folder, setupDir, threads }: Measured,
  say: (line: string) => void,
): Promise<BenchCase> {
  const { batches } = await prepare(source, folder, threads);
  const members = await train(rounds, batches, setupDir, threads);
  const local = await saveEnsemble(members, join(folder, `rounds-${rounds}`));
  const rows = batches.reduce((sum, { n }) => sum + n, 0);
  const out = join(folder, 'labelled.parquet');
  let write = 0; // of our latest run: it has no way to be alone
  const ours = async () => {
    const [said, seconds] = await timed(() =>
      classifyFile(
        {
          ...{ source, model: local, target: 'APP', maxRejected: '0%', out },
          ...{ force: true, allProbabilities: false },
        },
        { setupDir, scratchDir: join(folder, 'scratch'), threads, progress: () => undefined },
      ),
    );
    ({ write } = said.seconds);
    return rows / seconds;
  };
  const theirs = async () => {
    let { seconds } = await prepare(source, folder, threads);
    for (const { model } of members) {
      const ask = () => batches.forEach((batch) => model.predict(batch));
      seconds += (await timed(() => Promise.resolve(ask())))[1];
    }
    return rows / (seconds + write);
  };
  await ours();
  await theirs(); // both are warm
  const trees = rounds * (members[0]?.model.classes.length ?? 0);
  say(`${trees} trees and a CNN: trained`);
  try {
    return await comparePairs(
      { case: `${trees} trees + CNN`, unit: 'flows/s', peer: 'sum of its stages' },
      { ours, theirs },
      pairs,
    );
  } finally {
    for (const { model } of members) model.dispose();
  }
}

async function train(
  rounds: number,
  batches: readonly FlowSet[],
  setupDir: string,
  threads: number,
) {
  const [first] = batches;
  if (first === undefined) throw new RangeError('a day without flows');
  const classes = [...new Set(batches.flatMap((batch) => namesOf(batch, 'APP')))].sort();
  const taken = Array.from({ length: Math.min(TRAINING, first.n) }, (_, row) => row);
  const names = namesOf(first, 'APP');
  const part = {
    flows: selectFlows(first, taken),
    labels: Int32Array.from(taken, (row) => classes.indexOf(names[row] ?? '')),
  };
  const request = { train: part, validation: part, classes, preset: 'bench', seed: 1 };
  const trees = await trainXgboost({
    ...{ ...request, libraryPath: findXgboostLibrary(setupDir) },
    settings: { rounds, maxDepth: 8, patienceRounds: rounds, threads },
  });
  const cnn = await trainCnn({
    ...{ ...request, libraryPath: findTensorflowLibrary(setupDir) },
    settings: { epochs: 1, statsUnits: 0 },
  });
  return [
    { name: 'app-xgboost', version: '1', weight: 0.5, model: trees.model },
    { name: 'app-cnn', version: '1', weight: 0.5, model: cnn.model },
  ];
}

async function saveEnsemble(
  members: readonly { name: string; version: string; weight: number; model: TrainedModel }[],
  folder: string,
): Promise<LocalModel> {
  const version = { version: '1', transformer: null } as const;
  const saved: LocalModel[] = [];
  for (const { name, model } of members) {
    saved.push({ ...version, name, folder: join(folder, name), members: [] });
    await model.save(join(folder, name));
  }
  const ensemble = join(folder, 'app-ensemble');
  await new EnsembleModel(members, { preset: 'bench', seed: 1 }).save(ensemble);
  return { ...version, name: 'app-ensemble', folder: ensemble, members: saved };
}

/** What it gives, and how many seconds it took. */
async function timed<T>(work: () => Promise<T>): Promise<readonly [T, number]> {
  const started = performance.now();
  const result = await work();
  return [result, (performance.now() - started) / 1_000];
}
