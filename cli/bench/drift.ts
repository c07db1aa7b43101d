/** The statistics of drift against river and scipy: the same flags and figures, and how fast. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PipelineError } from '../../contracts/errors.js';
import { seededRandom, type SeededRandom } from '../../contracts/seeded-random.js';
import { Adwin, type AdwinOptions } from '../../domain/drift/adwin.js';
import { scaledWasserstein } from '../../domain/drift/distances.js';
import { ksTest } from '../../domain/drift/ks-test.js';
import { klOfNames } from '../../domain/drift/named-counts.js';
import { comparePairs, secondsOf, type BenchCase } from './pairs.js';
import { startPythonPeer, type PythonPeer } from './python-peer.js';

/** What to measure with. */
export interface DriftBenchOptions {
  readonly pairs: number;
  /** Python interpreter that has the peers' packages. */
  readonly python: string;
}

/** Values of the streams whose speed is measured. */
const STEADY = 1_000_000;

/** Values of the streams whose flags are compared under all settings. */
const COMPARED = 100_000;

/** Names on each side of the divergence, a fifth of them on that side alone. */
const NAMES = 50_000;

/** Flows on each side of a test of one feature. */
const FLOWS = 200_000;

/** Relative difference of two figures that are called the same. */
const TOLERANCE = 1e-9;

const SETTINGS = [
  { delta: 0.002, clock: 32, maxBuckets: 5, minWindowLength: 5, gracePeriod: 10 },
  { delta: 0.05, clock: 1, maxBuckets: 5, minWindowLength: 5, gracePeriod: 10 },
  { delta: 0.2, clock: 8, maxBuckets: 3, minWindowLength: 2, gracePeriod: 5 },
  { delta: 0.0001, clock: 64, maxBuckets: 8, minWindowLength: 12, gracePeriod: 100 },
] as const satisfies readonly Required<AdwinOptions>[];

/** Numbers around levels that take turns, each for as long: errors as 0 and 1, or gaussian with deviation 1. */
const STREAMS = {
  '0 and 1': {
    draw: (level: number, random: SeededRandom) => Number(random.uniform() < level),
    steady: [0.06],
    changing: [0.06, 0.1, 0.3, 0.06, 0.2, 0.21],
  },
  gaussian: {
    draw: (level: number, random: SeededRandom) => level + normal(random),
    steady: [0],
    changing: [0, 0.1, 1, -2, -2.2, 0],
  },
} as const;

type StreamName = keyof typeof STREAMS;
const STREAM_NAMES = ['0 and 1', 'gaussian'] as const satisfies readonly StreamName[];

/** What both sides compute from the same files. */
interface Work {
  readonly label: { readonly case: string; readonly unit: string; readonly peer: string };
  readonly ours: () => readonly number[];
  /** What the peer is asked; see scripts/bench/drift_statistics.py. */
  readonly request: object;
  /** The figure of a case by the seconds it took. */
  readonly figure: (seconds: number) => number;
}

/**
 * Compares ADWIN's flags with river's, then times ADWIN, the divergence of names and two tests of a feature in
 * alternating pairs.
 *
 * @throws PipelineError BENCH_PEER_FAILED when the peer ends, or its flags or figures differ from ours
 */
export async function benchDrift(
  { pairs, python }: DriftBenchOptions,
  say: (line: string) => void,
): Promise<BenchCase[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sentinel-bench-'));
  const peer = startPythonPeer('drift_statistics.py', python);
  const out = join(folder, 'out.f64');
  try {
    for (const name of STREAM_NAMES) {
      let drifts = 0;
      for (const settings of SETTINGS) {
        const work = await adwinWork(folder, name, 'changing', settings);
        drifts += (await requireSame(work, peer, out)).length;
      }
      const flags = `${SETTINGS.length} x ${COMPARED} flags`;
      say(`ADWIN, ${name}: ${flags} are those of river, ${drifts} of them drifts`);
    }
    const cases: BenchCase[] = [];
    for (const work of await timedWorks(folder)) {
      await requireSame(work, peer, out);
      const { label, figure } = work;
      const ours = () => Promise.resolve(figure(secondsOf(work.ours)));
      const theirs = async () => figure(await peer.ask({ ...work.request, out }));
      cases.push(await comparePairs(label, { ours, theirs }, pairs));
      say(`${label.case} measured`);
    }
    return cases;
  } finally {
    await peer.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function timedWorks(folder: string): Promise<Work[]> {
  const streams = STREAM_NAMES.map((name) => adwinWork(folder, name, 'steady', SETTINGS[0]));
  const [a, b] = [sample(0), sample(0.01)];
  const inputs = await Promise.all([
    writeNumbers(join(folder, 'a.f64'), a),
    writeNumbers(join(folder, 'b.f64'), b),
  ]);
  const feature = { unit: 'ms', peer: 'scipy' };
  return [
    ...(await Promise.all(streams)),
    await namesWork(folder),
    {
      label: { case: 'KS, a feature', ...feature },
      ours: () => [ksTest(a, b).pValue],
      request: { what: 'ks', inputs },
      figure: milliseconds,
    },
    {
      label: { case: 'Wasserstein, a feature', ...feature },
      ours: () => [scaledWasserstein(a, b)],
      request: { what: 'wasserstein', inputs },
      figure: milliseconds,
    },
  ];
}

async function adwinWork(
  folder: string,
  name: StreamName,
  kind: 'steady' | 'changing',
  settings: Required<AdwinOptions>,
): Promise<Work> {
  const n = kind === 'steady' ? STEADY : COMPARED;
  const { draw, [kind]: levels } = STREAMS[name];
  const random = seededRandom('bench-drift', name, kind);
  const values = Float64Array.from({ length: n }, (_, i) =>
    draw(levels[Math.floor((i * levels.length) / n)] ?? NaN, random),
  );
  const file = await writeNumbers(join(folder, `${name}-${kind}.f64`), values);
  return {
    label: { case: `ADWIN, ${name}`, unit: 'M values/s', peer: 'river' },
    ours: () => {
      const adwin = new Adwin(settings);
      const drifts: number[] = [];
      for (let i = 0; i < n; i++) if (adwin.update(values[i]!)) drifts.push(i); // i < n
      return drifts;
    },
    request: { what: 'adwin', inputs: [file], settings: riverSettings(settings) },
    figure: (seconds) => n / seconds / 1e6,
  };
}

async function namesWork(folder: string): Promise<Work> {
  const windows = [NAMES / 5, 0].map((first) => {
    const random = seededRandom('bench-names', first);
    const counts = Array.from({ length: NAMES }, (_, i) => [
      `host-${first + i}.example${(first + i) % 97}.org`,
      1 + random.below(200),
    ]);
    return JSON.stringify(Object.fromEntries(counts));
  });
  const inputs = windows.map((_, side) => join(folder, `names-${side}.json`));
  await Promise.all(windows.map((text, side) => writeFile(inputs[side] ?? '', text)));
  // read back, so that a name is not the same string on both sides
  const [current, reference] = windows.map(
    (text) => new Map(Object.entries(JSON.parse(text) as Record<string, number>)), // written above
  );
  return {
    label: { case: `KL, ${NAMES} names`, unit: 'ms', peer: 'scipy' },
    ours: () => [klOfNames(current ?? new Map(), reference ?? new Map())],
    request: { what: 'kl', inputs },
    figure: milliseconds,
  };
}

/** Runs both sides once, and returns what they agree on. */
async function requireSame(
  { label, ours, request }: Work,
  peer: PythonPeer,
  out: string,
): Promise<readonly number[]> {
  const got = ours();
  await peer.ask({ ...request, out });
  const bytes = await readFile(out);
  const want = new Float64Array(Uint8Array.from(bytes).buffer);
  const near = (value: number, i: number): boolean =>
    Math.abs(value - (want[i] ?? NaN)) <= TOLERANCE * Math.abs(value);
  if (got.length === want.length && got.every(near)) return got;
  throw new PipelineError({
    code: 'BENCH_PEER_FAILED',
    found: `${label.case}: ${got.length} results, ${got.slice(0, 5).join()} …`,
    expected: `as ${label.peer}: ${want.length} results, ${want.slice(0, 5).join()} …`,
    fix: 'report this: a statistic must give what its reference gives',
  });
}

function riverSettings(settings: Required<AdwinOptions>): object {
  const { delta, clock, maxBuckets, minWindowLength, gracePeriod } = settings;
  return {
    ...{ delta, clock, max_buckets: maxBuckets },
    ...{ min_window_length: minWindowLength, grace_period: gracePeriod },
  };
}

function sample(shift: number): Float64Array {
  const random = seededRandom('bench-sample', shift);
  return Float64Array.from({ length: FLOWS }, () => shift + normal(random));
}

async function writeNumbers(file: string, values: Float64Array): Promise<string> {
  await writeFile(file, values);
  return file;
}

/** Box and Muller's. */
function normal(random: SeededRandom): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()));
  return radius * Math.cos(2 * Math.PI * random.uniform());
}

function milliseconds(seconds: number): number {
  return seconds * 1_000;
}
