/** `sentinel bench`: how fast we are, against peers in the same run. */
import { resolve } from 'node:path';
import { Argument, Command } from 'commander';
import { benchDrift } from '../bench/drift.js';
import { benchEngine } from '../bench/engine.js';
import { INGEST_PEERS, type IngestPeerName } from '../bench/ingest-peer.js';
import { benchIngest } from '../bench/ingest.js';
import type { BenchAlone, BenchCase } from '../bench/pairs.js';
import { benchTables } from '../bench/tables.js';
import { installation } from '../../activities/installation.js';
import { PipelineError } from '../../contracts/errors.js';
import { wholeNumber } from '../option-values.js';
import { printJson, say, table } from '../output.js';

interface BenchOptions {
  readonly pairs: string;
  readonly peers?: string;
  readonly python: string;
  readonly file: string[];
  readonly flows?: string;
  readonly threads: string;
  readonly json: boolean;
}

const BENCHES = {
  classify: async (pairs: number, options: BenchOptions): Promise<BenchCase[]> => {
    const { benchClassify } = await import('../bench/classify.js'); // native libraries
    const flows = wholeNumber('--flows', options.flows ?? '100000', 1000);
    const threads = wholeNumber('--threads', options.threads, 1);
    return benchClassify({ pairs, flows, threads, setupDir: installation.setupDir }, say);
  },
  drift: (pairs: number, { python }: BenchOptions): Promise<BenchCase[]> =>
    benchDrift({ pairs, python }, say),
  engine: (pairs: number): Promise<BenchCase[]> => benchEngine(pairs, say),
  ingest: (pairs: number, options: BenchOptions): Promise<(BenchCase | BenchAlone)[]> => {
    const peers = peerNames(options.peers ?? '');
    if (peers.length === 0) say('no --peers: ours is measured alone');
    const flows = wholeNumber('--flows', options.flows ?? '500000', 7);
    const files = options.file.map((file) => resolve(file));
    return benchIngest({ pairs, peers, python: options.python, files, flows }, say);
  },
  models: async (pairs: number, options: BenchOptions): Promise<BenchCase[]> => {
    const { benchModels } = await import('../bench/models.js'); // native libraries
    const { setupDir } = installation;
    const flows = wholeNumber('--flows', options.flows ?? '20000', 100);
    const threads = wholeNumber('--threads', options.threads, 1);
    return benchModels({ pairs, python: options.python, setupDir, flows, threads }, say);
  },
  tables: (pairs: number): Promise<(BenchCase | BenchAlone)[]> =>
    benchTables({ pairs, weeks: 52, apps: 180 }, say),
} as const;

/** The `bench` command. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('measure against peers, in alternating pairs; ratios are ours / theirs')
    .addArgument(new Argument('<name>', 'which bench').choices(Object.keys(BENCHES)))
    .option('--pairs <n>', 'pairs a case', '7')
    .option('--peers <names>', `ingest: against which of ${INGEST_PEERS.join(',')}`)
    .option(
      '--python <path>',
      'drift, ingest, models: interpreter with scripts/bench/requirements.txt',
      'python3',
    )
    .option('--file <path...>', 'ingest: these flow files instead of generated ones', [])
    .option(
      '--flows <n>',
      'classify, ingest: rows of the generated day, at least (100000, 500000); models: flows to train on (20000)',
    )
    .option('--threads <n>', 'classify, models: threads of each side', '2')
    .option('--json', 'as JSON', false)
    .action(async (name: keyof typeof BENCHES, options: BenchOptions) => {
      const cases = await BENCHES[name](wholeNumber('--pairs', options.pairs, 1), options);
      if (options.json) {
        printJson({ bench: name, cases });
        return;
      }
      const head = ['case', 'unit', 'ours', 'theirs', 'ratio', '95 % interval', 'peer'];
      process.stdout.write(`${table(head, cases.map(cellsOf))}\n`);
    });
}

function cellsOf(result: BenchCase | BenchAlone): string[] {
  const ours = [result.case, result.unit, result.ours.toFixed(2)];
  if (!('peer' in result)) return ours;
  const { theirs, ratio, interval, peer } = result;
  const range = interval.map((value) => value.toFixed(2)).join(' .. ');
  return [...ours, theirs.toFixed(2), ratio.toFixed(2), range, peer];
}

function peerNames(text: string): IngestPeerName[] {
  const names = text.split(',').filter((name) => name !== '');
  const isPeer = (name: string): name is IngestPeerName =>
    INGEST_PEERS.some((peer) => peer === name);
  if (names.every(isPeer)) return names;
  throw new PipelineError({
    code: 'CLI_USAGE',
    found: `--peers ${text}`,
    expected: `names among ${INGEST_PEERS.join(',')}`,
    fix: 'correct the list',
  });
}
